import Foundation
import JSONText
import Sandbox
import Testing

private let zero = "00000000000000000000000000"

@Suite("Faults on demand")
struct FaultTests {
    @Test("cut ends WebSockets without a close frame and polls without an answer")
    func cut() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            let client = try await harness.subscribe(list)
            async let poll = harness.http.send("GET", "/sub/?CHANNEL_ID=\(list)")
            _ = try await harness.connections(2)
            #expect(try await harness.fault(#"{"kind":"cut"}"#).json["connections"]?.lenientInt == 2)
            #expect(try await client.frame() == nil)
            #expect(try await poll == nil)
            #expect(harness.sandbox.connections.isEmpty)
        }
    }

    @Test("After many cuts the server still answers: no socket number is left behind")
    func manyCuts() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            for _ in 0..<30 {
                let clients = [try await harness.subscribe(list), try await harness.subscribe(list)]
                _ = try await harness.connections(2)
                harness.sandbox.cut()
                for client in clients { #expect(try await client.frame() == nil) }
            }
            #expect(try await harness.config()["server"] != nil)
        }
    }

    @Test("A client that vanishes is forgotten")
    func vanishing() async throws {
        try await Harness.run { harness in
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            client.disconnect()
            _ = try await harness.connections(0)
        }
    }

    @Test("close sends code and reason to WebSockets and ends polls with the status that stands for the code")
    func close() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            let client = try await harness.subscribe(list)
            async let poll = harness.http.send("GET", "/sub/?CHANNEL_ID=\(list)")
            _ = try await harness.connections(2)
            _ = try await harness.fault(#"{"kind":"close","code":4029,"reason":"4029: enough"}"#)
            let close = try #require(try await client.frame()?.close)
            #expect(close.code == 4029 && close.reason == "4029: enough")
            try await client.send(8, [0x0F, 0xBD])
            _ = try await client.frame()
            #expect(try await client.frame() == nil)
            let answer = try await poll
            #expect(answer?.status == 429 && answer?.text == "4029: enough")
        }
    }

    @Test("A frozen connection stands but gets nothing, pongs included, until it is thawed")
    func freeze() async throws {
        try await Harness.run { harness in
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            harness.sandbox.pingNow()
            #expect(try await client.frame()?.opcode == 9)
            _ = try await harness.fault(#"{"kind":"freeze"}"#)
            harness.sandbox.publish(command: "lost")
            try await client.send(9, Array("1".utf8))
            // Frames are read in order: when the pong has its effect, the ping before it was seen and not answered.
            try await client.send(10, Array("ws ping".utf8))
            try await eventually { harness.sandbox.connections.first?.isAwaitingPong == false }
            _ = try await harness.fault(#"{"kind":"thaw"}"#)
            try await client.send(9, Array("2".utf8))
            #expect(try await client.frame() == SocketClient.Frame(opcode: 10, payload: Array("2".utf8)))
            harness.sandbox.publish(command: "seen")
            let frame = try #require(try await client.frame())
            #expect(envelopes(frame.text).map { $0.text["command"]?.string } == ["seen"])
        }
    }

    @Test("Handshakes and polls are refused as often as ordered")
    func refusals() async throws {
        try await Harness.run({ $0.pollHold = 0.01 }) { harness in
            let list = try await harness.channelList()
            _ = try await harness.fault(#"{"kind":"refuse-upgrade","status":503,"body":"later","count":2}"#)
            _ = try await harness.fault(#"{"kind":"refuse-poll","status":502,"count":1}"#)
            var seen: [Int] = []
            for _ in 0..<3 { seen.append(try await harness.subscribe(list).answer.status) }
            for _ in 0..<2 { seen.append(try await harness.http.get("/sub/?CHANNEL_ID=\(list)").status) }
            #expect(seen == [503, 503, 101, 502, 304])
            _ = try await harness.fault(#"{"kind":"reject-after-accept"}"#)
            let client = try await harness.subscribe(list)
            #expect(client.isOpen)
            #expect(try await client.frame()?.close?.code == 4010)
            #expect(try await harness.fault(#"{"kind":"nonsense"}"#).status == 400)
        }
    }

    struct ConfigFault: Sendable, CustomTestStringConvertible {
        var vector: String
        var status: Int
        var mark: String
        var testDescription: String { vector }
    }

    static let configFaults = [
        ConfigFault(vector: "C4", status: 200, mark: #""channels":[]"#),
        ConfigFault(vector: "C7", status: 200, mark: #""server_enabled":false"#),
        ConfigFault(vector: "C8", status: 200, mark: "SERVER_ERROR"),
        ConfigFault(vector: "C9-wrong-auth", status: 403, mark: "WRONG_AUTH_TYPE"),
        ConfigFault(vector: "C9-expired", status: 401, mark: "expired_token"),
        ConfigFault(vector: "C9-connection", status: 401, mark: "CONNECTION_ERROR"),
        ConfigFault(vector: "C10", status: 200, mark: #""mode":"shared""#),
        ConfigFault(vector: "C13-list", status: 200, mark: #"{"result":[]}"#),
        ConfigFault(vector: "C13-false", status: 200, mark: #"{"result":false}"#),
        ConfigFault(vector: "C13-null", status: 200, mark: #"{"result":null}"#),
        ConfigFault(vector: "C13-text", status: 200, mark: "<html>"),
        ConfigFault(vector: "C15", status: 401, mark: #""code":"expired_token""#),
    ]

    @Test("The next config call gets the ordered answer, the one after it the right one", arguments: configFaults)
    func configFault(_ fault: ConfigFault) async throws {
        try await Harness.run { harness in
            _ = try await harness.fault(#"{"kind":"config-error","vector":"\#(fault.vector)"}"#)
            let answer = try await harness.call("pull.application.config.get")
            #expect(answer.status == fault.status)
            #expect(answer.text.contains(fault.mark))
            #expect(!answer.text.contains("clientId"))
            let next = try await harness.call("pull.application.config.get")
            #expect(next.json["result"]?["channels"]?["private"] != nil)
        }
    }

    @Test("With a delayed history, what is published meanwhile reaches nobody live and stays in the store")
    func historyDelay() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            harness.sandbox.publish(command: "before")
            _ = try await harness.fault(#"{"kind":"history-delay","seconds":2}"#)
            let client = try await harness.subscribe(list, "&mid=\(zero)")
            // The history is read within the handshake's job; the gap is two seconds wide.
            try await Task.sleep(for: .milliseconds(400))
            harness.sandbox.publish(command: "hole")
            _ = try await harness.connections(1)
            harness.sandbox.publish(command: "after")
            var commands: [String?] = []
            while commands.count < 2 {
                let frame = try #require(try await client.frame())
                commands += envelopes(frame.text).map { $0.text["command"]?.string }
            }
            #expect(commands == ["before", "after"])
            _ = try await harness.fault(#"{"kind":"clear"}"#)
            let poll = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(zero)")
            #expect(envelopes(poll.text).count == 3)
        }
    }

    @Test("Out of order, a higher id arrives before a lower one, and none is lost")
    func outOfOrder() async throws {
        try await Harness.run { harness in
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            _ = try await harness.fault(#"{"kind":"out-of-order","probability":1}"#)
            let low = harness.sandbox.publish(command: "low")
            _ = try await harness.fault(#"{"kind":"clear"}"#)
            let high = harness.sandbox.publish(command: "high")
            #expect(low < high)
            var seen: [String] = []
            while seen.count < 2 {
                seen += envelopes(try #require(try await client.frame()).text).map(\.mid)
            }
            #expect(Set(seen) == [low.description, high.description])
            #expect(harness.sandbox.ledger.map(\.id) == [low, high])
        }
    }

    @Test("Garbage goes out as ordered: any bytes in a data frame, or a frame of any kind")
    func garbage() async throws {
        try await Harness.run { harness in
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            _ = try await harness.fault(#"{"kind":"garbage","hex":"ff00"}"#)
            #expect(try await client.frame() == SocketClient.Frame(opcode: 2, payload: [0xFF, 0]))
            _ = try await harness.fault(#"{"kind":"garbage","text":"<html>"}"#)
            #expect(try await client.frame()?.text == "<html>")
            _ = try await harness.fault(#"{"kind":"garbage","first_byte":131,"text":"x"}"#)
            #expect(try await client.frame() == SocketClient.Frame(opcode: 3, payload: [0x78]))
        }
    }

    @Test("The control interface is not for those who come through a proxy")
    func controlIsLocal() async throws {
        try await Harness.run { harness in
            let answer = try await harness.http.send(
                "GET", "/sandbox/secrets", headers: ["X-Forwarded-For": "203.0.113.7"])
            #expect(answer?.status == 404)
        }
    }
}

import Foundation
import JSONText
import Sandbox
import Testing

private let zero = "00000000000000000000000000"

@Suite("A version 5 server")
struct VersionFiveTests {
    private static func token(_ harness: Harness) async throws -> String {
        try #require(try await harness.config()["jwt"]?.string)
    }

    @Test("A token stands for the channels; a changed or an old one does not")
    func token() async throws {
        let clock = TestClock()
        try await Harness.run({ ($0.serverVersion, $0.channelLife) = (5, 100) }, clock: clock) { harness in
            let token = try await Self.token(harness)
            func open(_ token: String) async throws -> SocketClient {
                try await SocketClient(port: harness.port, target: "/subws/?token=\(token)&jsonRpc=true&revision=19")
            }
            // Kept: a client that nobody holds any more is closed.
            let client = try await open(token)
            #expect(client.answer.status == 101)
            #expect(try await harness.connections(1).first?.channels.count == 3)
            #expect(try await open(token + "x").answer.status == 400)
            clock.advance(by: 101)
            #expect(try await open(token).answer.status == 400)
            withExtendedLifetime(client) {}
        }
    }

    @Test("Messages come as remote calls, one or an array; pings are words; acknowledgements are kept")
    func remoteCalls() async throws {
        try await Harness.run({ ($0.serverVersion, $0.pingInterval) = (5, 1) }) { harness in
            let ids = (1...3).map { harness.sandbox.publish(command: "c\($0)").description }
            let token = try await Self.token(harness)
            let client = try await SocketClient(
                port: harness.port, target: "/subws/?token=\(token)&jsonRpc=true&mid=\(zero)&revision=19")
            let unit = try #require(try await client.frame())
            let history = try #require(JSONValue.parse(unit.payload)?.array)
            #expect(history.map { $0["params"]?["mid"]?.string } == ids)
            #expect(history.allSatisfy { $0["method"]?.string == "incoming.message" })
            #expect(history.first?["params"]?["body"]?["command"]?.string == "c1")
            for _ in 0..<2 {
                let ping = try #require(try await client.frame())
                #expect(ping.opcode == 1 && ping.text == "ping")
                try await client.send(1, Array("pong".utf8))
            }
            for id in ids + [ids[0]] { try await client.send(1, Array("mack:\(id)".utf8)) }
            try await eventually { try await harness.http.get("/sandbox/acknowledgements").json.array?.count == 4 }
            let list = try await harness.http.get("/sandbox/acknowledgements").json.array
            #expect(list?.map { $0["mid"]?.string } == ids + [ids[0]])
            harness.sandbox.publish(command: "live")
            var live: JSONValue?
            while live == nil {
                let frame = try #require(try await client.frame())
                if frame.text == "ping" {
                    try await client.send(1, Array("pong".utf8))
                } else {
                    live = .parse(frame.payload)
                }
            }
            #expect(live?["params"]?["body"]?["command"]?.string == "live")
            // A client that does not answer is cut off at the next ping.
            #expect(try await client.frame()?.text == "ping")
            #expect(try await client.frame() == nil)
        }
    }
}

import Foundation
import Sandbox
import Testing

private let zero = "00000000000000000000000000"

@Suite("Doors that are shut")
struct DoorTests {
    @Test("Blocked WebSockets get a proxy's page, or nothing, until the block is lifted; polls and REST work on")
    func blockedUpgrades() async throws {
        try await Harness.run({ $0.pollHold = 0.01 }) { harness in
            let list = try await harness.channelList()
            _ = try await harness.fault(#"{"kind":"block-upgrades"}"#)
            for _ in 0..<3 {
                let client = try await harness.subscribe(list)
                #expect(client.answer.status == 403 && client.answer.text.contains("<html>"))
                #expect(client.answer.headers["content-type"] == "text/html")
            }
            #expect(try await harness.http.get("/sub/?CHANNEL_ID=\(list)").status == 304)
            _ = try await harness.fault(#"{"kind":"block-upgrades","status":502}"#)
            #expect(try await harness.subscribe(list).answer.status == 502)
            _ = try await harness.fault(#"{"kind":"block-upgrades","drop":true}"#)
            await #expect(throws: RawSocket.Failure.self) { try await harness.subscribe(list) }
            _ = try await harness.fault(#"{"kind":"block-upgrades","off":true}"#)
            #expect(try await harness.subscribe(list).isOpen)
            let upgrades = try await harness.http.get("/sandbox/upgrades").json
            #expect(upgrades["accepted"]?.lenientInt == 1 && upgrades["refused"]?.lenientInt == 5)
        }
    }

    @Test("Blocked polls are refused, or hang until the block is lifted; WebSockets work on")
    func blockedPolls() async throws {
        try await Harness.run({ $0.pollHold = 0.01 }) { harness in
            let list = try await harness.channelList()
            _ = try await harness.fault(#"{"kind":"block-polls","status":503}"#)
            #expect(try await harness.http.get("/sub/?CHANNEL_ID=\(list)").status == 503)
            #expect(try await harness.subscribe(list).isOpen)
            _ = try await harness.fault(#"{"kind":"block-polls","hang":true}"#)
            async let poll = harness.http.send("GET", "/sub/?CHANNEL_ID=\(list)")
            try await Task.sleep(for: .milliseconds(500))
            _ = try await harness.fault(#"{"kind":"clear"}"#)
            #expect(try await poll == nil)
            #expect(try await harness.http.get("/sub/?CHANNEL_ID=\(list)").status == 304)
        }
    }

    @Test("While the configuration is unavailable every config call fails, other calls do not, and it ends by itself")
    func configOutage() async throws {
        try await Harness.run { harness in
            _ = try await harness.fault(#"{"kind":"config-unavailable","seconds":60}"#)
            for _ in 0..<3 { #expect(try await harness.call("pull.application.config.get").status == 503) }
            #expect(try await harness.call("server.time").status == 200)
            _ = try await harness.fault(#"{"kind":"clear"}"#)
            #expect(try await harness.call("pull.application.config.get").status == 200)
            _ = try await harness.fault(#"{"kind":"config-unavailable","seconds":1.5,"hang":true}"#)
            let start = ContinuousClock.now
            await #expect(throws: RawSocket.Failure.self) { try await harness.call("pull.application.config.get") }
            #expect(start.duration(to: .now) > .milliseconds(200))
            #expect(try await harness.call("pull.application.config.get").status == 200)
            let calls = harness.sandbox.calls
            #expect(calls.count { $0.error == "fault" } >= 4)
        }
    }

    @Test("A slow handshake succeeds late; a silent one succeeds and nothing follows, pongs included")
    func slowAndSilent() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            harness.sandbox.publish(command: "history")
            _ = try await harness.fault(#"{"kind":"slow-accept","seconds":0.3}"#)
            let start = ContinuousClock.now
            #expect(try await harness.subscribe(list).isOpen)
            #expect(start.duration(to: .now) >= .milliseconds(300))
            _ = try await harness.fault(#"{"kind":"clear"}"#)
            _ = try await harness.fault(#"{"kind":"silent-after-accept"}"#)
            let silent = try await SocketClient(
                port: harness.port, target: "/subws/?CHANNEL_ID=\(list)&mid=\(zero)", timeout: 1.5)
            #expect(silent.isOpen)
            try await silent.send(9, Array("1".utf8))
            harness.sandbox.publish(command: "live")
            await #expect(throws: RawSocket.Failure.self) { try await silent.frame() }
            _ = try await harness.fault(#"{"kind":"silent-after-accept","off":true}"#)
            let client = try await harness.subscribe(list, "&mid=\(zero)")
            #expect(try await client.messages().count == 2)
        }
    }

    @Test("A frozen poll gets neither a message nor the end of its hold")
    func frozenPoll() async throws {
        try await Harness.run({ $0.pollHold = 1.5 }) { harness in
            let list = try await harness.channelList()
            async let poll = harness.http.send("GET", "/sub/?CHANNEL_ID=\(list)")
            _ = try await harness.connections(1)
            harness.sandbox.freeze()
            harness.sandbox.publish(command: "c")
            try await Task.sleep(for: .milliseconds(2_000))
            #expect(harness.sandbox.connections.count == 1)
            harness.sandbox.cut()
            #expect(try await poll == nil)
        }
    }
}

import Foundation
import Sandbox
import Testing

@Suite("Collecting and pings of the push server")
struct CollectingTests {
    @Test("The first message goes out at once, the others of the window come as one frame at its end")
    func collects() async throws {
        try await Harness.run({ $0.flushWindow = 3 }) { harness in
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            let start = ContinuousClock.now
            for index in 0..<6 { harness.sandbox.publish(command: "c", params: Array("{\"i\":\(index)}".utf8)) }
            let first = try #require(try await client.frame())
            #expect(first.opcode == 1)
            #expect(envelopes(first.text).map { $0.text["params"]?["i"]?.lenientInt } == [0])
            let second = try #require(try await client.frame())
            #expect(start.duration(to: .now) >= .milliseconds(2_990))
            #expect(envelopes(second.text).map { $0.text["params"]?["i"]?.lenientInt } == [1, 2, 3, 4, 5])
            // The flush opened no window: the next one goes out at once again.
            let again = ContinuousClock.now
            harness.sandbox.publish(command: "c", params: Array("{\"i\":6}".utf8))
            let third = try #require(try await client.frame())
            #expect(again.duration(to: .now) < .milliseconds(2_900))
            #expect(envelopes(third.text).count == 1)
        }
    }

    @Test("The history is the first message in this sense: it opens the window")
    func historyOpensTheWindow() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            harness.sandbox.publish(command: "old")
            harness.sandbox.publish(command: "old")
            let client = try await harness.subscribe(list, "&mid=00000000000000000000000000")
            _ = try await harness.connections(1)
            let start = ContinuousClock.now
            harness.sandbox.publish(command: "new")
            let history = try #require(try await client.frame())
            #expect(envelopes(history.text).count == 2)
            let live = try #require(try await client.frame())
            #expect(envelopes(live.text).map { $0.text["command"]?.string } == ["new"])
            #expect(start.duration(to: .now) >= .milliseconds(250))
        }
    }

    @Test("An envelope has its members in the servers' order, and the body verbatim")
    func envelopeText() async throws {
        let clock = TestClock()
        try await Harness.run(clock: clock) { harness in
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            harness.sandbox.publishBody(Array("{ \"a\" :\n 1, #!NGINXNME!# ".utf8))
            let frame = try #require(try await client.frame())
            #expect(
                frame.text
                    == "#!NGINXNMS!#{\"id\":1,\"mid\":\"17000000000000000000000001\",\"channel\":\"-\",\"tag\":\"000\","
                    + "\"time\":\"Tue, 14 Nov 2023 22:13:20 GMT\",\"text\":{ \"a\" :\n 1, #!NGINXNME!# }#!NGINXNME!#")
        }
    }

    @Test("Version 3 names the first receiver and sends a message to both channels once")
    func version3() async throws {
        try await Harness.run({ $0.serverVersion = 3 }) { harness in
            let config = try await harness.config()
            let id = try #require(config["channels"]?["private"]?["id"]?.string)
            #expect(!id.contains(":"))
            let client = try await harness.subscribe(nil, "&binaryMode=true")
            _ = try await harness.connections(1)
            harness.sandbox.publish(command: "c", to: .doubled())
            harness.sandbox.publish(command: "d")
            let first = try #require(try await client.frame())
            #expect(first.opcode == 1)
            #expect(first.text.contains("\"channel\":\"\(id.prefix(32))\""))
            let second = try #require(try await client.frame())
            #expect(envelopes(second.text).map { $0.text["command"]?.string } == ["d"])
        }
    }

    @Test("A message for both channels of a connection comes twice under one id, live and in the history")
    func doubledMessages() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            let client = try await harness.subscribe(list)
            _ = try await harness.connections(1)
            let id = harness.sandbox.publish(command: "c", to: .doubled()).description
            let frames = [try await client.frame(), try await client.frame()]
            #expect(frames.compactMap { $0 }.map { envelopes($0.text).map(\.mid) } == [[id], [id]])
            let late = try await harness.subscribe(list, "&mid=00000000000000000000000000")
            let history = try #require(try await late.frame())
            #expect(envelopes(history.text).map(\.mid) == [id, id])
        }
    }

    @Test("Between ping and pong messages are thrown away; they stay in the store")
    func pingWindow() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            let client = try await harness.subscribe(list)
            _ = try await harness.connections(1)
            harness.sandbox.dropBetweenPingAndPong(count: 2)
            let ping = try #require(try await client.frame())
            #expect(ping.opcode == 9 && ping.text == "ws ping")
            try await client.send(10, ping.payload)
            try await eventually { harness.sandbox.connections.first?.isAwaitingPong == false }
            harness.sandbox.publish(command: "after")
            let frame = try #require(try await client.frame())
            #expect(envelopes(frame.text).map { $0.text["command"]?.string } == ["after"])
            #expect(harness.sandbox.connections.first?.droppedMessages == 2)
            let poll = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=00000000000000000000000000")
            #expect(envelopes(poll.text).count == 3)
        }
    }

    @Test("A connection that never answers a ping is destroyed at the next, without a close frame")
    func deadConnection() async throws {
        try await Harness.run({ $0.pingInterval = 0.2 }) { harness in
            let client = try await harness.subscribe()
            #expect(try await client.frame()?.opcode == 9)
            #expect(try await client.frame() == nil)
            #expect(harness.sandbox.connections.isEmpty)
        }
    }

    @Test("A connection that answers its pings lives on")
    func livingConnection() async throws {
        try await Harness.run({ $0.pingInterval = 1.5 }) { harness in
            let client = try await harness.subscribe()
            for _ in 0..<3 {
                let frame = try #require(try await client.frame())
                #expect(frame.opcode == 9)
                try await client.send(10, frame.payload)
            }
            #expect(harness.sandbox.connections.count == 1)
        }
    }

    @Test("The 101st connection of a private channel throws out the oldest with 4029")
    func tooManyConnections() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            let oldest = try await harness.subscribe(list)
            _ = try await harness.connections(1)
            var clients: [SocketClient] = []
            for _ in 0..<100 { clients.append(try await harness.subscribe(list)) }
            #expect(try await oldest.frame()?.close?.code == 4029)
            #expect(try await harness.connections(100).count == 100)
            #expect(clients.count == 100)
        }
    }

    @Test("The server answers a client's ping and its close")
    func answersControlFrames() async throws {
        try await Harness.run { harness in
            let client = try await harness.subscribe()
            try await client.send(9, Array("hi".utf8))
            #expect(try await client.frame() == SocketClient.Frame(opcode: 10, payload: Array("hi".utf8)))
            try await client.send(8, [0x0B, 0xB8])
            #expect(try await client.frame() == SocketClient.Frame(opcode: 8, payload: [0x0B, 0xB8]))
            #expect(try await client.frame() == nil)
        }
    }
}

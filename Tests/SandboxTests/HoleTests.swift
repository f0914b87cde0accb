import Events
import Foundation
import Sandbox
import Synchronization
import Testing

private let zero = "00000000000000000000000000"

@Suite("Holes that open by chance")
struct HoleTests {
    @Test("In a ping window a message is not sent, a ping is, and the message stays in the store")
    func pingWindow() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            let client = try await harness.subscribe(list)
            _ = try await harness.connections(1)
            _ = try await harness.fault(#"{"kind":"ping-window","probability":1}"#)
            harness.sandbox.publish(command: "lost")
            harness.sandbox.publish(command: "twice", to: .doubled())
            _ = try await harness.fault(#"{"kind":"clear"}"#)
            // Nothing is held back until the pongs: the next message comes at once.
            harness.sandbox.publish(command: "seen")
            let frames = [try await client.frame(), try await client.frame(), try await client.frame()].compactMap {
                $0
            }
            #expect(frames.map(\.opcode) == [9, 9, 1])
            #expect(envelopes(frames[2].text).map { $0.text["command"]?.string } == ["seen"])
            let holes = try await harness.http.get("/sandbox/holes").json
            #expect(holes["dropped_at_ping"]?.lenientInt == 2)
            #expect(harness.sandbox.connections.first?.droppedMessages == 2)
            let poll = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(zero)")
            #expect(envelopes(poll.text).count == 4)
        }
    }

    @Test("A hole strikes about as often as it should, and the same seed decides the same")
    func odds() async throws {
        func drops(seed: UInt64) async throws -> Int {
            let count = Mutex(0)
            try await Harness.run({ $0.seed = seed }) { harness in
                let client = try await harness.subscribe()
                _ = try await harness.connections(1)
                harness.sandbox.faults.holes.odds.pingWindow = 0.1
                for _ in 0..<2_000 { harness.sandbox.publish(command: "c") }
                count.withLock { $0 = harness.sandbox.faults.holes.counts.droppedAtPing }
                client.disconnect()
            }
            return count.withLock { $0 }
        }
        let first = try await drops(seed: 7)
        #expect(140...260 ~= first)
        #expect(try await drops(seed: 7) == first)
    }

    @Test("In the subscribe race what is published between reading and registration is neither history nor live")
    func subscribeRace() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            harness.sandbox.publish(command: "before")
            _ = try await harness.fault(#"{"kind":"subscribe-race","probability":1,"seconds":2}"#)
            let client = try await harness.subscribe(list, "&mid=\(zero)")
            try await eventually { harness.sandbox.faults.holes.counts.racedSubscriptions == 1 }
            try await Task.sleep(for: .milliseconds(50))
            harness.sandbox.publish(command: "lost")
            _ = try await harness.connections(1)
            harness.sandbox.publish(command: "after")
            var commands: [String?] = []
            while commands.count < 2 {
                commands += try await client.messages().map { $0.text["command"]?.string }
            }
            #expect(commands == ["before", "after"])
            #expect(harness.sandbox.faults.holes.counts.lostInRace == 1)
            // Without a position there is nothing to read.
            _ = try await harness.subscribe(list)
            #expect(harness.sandbox.faults.holes.counts.racedSubscriptions == 1)
        }
    }

    @Test("A message out of order is stored and sent later than others of higher ids, not only after the next")
    func outOfOrder() async throws {
        try await Harness.run({ $0.flushWindow = 0.001 }) { harness in
            let list = try await harness.channelList()
            let client = try await harness.subscribe(list)
            _ = try await harness.connections(1)
            _ = try await harness.fault(#"{"kind":"out-of-order","probability":1,"seconds":2}"#)
            let low = (0..<8).map { _ in harness.sandbox.publish(command: "low").description }
            _ = try await harness.fault(#"{"kind":"clear"}"#)
            let high = (0..<3).map { _ in harness.sandbox.publish(command: "high").description }
            let early = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(low[7])")
            #expect(envelopes(early.text).map(\.mid) == high)
            var seen: [String] = []
            while seen.count < 11 { seen += try await client.messages().map(\.mid) }
            #expect(Set(seen) == Set(low + high))
            #expect(seen != seen.sorted())
            let counts = harness.sandbox.faults.holes.counts
            #expect(counts.heldBack == 8 && counts.overtaken > 0)
            let all = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(zero)")
            #expect(envelopes(all.text).map(\.mid) == low + high)
            _ = try await harness.http.post("/sandbox/reset", "{}")
            #expect(harness.sandbox.faults.holes.counts.heldBack == 0)
        }
    }

    @Test("Chaos cuts all connections again and again, until it is ended")
    func chaos() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            _ = try await harness.fault(#"{"kind":"chaos","cut_every_seconds":0.05}"#)
            for _ in 0..<3 {
                let client = try await harness.subscribe(list)
                #expect(try await client.frame() == nil)
            }
            _ = try await harness.fault(#"{"kind":"chaos","cut_every_seconds":0}"#)
            try await Task.sleep(for: .milliseconds(60))
            let client = try await harness.subscribe(list)
            _ = try await harness.connections(1)
            try await Task.sleep(for: .milliseconds(150))
            #expect(harness.sandbox.connections.count == 1)
            harness.sandbox.publish(command: "c")
            #expect(try await client.frame()?.opcode == 1)
            let upgrades = try await harness.http.get("/sandbox/upgrades").json
            #expect(upgrades["accepted"]?.lenientInt == 4 && upgrades["open"]?.lenientInt == 1)
        }
    }
}

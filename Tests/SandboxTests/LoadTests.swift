import Foundation
import JSONText
import Sandbox
import Testing

@Suite("The load generator and many connections")
struct LoadTests {
    @Test("A run publishes numbered events of the wanted size on its schedule, and the next one goes on counting")
    func schedule() async throws {
        try await Harness.run { harness in
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            let start = ContinuousClock.now
            let order = #"{"count":300,"rate":150,"size":400,"channel":"both"}"#
            #expect(try await harness.http.post("/sandbox/load", order).status == 200)
            #expect(try await harness.http.post("/sandbox/load", order).status == 409)
            var numbers: [Int] = []
            while numbers.count < 300 {
                let frame = try #require(try await client.frame())
                numbers += envelopes(frame.text).compactMap { $0.text["params"]?["n"]?.lenientInt }
            }
            #expect(numbers == Array(1...300))
            #expect(start.duration(to: .now) >= .milliseconds(1_990))
            let lines = try await harness.http.get("/sandbox/ledger?from=298&limit=10").text
            #expect(lines.split(separator: "\n").count == 2)
            #expect(harness.sandbox.ledger.allSatisfy { $0.size == 400 })
            let progress = try await harness.http.get("/sandbox/load").json
            #expect(progress["done"] == .bool(true) && progress["last_n"]?.lenientInt == 300)
            #expect(harness.sandbox.startLoad(SandboxLoad(count: 1, rate: 0, channel: .shared)))
            try await eventually { harness.sandbox.ledger.count == 301 }
            #expect(harness.sandbox.ledger.last?.number == 301)
        }
    }

    @Test("A load to one subscriber in binary mode arrives whole and in order")
    func binaryLoad() async throws {
        try await Harness.run({ $0.flushWindow = 0.1 }) { harness in
            let client = try await harness.subscribe(nil, "&binaryMode=true")
            _ = try await harness.connections(1)
            harness.sandbox.startLoad(SandboxLoad(count: 2_000, rate: 0))
            var last = 0
            while last < 2_000 {
                let text = String(decoding: try #require(try await client.frame()).payload, as: UTF8.self)
                for piece in text.components(separatedBy: "\"params\":{\"n\":").dropFirst() {
                    let number = Int(piece.prefix { $0.isNumber }) ?? 0
                    #expect(number == last + 1)
                    last = number
                }
            }
        }
    }

    @Test("A run that is stopped ends at once, and the ledger has what was published, of the wanted size")
    func stop() async throws {
        try await Harness.run { harness in
            let order = #"{"count":1000000,"rate":2000,"size":2048,"channel":"both"}"#
            #expect(try await harness.http.post("/sandbox/load", order).status == 200)
            try await eventually { harness.sandbox.ledger.count > 100 }
            let progress = try await harness.http.post("/sandbox/stop-load", "{}").json
            #expect(progress["done"] == .bool(true))
            // One may have its number already and be on its way.
            try await eventually {
                let progress = harness.sandbox.loadProgress
                return progress.lastNumber == progress.published && harness.sandbox.ledger.count == progress.published
            }
            let count = harness.sandbox.ledger.count
            #expect(harness.sandbox.startLoad(SandboxLoad(count: 3, rate: 0)))
            try await eventually { harness.sandbox.loadProgress.isDone }
            #expect(harness.sandbox.ledger.count == count + 3)
            #expect(harness.sandbox.ledger.map(\.number) == (1...count + 3).map { $0 })
            #expect(harness.sandbox.ledger.prefix(count).allSatisfy { $0.size == 2048 })
        }
    }

    @Test("Two hundred users' connections stand at once, and each gets what is for it")
    func manyConnections() async throws {
        try await Harness.run({ $0.users = 200 }) { harness in
            let clients = try await withThrowingTaskGroup(of: (Int, SocketClient).self) { group in
                for user in 1...200 {
                    group.addTask { (user, try await harness.subscribe(try await harness.channelList(user: user))) }
                }
                return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            _ = try await harness.connections(200)
            harness.sandbox.startLoad(SandboxLoad(count: 200, rate: 0, user: nil))
            for (user, client) in clients {
                let frame = try #require(try await client.frame())
                #expect(envelopes(frame.text).map { $0.text["params"]?["n"]?.lenientInt } == [user])
            }
        }
    }
}

import Foundation
import JSONText
import Sandbox
import Testing

private let zero = "00000000000000000000000000"

/// A file's name in a directory of its own, removed with the value.
private final class StorePath: Sendable {
    let path: String

    init() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("sandbox-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        path = directory.appendingPathComponent("store").path
    }

    deinit { try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent) }

    var data: Data { FileManager.default.contents(atPath: path) ?? Data() }
}

@Suite("The push server's store and the file that keeps it")
struct StoreTests {
    @Test("Messages, counter, channels, tokens and the ledger outlive the process, whatever the bodies are")
    func survives() async throws {
        let store = try StorePath()
        let clock = TestClock()
        let keep: @Sendable (inout SandboxOptions) -> Void = {
            $0.storePath = store.path
            $0.users = 2
        }
        let before = Kept()
        try await Harness.run(keep, clock: clock) { harness in
            await before.keep(harness, list: try await harness.channelList())
            harness.sandbox.publish(command: "private", to: .private())
            harness.sandbox.publishBody([0xFF, 0x0A, 0x00, 0x0A])
            harness.sandbox.publish(command: "live only", expiry: 0)
            harness.sandbox.startLoad(SandboxLoad(count: 5, rate: 0, channel: .shared))
            try await eventually { harness.sandbox.loadProgress.isDone }
            await before.keep(ledger: harness.sandbox.ledger.map(\.id.description))
        }
        clock.advance(by: 100)
        try await Harness.run(keep, clock: clock) { harness in
            #expect(try await harness.channelList() == (await before.list))
            #expect(harness.sandbox.credentials.map(\.accessToken) == (await before.tokens))
            #expect(harness.sandbox.ledger.map(\.id.description) == (await before.ledger))
            let history = try await harness.http.get("/sub/?CHANNEL_ID=\(await before.list)&mid=\(zero)")
            #expect(history.text.components(separatedBy: "#!NGINXNMS!#").count == 1 + 7)
            #expect(Data(history.body).range(of: Data([0xFF, 0x0A, 0x00, 0x0A])) != nil)
            #expect(harness.sandbox.publish(command: "next").description == "17000000000000000000000009")
            harness.sandbox.startLoad(SandboxLoad(count: 1, rate: 0))
            try await eventually { harness.sandbox.loadProgress.isDone }
            #expect(harness.sandbox.ledger.last?.number == 6)
        }
    }

    @Test("A server that has lost its store begins a newer generation; the portal and the ledger stay")
    func forgets() async throws {
        let store = try StorePath()
        let clock = TestClock()
        let before = Kept()
        try await Harness.run({ $0.storePath = store.path }, clock: clock) { harness in
            await before.keep(harness, list: try await harness.channelList())
            harness.sandbox.publish(command: "old")
        }
        clock.advance(by: 100)
        let forget: @Sendable (inout SandboxOptions) -> Void = {
            $0.storePath = store.path
            $0.forgetsMessages = true
        }
        try await Harness.run(forget, clock: clock) { harness in
            #expect(harness.sandbox.credentials.map(\.accessToken) == (await before.tokens))
            let id = harness.sandbox.publish(command: "new").description
            #expect(id == "17000001000000000000000001")
            let history = try await harness.http.get("/sub/?CHANNEL_ID=\(await before.list)&mid=\(zero)")
            #expect(envelopes(history.text).map(\.mid) == [id])
            #expect(harness.sandbox.ledger.count == 2)
        }
        // What was forgotten once does not come back.
        try await Harness.run({ $0.storePath = store.path }, clock: clock) { harness in
            let history = try await harness.http.get("/sub/?CHANNEL_ID=\(await before.list)&mid=\(zero)")
            #expect(envelopes(history.text).map(\.mid) == ["17000001000000000000000001"])
        }
    }

    @Test("A record that was not finished is cut off, and the file goes on behind the last whole one")
    func tornRecord() async throws {
        let store = try StorePath()
        let clock = TestClock()
        try await Harness.run({ $0.storePath = store.path }, clock: clock) { harness in
            harness.sandbox.publish(command: "whole")
            harness.sandbox.publish(command: "torn")
        }
        let data = store.data
        try data.dropLast(10).write(to: URL(fileURLWithPath: store.path))
        try await Harness.run({ $0.storePath = store.path }, clock: clock) { harness in
            #expect(harness.sandbox.ledger.count == 1)
            #expect(harness.sandbox.publish(command: "again").counter == 2)
            #expect(harness.sandbox.publish(command: "and again").counter == 3)
        }
        try await Harness.run({ $0.storePath = store.path }, clock: clock) { harness in
            #expect(harness.sandbox.ledger.map(\.id.counter) == [1, 2, 3])
        }
    }

    @Test("A file that is no store is refused and left as it is")
    func foreignFile() async throws {
        let store = try StorePath()
        try Data("something else\n".utf8).write(to: URL(fileURLWithPath: store.path))
        await #expect(throws: StoreFailure.self) {
            try await Harness.run({ $0.storePath = store.path }) { _ in }
        }
        #expect(store.data == Data("something else\n".utf8))
    }

    @Test("A store that loses its data begins again with the same digits, and gives the same ids to other messages")
    func losesStore() async throws {
        let store = try StorePath()
        let clock = TestClock()
        let before = Kept()
        try await Harness.run({ $0.storePath = store.path }, clock: clock) { harness in
            await before.keep(harness, list: try await harness.channelList())
            let first = harness.sandbox.publish(command: "old")
            harness.sandbox.publish(command: "old too")
            _ = try await harness.fault(#"{"kind":"lose-store"}"#)
            #expect(harness.sandbox.publish(command: "new") == first)
            let history = try await harness.http.get("/sub/?CHANNEL_ID=\(await before.list)&mid=\(zero)")
            #expect(envelopes(history.text).map { $0.text["command"]?.string } == ["new"])
            #expect(harness.sandbox.ledger.count == 3)
        }
        try await Harness.run({ $0.storePath = store.path }, clock: clock) { harness in
            #expect(harness.sandbox.publish(command: "newer").counter == 2)
            #expect(harness.sandbox.ledger.count == 4)
        }
    }

    @Test("A store restored from an older copy repeats ids, keeps what is older, and remembers that over a restart")
    func counterBack() async throws {
        let store = try StorePath()
        let clock = TestClock()
        let before = Kept()
        try await Harness.run({ $0.storePath = store.path }, clock: clock) { harness in
            await before.keep(harness, list: try await harness.channelList())
            for index in 1...5 { harness.sandbox.publish(command: "old\(index)") }
            _ = try await harness.fault(#"{"kind":"counter-back","by":2}"#)
            #expect(harness.sandbox.publish(command: "new4").counter == 4)
        }
        try await Harness.run({ $0.storePath = store.path }, clock: clock) { harness in
            let history = try await harness.http.get("/sub/?CHANNEL_ID=\(await before.list)&mid=\(zero)")
            let commands = envelopes(history.text).map { $0.text["command"]?.string }
            #expect(commands == ["old1", "old2", "old3", "new4"])
            #expect(harness.sandbox.publish(command: "new5").counter == 5)
        }
    }

    @Test("A message leaves the store after the retention, however long its expiry is")
    func retention() async throws {
        let clock = TestClock()
        try await Harness.run({ $0.retention = 20 }, clock: clock) { harness in
            let list = try await harness.channelList()
            harness.sandbox.publish(command: "first")
            clock.advance(by: 15)
            harness.sandbox.publish(command: "second")
            clock.advance(by: 6)
            let history = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(zero)")
            #expect(envelopes(history.text).map { $0.text["command"]?.string } == ["second"])
        }
    }

    @Test("The private and the public id of a channel are keys of their own: each gives its newest hundred")
    func publicKey() async throws {
        let limits: @Sendable (inout SandboxOptions) -> Void = {
            $0.historyPerChannel = 100
            $0.historyTotal = 200
        }
        try await Harness.run(limits) { harness in
            let channel = try #require(try await harness.config()["channels"]?["private"])
            let id = try #require(channel["id"]?.string)
            let parts = id.prefix { $0 != "." }.split(separator: ":")
            for _ in 0..<120 { harness.sandbox.publish(command: "portal", to: .private()) }
            // The portal's own door publishes to both keys at once; the private part is given up by the limit.
            let target = "/pub/?CHANNEL_ID=\(Harness.encode(id))"
            for _ in 0..<10 {
                _ = try await harness.http.post(target, #"{"command":"both"}"#, headers: ["Message-Expiry": "100"])
            }
            let answer = try await harness.http.get("/sub/?CHANNEL_ID=\(Harness.encode(id))&mid=\(zero)")
            let commands = envelopes(answer.text).compactMap { $0.text["command"]?.string }
            #expect(parts.count == 2)
            #expect(commands.count == 110)
            #expect(commands.count { $0 == "both" } == 20)
        }
    }
}

/// What the first of two lives tells the second.
private actor Kept {
    var list = ""
    var tokens: [String] = []
    var ledger: [String] = []

    func keep(_ harness: Harness, list: String) {
        self.list = list
        tokens = harness.sandbox.credentials.map(\.accessToken)
    }

    func keep(ledger: [String]) { self.ledger = ledger }
}

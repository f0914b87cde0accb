import Events
import Foundation
import TestRandom
import Testing

@testable import Journal

@Suite("Looking at a journal", .timeLimit(.minutes(5)))
struct JournalViewTests {
    private let place = TestDirectory()

    private func open() throws -> Journal {
        // The samples are of long ago: nothing of them may go meanwhile.
        try Journal.open(directory: place.state, options: options { $0.keep = .seconds(10_000_000_000) })
    }

    private func view() throws(JournalError) -> JournalView { try JournalView.open(directory: place.state) }

    private func failure(_ directory: String? = nil) -> JournalError? {
        do throws(JournalError) {
            _ = try JournalView.open(directory: directory ?? place.state)
            return nil
        } catch {
            return error
        }
    }

    /// A journal with some events and dead letters in it, closed.
    private func fill(_ events: UInt64 = 30, dead: UInt64 = 0) async throws {
        let journal = try open()
        let reader = try journal.reader(named: "a")
        for number in 0..<events / 3 {
            try await journal.append(entry(3, from: number * 3 + 1, at: Int64(number) * 10))
        }
        _ = try await reader.drain(through: events)
        if dead > 0 { reader.bury(dead) }
        await journal.close()
    }

    private func all(_ view: JournalView, from first: UInt64 = 0, limit: Int = 250) throws -> [EventBatch] {
        var result: [EventBatch] = []
        var next = first
        while case let batches = try view.batches(from: next, limit: limit), let last = batches.last {
            result += batches
            next = last.lastSequence + 1
        }
        return result
    }

    // MARK: what it sees

    @Test("a view shows what is on disk: numbers, events, portals, sinks and letters, page by page")
    func closed() async throws {
        try await fill(30, dead: 10)
        let journal = try open()
        let other = try journal.reader(named: "b")
        try await journal.append(entry(3, portal: "other", from: 31, at: 1000))
        _ = try await other.drain(through: 33)
        other.bury(3)
        await journal.close()
        let view = try view()
        #expect(try view.firstSequence == 1 && view.lastSequence == 33)
        #expect(try all(view).map(\.firstSequence) == (0..<11).map { $0 * 3 + 1 })
        #expect(try all(view, from: 5)[0].text(0).hasPrefix("5 "))
        #expect(try view.batches(from: 34, limit: .max).isEmpty)
        #expect(try view.portals() == ["acme", "other"])
        #expect(try view.sinks().map(\.name) == ["a", "b"])
        #expect(try view.sinks()[0].cursor.dead == 10)
        #expect(try view.deadLetterCounts() == ["a": 10, "b": 3])
        var letters: [DeadLetter] = []
        while case let page = try view.deadLetters(sink: nil, after: letters.last, limit: 4), !page.isEmpty {
            letters += page
        }
        #expect(letters.map { "\($0.sink)\($0.sequence)" } == (1...10).map { "a\($0)" } + (31...33).map { "b\($0)" })
        #expect(try view.deadLetters(sink: "b", limit: 10).map(\.sequence) == [31, 32, 33])
        #expect(try view.deadLetters(sink: "a", after: letters[8], limit: 10).map(\.sequence) == [10])
        #expect(try view.deadLetters(sink: "c", limit: 10).isEmpty)
        #expect(try view.deadLetters(sink: "a", limit: -1).isEmpty)
    }

    @Test("an empty journal is one whose next event has the number 1")
    func empty() async throws {
        await (try open()).close()
        let view = try view()
        #expect(try view.firstSequence == 1 && view.lastSequence == 0)
        #expect(try view.batches(from: 0, limit: 100).isEmpty)
        #expect(try view.sequence(receivedSince: 0) == nil)
        #expect(try view.deadLetters(sink: nil, limit: 9).isEmpty)
    }

    @Test("the first event received since a time is found, also where rows are missing", arguments: 1...4)
    func since(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        try await fill(300)
        do {
            let database = try Database(path: place.file, mode: .readWrite)
            for _ in 0..<random.below(60) where seed > 1 {
                try database.execute("DELETE FROM batch WHERE last = \(random.below(101) * 3)")
            }
        }
        let rows = try all(view(), limit: .max).filter { $0.events[0].shape != .gap }
        for time in Int64(-1)...1001 {
            #expect(try view().sequence(receivedSince: time) == rows.first { $0.receivedAt >= time }?.firstSequence)
        }
    }

    @Test("damage is a gap record in the events' place, and in a letter's, which can be dropped")
    func damaged() async throws {
        try await fill(30, dead: 5)
        do {
            let database = try Database(path: place.file, mode: .readWrite)
            try database.execute("UPDATE batch SET content = zeroblob(20) WHERE last = 6")
            try database.execute("UPDATE batch SET first = 500 WHERE last = 3")
            try database.execute("DELETE FROM batch WHERE last = 30")
            try database.execute("UPDATE dead SET reason = 'taken' WHERE sequence = 2")
            try database.execute(
                "UPDATE dead SET content = zeroblob(9), attempts = \(Int64.max) WHERE sequence = 4")
        }
        #expect(throws: JournalError.self) { try Journal.check(directory: place.state) }
        let view = try view()
        let batches = try all(view)
        #expect(batches.map(\.firstSequence) == [6, 7, 10, 13, 16, 19, 22, 25, 30])
        #expect(batches.map { $0.events[0].shape == .gap } == [true] + Array(repeating: false, count: 7) + [true])
        let letters = try view.deadLetters(sink: "a", limit: 10)
        #expect(letters.map(\.sequence) == Array(1...5))
        #expect(letters.map { $0.batch.events[0].shape == .gap } == [false, true, false, true, false])
        // Whoever sends it again counts on.
        #expect(letters[3].attempts < .max)
        #expect(try view.drop(sink: "a", sequences: [2, 4]) == 2)
        #expect(try view.deadLetters(sink: "a", limit: 10).map(\.sequence) == [1, 3, 5])
    }

    // MARK: beside a daemon

    @Test("a view follows what is appended, over a restart of the daemon, and misses nothing")
    func follows() async throws {
        var journal = try open()
        let view = try view()
        let following = Task {
            var seen: [UInt64] = []
            while seen.count < 900 {
                try await view.waitForMore(after: seen.last ?? 0, poll: .milliseconds(1))
                for batch in try view.batches(from: (seen.last ?? 0) + 1, limit: 2000) {
                    seen += batch.events.indices.map { batch.firstSequence + UInt64($0) }
                }
            }
            return seen
        }
        for number in 0..<300 as Range<UInt64> {
            try await journal.append(entry(3, from: number * 3 + 1))
            if number % 100 == 99 {
                await journal.close()
                journal = try open()
            }
        }
        #expect(try await following.value == Array(1...900))
        #expect(view.replacements == 0)
        await journal.close()
    }

    @Test("waiting ends when the task is cancelled")
    func cancelled() async throws {
        try await fill()
        let view = try view()
        let waiting = Task { try await view.waitForMore(after: 30, poll: .seconds(3600)) }
        waiting.cancel()
        try await waiting.value
        try await view.waitForMore(after: 29, poll: .seconds(3600))
    }

    @Test("no answer keeps a snapshot: the log can be copied whole and emptied after each")
    func noSnapshot() async throws {
        let journal = try open()
        let reader = try journal.reader(named: "a")
        let view = try view()
        for number in 0..<20 as Range<UInt64> {
            try await journal.append(entry(3, from: number * 3 + 1))
            _ = try await reader.drain(through: number * 3 + 3)
            reader.bury(3)
            await reader.settle()
            _ = try view.batches(from: 1, limit: 1)
            _ = try view.sequence(receivedSince: 0)
            _ = try view.deadLetters(sink: "a", limit: 1)
            _ = try view.requestRetry(sink: "a", sequences: [1])
            _ = try (view.portals(), view.sinks(), view.lastSequence, view.firstSequence)
            try await view.waitForMore(after: 0, poll: .zero)
            try Database(path: place.file, mode: .readWrite, busyTimeout: 0).checkpoint(.truncate)
        }
        await journal.close()
    }

    @Test("another journal in the file's place is read from then on; while none is there the old one is")
    func replaced() async throws {
        try await fill(30)
        let view = try view()
        let waiting = Task { try await view.waitForMore(after: 30, poll: .milliseconds(1)) }
        try FileManager.default.moveItem(atPath: place.state, toPath: place.path + "/old")
        #expect(try view.lastSequence == 30)
        let journal = try open()
        let reader = try journal.reader(named: "a")
        for number in 0..<2 as Range<UInt64> { try await journal.append(entry(3, from: number * 3 + 1)) }
        _ = try await reader.drain(through: 6)
        reader.bury(2)
        await reader.settle()
        try await waiting.value
        #expect(view.replacements == 1)
        #expect(try view.lastSequence == 6)
        #expect(try all(view).map(\.firstSequence) == [1, 4])
        #expect(try view.requestRetry(sink: "a", sequences: [1]) == 1)
        #expect(view.replacements == 1)
        // The old connection has gone, and left the new journal's log alone.
        #expect(TestFiles.exists(place.file + "-wal"))
        #expect(try reader.requestedRetries(limit: 9).map(\.sequence) == [1])
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("after a crash of the daemon, with none running, all that was committed is there, and letters can be marked")
    func afterCrash() async throws {
        let copy = place.path + "/copy"
        let journal = try open()
        journal.keeper.withLock { $0 = nil }
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(9))
        _ = try await reader.drain(through: 9)
        reader.bury(2)
        await reader.settle()
        try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: place.file + suffix, toPath: copy + "/journal.sqlite" + suffix)
        }
        await journal.close()
        do {
            let view = try JournalView.open(directory: copy)
            #expect(try view.lastSequence == 9)
            #expect(try view.requestRetry(sink: "a", sequences: [2]) == 1)
        }
        let again = try Journal.open(directory: copy, options: options())
        #expect(try again.reader(named: "a").requestedRetries(limit: 5).map(\.sequence) == [2])
        await again.close()
    }

    // MARK: refusals

    @Test("a directory without a journal is named, with the cure")
    func missing() {
        #expect(failure()?.code == .missing)
        #expect(failure()?.message == "there is no journal: \(place.file) is missing")
        #expect(failure()?.cure.isEmpty == false)
        #expect(!TestFiles.exists(place.state))
    }

    @Test("what is no journal, or a newer one, is refused and not touched")
    func refused() async throws {
        try await fill()
        try Database(path: place.file, mode: .readWrite).execute("PRAGMA user_version = 3")
        #expect(failure()?.code == .newerSchema)
        for content in ["", "no database, but long enough to be looked at as one"] {
            try TestFiles.write(Array(content.utf8), place.file)
            #expect(failure()?.code == .damaged)
            #expect(try TestFiles.bytes(place.file) == Array(content.utf8))
        }
    }

    @Test(
        "a user who may not use the files is told so, and as whom to run",
        .enabled(if: geteuid() == 0, "only root can become another user"), arguments: [false, true])
    func forbidden(canRead: Bool) async throws {
        try await fill()
        if canRead {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: place.state)
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: place.file)
        }
        let state = place.state
        let error = try await asAnotherUser { () -> JournalError? in
            do throws(JournalError) {
                _ = try JournalView.open(directory: state)
                return nil
            } catch {
                return error
            }
        }
        #expect(error?.code == .forbidden)
        #expect(error?.message.contains("cannot be used by this user") == true)
        #expect(error?.cure.contains("as the user that pulld runs as") == true)
    }

    /// On a thread whose file access is that of nobody (setfsuid(2)).
    private func asAnotherUser<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async throws -> Value {
        typealias SetUser = @convention(c) (UInt32) -> Int32
        let setUser = unsafeBitCast(try #require(dlsym(nil, "setfsuid")), to: SetUser.self)
        return await withCheckedContinuation { continuation in
            Thread {
                _ = setUser(65_534)
                continuation.resume(returning: body())
                _ = setUser(0)
            }.start()
        }
    }
}

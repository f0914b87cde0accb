import Events
@testable import Journal
import Testing

@Suite("Appending and reading", .timeLimit(.minutes(5)))
struct AppendTests {
    private let place = TestDirectory()

    private func journal(_ change: (inout JournalOptions) -> Void = { _ in }) throws -> Journal {
        try Journal.open(directory: place.state, options: options(change))
    }

    @Test("sequence numbers begin at 1 and go on without a gap from batch to batch, and readers get what was appended")
    func sequence() async throws {
        let journal = try journal()
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(3))
        try await journal.append(entry(1, from: 4))
        try await journal.append(entry(600, from: 5))
        let batches = try await reader.drain(through: 604)
        #expect(batches.map(\.firstSequence) == [1, 4, 5])
        #expect(batches[2].text(599).hasPrefix("604 "))
        #expect(journal.counts.lastSequence == 604)
        await journal.close()
    }

    @Test("readers get only what is on disk")
    func committedOnly() async throws {
        let journal = try journal()
        let reader = try journal.reader(named: "a")
        for number in 1...200 {
            try await journal.append(entry(from: UInt64(number)))
            let batches = try #require(try await reader.next())
            #expect(batches[0].lastSequence <= journal.counts.committedSequence)
        }
        await journal.close()
    }

    @Test("every reader gets everything, from memory and from disk alike")
    func twoReaders() async throws {
        let journal = try journal { $0.window = 2000 }
        let readers = [try journal.reader(named: "a"), try journal.reader(named: "b")]
        for number in 0..<100 { try await journal.append(entry(3, from: UInt64(number * 3 + 1))) }
        try await journal.committed()
        #expect(journal.counts.memoryBytes <= 2000)
        for (reader, budget) in zip(readers, [1, 1_000_000]) {
            let batches = try await reader.drain(through: 300, budget: budget)
            #expect(batches.count == 100)
            #expect(
                batches.flatMap { batch in batch.events.indices.map { batch.text($0) } }.enumerated()
                    .allSatisfy { $1.hasPrefix("\($0 + 1) ") })
        }
        await journal.close()
    }

    @Test("a reader made again goes on behind its cursor: what the one before it had beyond that comes again")
    func again() async throws {
        let journal = try journal()
        let first = try journal.reader(named: "a")
        try await journal.append(entry(5))
        try await journal.append(entry(5, from: 6))
        _ = try await first.drain(through: 10)
        var cursor = first.cursor
        cursor.sequence = 5
        cursor.delivered = 5
        first.commit(cursor)
        let second = try journal.reader(named: "a")
        #expect(second.cursor.sequence == 5)
        try await journal.append(entry(5, from: 11))
        let batches = try await second.drain(through: 15)
        #expect(batches.map(\.firstSequence) == [6, 11])
        #expect(journal.counts.faults == 0)
        await journal.close()
    }

    @Test("a reader that is new begins after the last event there is")
    func newReader() async throws {
        let journal = try journal()
        try await journal.append(entry(5))
        let reader = try journal.reader(named: "a")
        #expect(reader.cursor == SinkCursor(base: 5))
        try await journal.append(entry(1, from: 6))
        #expect(try await reader.next()?.map(\.firstSequence) == [6])
        await journal.close()
    }

    @Test("a read ends when the budget is reached, and gives one batch at least")
    func budget() async throws {
        let journal = try journal()
        let reader = try journal.reader(named: "a")
        for number in 1...5 { try await journal.append(entry(from: UInt64(number))) }
        try await journal.committed()
        #expect(try await reader.next(budget: 150)?.count == 2)
        #expect(try await reader.next(budget: 0)?.count == 1)
        #expect(try await reader.next()?.count == 2)
        await journal.close()
    }

    @Test("a waiting reader is woken by an append, and by the end")
    func wake() async throws {
        let journal = try journal()
        let reader = try journal.reader(named: "a")
        async let first = reader.next()
        try await journal.append(entry())
        #expect(try await first?.count == 1)
        async let last = reader.next()
        async let finished: Void = reader.finished()
        journal.finish()
        #expect(try await last == nil)
        await finished
        await #expect(throws: JournalError.finished) { try await journal.append(entry()) }
        await journal.close()
    }

    @Test("after the end readers get the rest, which is on disk, and then nil")
    func finish() async throws {
        let journal = try journal { $0.window = 1 }
        let reader = try journal.reader(named: "a")
        try await withThrowingTaskGroup { group in
            for number in 1...20 { group.addTask { try await journal.append(entry(from: UInt64(number))) } }
            #expect(await eventually { journal.counts.lastSequence > 0 })
            try await group.waitForAll()
        }
        journal.finish()
        var count = 0
        while let batches = try await reader.next() { count += batches.reduce(0) { $0 + $1.events.count } }
        #expect(count == 20)
        await journal.close()
        await #expect(throws: JournalError.self) { try await reader.next() }
    }

    @Test("a cancelled read ends with nil, with what is there before that")
    func cancelledRead() async throws {
        let journal = try journal()
        let reader = try journal.reader(named: "a")
        let waiting = Task { try await reader.next() }
        waiting.cancel()
        #expect(try await waiting.value == nil)
        try await journal.append(entry())
        try await journal.committed()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return (try await reader.next()?.count, try await reader.next()?.count)
        }
        let (there, end) = try await task.value
        #expect(there == 1)
        #expect(end == nil)
        await journal.close()
    }

    @Test("a batch larger than the window passes, and is read from disk")
    func largeBatch() async throws {
        let journal = try journal { $0.window = 1000 }
        let reader = try journal.reader(named: "a")
        async let batches = reader.next()
        try await journal.append(entry(10, size: 1000))
        #expect(try await batches?.first?.events.count == 10)
        await journal.close()
    }

    @Test("an entry without events takes no number, and what it says is stored")
    func withoutEvents() async throws {
        let journal = try journal()
        var empty = entry(1)
        empty.batch = nil
        empty.counts.journaled = 0
        empty.counts.repeated = 1
        try await journal.append(empty)
        try await journal.append(JournalEntry(portal: "acme", batch: batch(0)))
        try await journal.committed()
        #expect(journal.counts.lastSequence == 0)
        #expect(try journal.record(of: "acme").counts.repeated == 1)
        #expect(try journal.seen(id(1), portal: "acme").count == 1)
        await journal.close()
    }

    @Test(
        "under many writers nothing is lost, repeated or reordered, and memory stays within the windows",
        arguments: [20_000, 1 << 23])
    func stress(window: Int) async throws {
        let journal = try journal { $0.window = window }
        let readers = try (0..<3).map { try journal.reader(named: "r\($0)") }
        try await withThrowingTaskGroup { group in
            for (index, reader) in readers.enumerated() {
                group.addTask {
                    var expected: UInt64 = 1
                    while let batches = try await reader.next(budget: 3000 << (index * 4)) {
                        for batch in batches {
                            #expect(batch.firstSequence == expected)
                            expected += UInt64(batch.events.count)
                        }
                        #expect(journal.counts.memoryBytes <= UInt64(window))
                        #expect(journal.counts.heldBytes < UInt64(window) + 2000)
                        reader.deliver(through: expected - 1)
                    }
                    #expect(expected == 8 * 500 * 3 + 1)
                }
            }
            try await withThrowingTaskGroup { writers in
                for writer in 0..<8 {
                    writers.addTask {
                        for number in 0..<500 {
                            try await journal.append(entry(3, portal: "p\(writer)", from: UInt64(number * 3 + 1)))
                        }
                    }
                }
                try await writers.waitForAll()
            }
            journal.finish()
            try await group.waitForAll()
        }
        await journal.close()
        try Journal.check(directory: place.state)
        let again = try Journal.open(directory: place.state, options: options())
        #expect(try again.reader(named: "r1").cursor.delivered == 12_000)
        await again.close()
    }
}

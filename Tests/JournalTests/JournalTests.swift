import Events
import Journal
import Testing

/// A batch of `count` events whose bytes are `size` long.
func batch(_ count: Int = 1, size: Int = 100) -> EventBatch {
    EventBatch(
        portal: "acme", receivedAt: 0, bytes: [UInt8](repeating: 0x78, count: size),
        events: [Event](repeating: Event(), count: count))
}

/// Waits for a condition, at most five seconds.
func eventually(_ condition: @Sendable () async -> Bool) async -> Bool {
    for _ in 0..<5000 {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(1))
    }
    return false
}

@Suite("The journal in memory", .timeLimit(.minutes(1)))
struct JournalTests {
    @Test("sequence numbers begin at 1 and go on without a gap from batch to batch")
    func sequence() async throws {
        let journal = Journal()
        let reader = journal.reader(named: "a")
        try await journal.append(batch(3))
        try await journal.append(batch(1))
        try await journal.append(batch(600))
        let batches = try #require(await reader.next())
        #expect(batches.map(\.firstSequence) == [1, 4, 5])
        #expect(journal.counts.events == 604)
    }

    @Test("a batch without events changes nothing")
    func emptyBatch() async throws {
        let journal = Journal()
        try await journal.append(batch(0))
        #expect(journal.counts == JournalCounts())
    }

    @Test("every reader gets everything")
    func twoReaders() async throws {
        let journal = Journal()
        let readers = [journal.reader(named: "a"), journal.reader(named: "b")]
        try await journal.append(batch(2))
        try await journal.append(batch(2))
        journal.finish()
        for reader in readers {
            let batches = try #require(await reader.next())
            #expect(batches.map(\.firstSequence) == [1, 3])
            #expect(await reader.next() == nil)
        }
    }

    @Test("what came before the first reader is kept for it")
    func lateReader() async throws {
        let journal = Journal()
        try await journal.append(batch(2))
        let reader = journal.reader(named: "a")
        #expect(await reader.next()?.map(\.firstSequence) == [1])
        #expect(reader.counts == JournalReaderCounts(doneSequence: 0, pendingEvents: 2))
    }

    @Test("a reader that begins later begins with the oldest event that is held")
    func readerInTheMiddle() async throws {
        let journal = Journal()
        let first = journal.reader(named: "a")
        try await journal.append(batch(5))
        try await journal.append(batch(5))
        _ = await first.next()
        first.advance(through: 5)
        let second = journal.reader(named: "b")
        #expect(await second.next()?.map(\.firstSequence) == [6])
        #expect(second.counts.pendingEvents == 5)
    }

    @Test("a waiting reader is woken by an append")
    func wake() async throws {
        let journal = Journal()
        let reader = journal.reader(named: "a")
        async let batches = reader.next()
        try await journal.append(batch(1))
        #expect(await batches?.count == 1)
    }

    @Test("a read ends when the budget is reached, and gives one batch at least")
    func budget() async throws {
        let journal = Journal()
        let reader = journal.reader(named: "a")
        for _ in 0..<5 { try await journal.append(batch(1, size: 100)) }
        #expect(await reader.next(budget: 150)?.count == 2)
        #expect(await reader.next(budget: 0)?.count == 1)
        #expect(await reader.next()?.count == 2)
    }

    @Test("an append waits while the slowest reader is further behind than the window, and goes on when it advances")
    func window() async throws {
        let journal = Journal(window: 1000)
        let fast = journal.reader(named: "fast")
        let slow = journal.reader(named: "slow")
        try await journal.append(batch(1, size: 5000))
        _ = await fast.next()
        fast.advance(through: 1)

        try await withThrowingTaskGroup { group in
            group.addTask { try await journal.append(batch(1)) }
            #expect(await eventually { journal.isPaused })
            #expect(journal.counts.events == 1)
            // Taken, not yet done with: still held.
            _ = await slow.next()
            #expect(journal.isPaused)
            slow.advance(through: 1)
            try await group.waitForAll()
        }
        #expect(journal.counts.events == 2)
        #expect(!journal.isPaused)
        #expect(journal.counts.pauses == 1)
        #expect(await fast.next()?.map(\.firstSequence) == [2])
    }

    @Test("waiting appends are taken in the order in which they came")
    func order() async throws {
        let journal = Journal(window: 1)
        let reader = journal.reader(named: "a")
        try await journal.append(batch(1))
        try await withThrowingTaskGroup { group in
            for number in 1...20 {
                group.addTask { try await journal.append(batch(number)) }
                #expect(await eventually { journal.counts.pauses == UInt64(number) })
            }
            var sizes: [Int] = []
            while sizes.count < 21 {
                let batches = try #require(await reader.next())
                sizes += batches.map(\.events.count)
                let last = try #require(batches.last)
                reader.advance(through: last.firstSequence + UInt64(last.events.count) - 1)
            }
            #expect(sizes == [1] + Array(1...20))
            try await group.waitForAll()
        }
        #expect(journal.counts.heldBytes == 0)
    }

    @Test("a cancelled append takes nothing, and those behind it move up")
    func cancelledAppend() async throws {
        let journal = Journal(window: 1)
        let reader = journal.reader(named: "a")
        try await journal.append(batch(1))
        let cancelled = Task { try await journal.append(batch(7)) }
        #expect(await eventually { journal.counts.pauses == 1 })
        let behind = Task { try await journal.append(batch(2)) }
        #expect(await eventually { journal.counts.pauses == 2 })
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        _ = await reader.next()
        reader.advance(through: 1)
        try await behind.value
        #expect(await reader.next()?.map(\.events.count) == [2])
    }

    @Test("an append in a cancelled task is taken as long as it need not wait")
    func appendInCancelledTask() async throws {
        let journal = Journal(window: 1)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await journal.append(batch(1))
            try await journal.append(batch(1))
        }
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(journal.counts.events == 1)
    }

    @Test("after the end readers get the rest and then nil, and appends are refused")
    func finish() async throws {
        let journal = Journal()
        let reader = journal.reader(named: "a")
        try await journal.append(batch(1))
        journal.finish()
        await #expect(throws: JournalError.finished) { try await journal.append(batch(1)) }
        #expect(await reader.next()?.count == 1)
        #expect(await reader.next() == nil)
        await reader.finished()
    }

    @Test("the end wakes a waiting reader")
    func finishWakes() async {
        let journal = Journal()
        let reader = journal.reader(named: "a")
        async let batches = reader.next()
        async let finished: Void = reader.finished()
        journal.finish()
        #expect(await batches == nil)
        await finished
    }

    @Test("appends that wait at the end are still taken")
    func finishAdmits() async throws {
        let journal = Journal(window: 1)
        let reader = journal.reader(named: "a")
        try await journal.append(batch(1))
        async let waiting: Void = journal.append(batch(2))
        #expect(await eventually { journal.isPaused })
        journal.finish()
        try await waiting
        #expect(await reader.next()?.map(\.firstSequence) == [1, 2])
        #expect(await reader.next() == nil)
    }

    @Test("a cancelled read ends with nil, with what is there before that")
    func cancelledRead() async throws {
        let journal = Journal()
        let reader = journal.reader(named: "a")
        let waiting = Task { await reader.next() }
        waiting.cancel()
        #expect(await waiting.value == nil)
        try await journal.append(batch(1))
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return (await reader.next(), await reader.next())
        }
        let (there, end) = await task.value
        #expect(there?.count == 1)
        #expect(end == nil)
    }

    @Test("advancing beyond what was handed out, or back, frees and counts no more than was handed out")
    func advanceBounds() async throws {
        let journal = Journal()
        let reader = journal.reader(named: "a")
        try await journal.append(batch(4))
        try await journal.append(batch(4))
        reader.advance(through: 8)
        #expect(reader.counts.doneSequence == 0)
        _ = await reader.next(budget: 1)
        reader.advance(through: .max)
        #expect(reader.counts == JournalReaderCounts(doneSequence: 4, pendingEvents: 4))
        reader.advance(through: 1)
        #expect(reader.counts.doneSequence == 4)
        #expect(await reader.next()?.map(\.firstSequence) == [5])
        // Within a batch: counted, but its memory is needed until its end.
        reader.advance(through: 6)
        #expect(reader.counts.pendingEvents == 2)
        #expect(journal.counts.heldBytes > 0)
        reader.advance(through: 8)
        #expect(journal.counts.heldBytes == 0)
    }

    @Test("nothing is lost, repeated or reordered under many writers and readers, and memory stays within the window")
    func stress() async throws {
        let journal = Journal(window: 20_000)
        let readers = (0..<3).map { journal.reader(named: "r\($0)") }
        try await withThrowingTaskGroup { group in
            for reader in readers {
                group.addTask {
                    var expected: UInt64 = 1
                    while let batches = await reader.next(budget: 3000) {
                        for batch in batches {
                            #expect(batch.firstSequence == expected)
                            expected += UInt64(batch.events.count)
                        }
                        #expect(journal.counts.heldBytes < 20_000 + 2000)
                        reader.advance(through: expected - 1)
                    }
                    #expect(expected == 8 * 2000 * 3 + 1)
                }
            }
            try await withThrowingTaskGroup { writers in
                for _ in 0..<8 {
                    writers.addTask {
                        for _ in 0..<2000 { try await journal.append(batch(3, size: 100)) }
                    }
                }
                try await writers.waitForAll()
            }
            journal.finish()
            try await group.waitForAll()
        }
        #expect(journal.counts.heldBytes == 0)
        #expect(journal.counts.events == 48_000)
    }
}

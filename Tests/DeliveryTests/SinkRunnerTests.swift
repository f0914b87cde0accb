@testable import Delivery
import Events
import Journal
import Synchronization
import Testing

@Suite("The runner of a sink", .timeLimit(.minutes(1)))
struct SinkRunnerTests {
    /// Takes everything, and notes what it is asked for.
    final class NotingSink: Sink {
        let executor: (any TaskExecutor)? = nil
        let calls = Mutex<[String]>([])
        let failures: Mutex<Int>

        init(failures: Int = 0) {
            self.failures = Mutex(failures)
        }

        func begin(at cursor: SinkCursor) async throws(SinkError) {
            calls.withLock { $0.append("begin \(cursor.sequence) \(cursor.place)") }
        }

        func deliver(
            _ batches: [EventBatch], filter: EventFilter, progress: DeliveryProgress
        ) async throws(SinkError) {
            for batch in batches {
                calls.withLock { $0.append("deliver \(batch.firstSequence)-\(batch.lastSequence)") }
                progress.advance(through: batch.lastSequence, delivered: batch.events.count, filtered: 0)
            }
        }

        func settle() async throws(SinkError) -> String {
            let fails = failures.withLock { failures in
                defer { failures -= 1 }
                return failures > 0
            }
            if fails { throw SinkError(code: .inputOutput, message: "EIO") }
            return calls.withLock { calls in
                calls.append("settle")
                return "place \(calls.count)"
            }
        }
    }

    private let clock = FakeClock()
    private let book = LogBook()
    private let journal = TestJournal()

    private func runner(_ sink: any Sink, _ reader: TestReader, interval: Duration = FakeClock.never) -> SinkRunner {
        SinkRunner(
            name: "x", sink: sink, reader: reader, logger: book.logger, drainLimit: FakeClock.drainLimit,
            settleInterval: interval, clock: clock.clock)
    }

    @Test("a cursor is kept only after the sink has settled, with the place that it gave")
    func order() async throws {
        let sink = NotingSink()
        let reader = journal.reader()
        journal.append(SampleBatch.usual(count: 2))
        journal.finish()
        try await runner(sink, reader).run()
        #expect(sink.calls.withLock { $0 } == ["begin 0 ", "settle", "deliver 1-2", "settle"])
        #expect(reader.commits.map(\.sequence) == [0, 0, 2])
        #expect(reader.commits.map(\.place) == ["", "place 2", "place 4"])
        #expect(reader.cursor.delivered == 2)
    }

    @Test("what is delivered is settled after the interval although nothing else comes, and then nothing is asked for")
    func interval() async throws {
        let sink = NotingSink()
        let reader = journal.reader()
        let runner = runner(sink, reader, interval: .seconds(1))
        async let run: Void = runner.run()
        journal.append(SampleBatch.usual(count: 2))
        #expect(await eventually { reader.cursor.sequence == 2 })
        journal.append(SampleBatch.usual(count: 1))
        #expect(await eventually { reader.cursor.sequence == 3 })
        let sleeps = clock.sleeps.count
        try await Task.sleep(for: .milliseconds(20))
        #expect(clock.sleeps.count == sleeps)
        journal.finish()
        try await run
        #expect(sink.calls.withLock { $0 }.filter { $0.hasPrefix("deliver") } == ["deliver 1-2", "deliver 3-3"])
        #expect(clock.sleeps.allSatisfy { $0 <= .seconds(1) })
    }

    @Test("while events keep coming they are settled in between, not after each delivery")
    func intervalUnderLoad() async throws {
        let sink = NotingSink()
        let reader = journal.reader()
        // 2600 bytes of events a batch.
        for _ in 0..<1000 { journal.append(SampleBatch.usual(count: 30)) }
        journal.finish()
        let runner = runner(sink, reader, interval: FakeClock.never)
        try await runner.run()
        #expect(sink.calls.withLock { $0 }.filter { $0 == "settle" }.count == 2)
        #expect(reader.cursor.sequence == 30_000)
    }

    @Test("asked to stop it settles what it has delivered and begins nothing new, without a word")
    func requestStop() async throws {
        let sink = NotingSink()
        let reader = journal.reader()
        let runner = runner(sink, reader)
        async let run: Void = runner.run()
        journal.append(SampleBatch.usual(count: 2))
        #expect(await eventually { runner.counts.delivered == 2 })
        runner.requestStop()
        try await run
        #expect(reader.cursor.sequence == 2)
        #expect(sink.calls.withLock { $0.last } == "settle")
        // Before it has begun, with much to do.
        for _ in 0..<1000 { journal.append(SampleBatch.usual(count: 30)) }
        let next = self.runner(NotingSink(), reader)
        next.requestStop()
        try await next.run()
        #expect(next.counts.pending == 30_000 && book.lines.isEmpty)
    }

    @Test("a disk that takes nothing does not hold up a sink that is asked to stop")
    func requestStopBlocked() async throws {
        let reader = journal.reader()
        let runner = runner(NotingSink(failures: .max), reader)
        async let run: Void = runner.run()
        #expect(await eventually { runner.counts.blockedBy != nil })
        runner.requestStop()
        try await run
    }

    @Test("numbers that the journal does not have any more are given up, and counted")
    func jumps() async throws {
        let reader = journal.reader()
        journal.skip(5)
        journal.append(SampleBatch.usual(count: 2))
        journal.skip(10)
        journal.append(SampleBatch.usual(count: 3))
        journal.finish()
        let runner = runner(NotingSink(), reader)
        try await runner.run()
        #expect(runner.counts.dead == 15)
        #expect(runner.counts.delivered == 5)
        #expect(runner.counts.pending == 0)
        #expect(reader.cursor.isConserved)
        #expect(reader.cursor.sequence == 20)
        #expect(book.lines.isEmpty)
    }

    @Test("a disk that does not take what was written blocks the sink, is tried again, and the cursor waits")
    func settlingFails() async throws {
        let sink = NotingSink(failures: 3)
        let reader = journal.reader()
        journal.append(SampleBatch.usual(count: 2))
        journal.finish()
        try await runner(sink, reader).run()
        #expect(reader.cursor.sequence == 2)
        #expect(book.lines.map { $0.prefix(14) } == ["warning sink b", "notice sink go"])
        #expect(clock.sleeps.map { Int(($0 / .milliseconds(1)).rounded()) } == [275, 550, 1100])
    }

    @Test("a journal that cannot be read is tried again, and nothing is left out")
    func readingFails() async throws {
        let sink = NotingSink()
        let reader = journal.reader()
        reader.fail([
            JournalError(code: .inputOutput, message: "EIO"), JournalError(code: .inputOutput, message: "EIO"),
        ])
        journal.append(SampleBatch.usual(count: 2))
        journal.finish()
        let runner = runner(sink, reader)
        try await runner.run()
        #expect(runner.counts.delivered == 2)
        #expect(runner.counts.blockedBy == nil)
        #expect(book.lines.map { $0.prefix(14) } == ["warning sink b", "notice sink go"])
    }

    @Test("a sink goes on counting where it was")
    func goesOn() async throws {
        for _ in 0..<3 { journal.append(SampleBatch.usual(count: 4)) }
        var cursor = SinkCursor(base: 2)
        cursor.sequence = 6
        cursor.delivered = 3
        cursor.filtered = 1
        cursor.place = "there"
        let sink = NotingSink()
        journal.finish()
        let runner = runner(sink, journal.reader(at: cursor))
        try await runner.run()
        #expect(sink.calls.withLock { $0.first } == "begin 6 there")
        #expect(sink.calls.withLock { $0 }.filter { $0.hasPrefix("d") } == ["deliver 7-8", "deliver 9-12"])
        #expect(runner.counts.delivered == 9)
        #expect(runner.counts.filtered == 1)
    }

    @Test("counts that do not add up are said once, and end a debug build")
    func imbalance() async {
        #if DEBUG
            await #expect(processExitsWith: .failure) {
                let progress = DeliveryProgress(
                    sink: "x", source: TestJournal().reader(), logger: LogBook().logger, clock: FakeClock().clock)
                progress.advance(through: 3, delivered: 2, filtered: 0)
            }
        #else
            let progress = DeliveryProgress(
                sink: "x", source: journal.reader(), logger: book.logger, clock: clock.clock)
            progress.advance(through: 3, delivered: 2, filtered: 0)
            progress.advance(through: 4, delivered: 2, filtered: 0)
            #expect(
                book.lines == [
                    "warning the sink's counts do not add up base=0 dead=0 delivered=2 filtered=0 sequence=3 sink=x"
                ])
        #endif
    }

    @Test("several files with filters of their own, killed and started again: each has its own lines, once")
    func severalFiles() async throws {
        let directory = try TemporaryDirectory()
        let filters = [EventFilter.all, EventFilter(exclude: ["*/noise"]), EventFilter(portals: ["other"])]
        var cursors = filters.map { _ in SinkCursor(base: 0) }
        for round in 0..<5 {
            let readers = cursors.map { journal.reader(at: $0) }
            let runners = try filters.enumerated().map { index, filter in
                SinkRunner(
                    name: "file\(index)",
                    sink: try FileSink(
                        path: directory.file("\(index)"),
                        rotation: index == 1 ? FileRotation(size: 5000, keep: 99) : nil,
                        clock: clock.clock),
                    reader: readers[index], filter: filter, logger: book.logger, settleInterval: FakeClock.never,
                    clock: clock.clock)
            }
            let tasks = runners.map { runner in Task { try await runner.run() } }
            journal.append(SampleBatch.usual(count: 20 + round))
            journal.append(SampleBatch.usual(portal: "other", count: 3, command: "noise"))
            let last = journal.lastSequence
            #expect(await eventually { runners.allSatisfy { $0.counts.pending == 0 } })
            // Killed: what the run kept at its end is not kept.
            cursors = readers.map { $0.commits.last { $0.sequence < last } ?? $0.cursor }
            for task in tasks {
                task.cancel()
                try await task.value
            }
            if round == 4 { #expect(runners.allSatisfy { $0.counts.pending == 0 }) }
        }
        for (index, filter) in filters.enumerated() {
            let names = index == 1 ? (1...20).reversed().map { "1.\($0)" } + ["1"] : ["\(index)"]
            let whole = names.compactMap { try? directory.text($0) }.joined()
            #expect(whole == lines(of: journal.batches, filter))
        }
    }
}

@testable import Delivery
import Events
import Foundation
import Journal
import Testing

@Suite("Sinks that write lines", .timeLimit(.minutes(1)))
struct LineSinkTests {
    private let clock = FakeClock()
    private let book = LogBook()
    private let journal = TestJournal()

    private func runner(_ sink: any Sink, _ filter: EventFilter = .all) -> SinkRunner {
        SinkRunner(
            name: "log", sink: sink, reader: journal.reader(named: "log"), filter: filter, logger: book.logger,
            drainLimit: FakeClock.drainLimit, settleInterval: FakeClock.never, clock: clock.clock)
    }

    private func expected(_ batches: [EventBatch], first: UInt64 = 1) -> String {
        var output = OutputBuffer()
        var sequence = first
        for var batch in batches {
            batch.firstSequence = sequence
            sequence += UInt64(batch.events.count)
            _ = EventLine(batch).append(where: .all, to: &output)
        }
        return output.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    // MARK: files

    @Test("a file is created for its owner alone, and gets every line in order")
    func file() async throws {
        let directory = try TemporaryDirectory()
        let runner = runner(try FileSink(path: directory.file("events"), clock: clock.clock))
        let batches = (1...50).map { SampleBatch.usual(count: $0) }
        async let run: Void = runner.run()
        for batch in batches { journal.append(batch) }
        journal.finish()
        try await run
        #expect(try directory.text("events") == expected(batches))
        let mode = try FileManager.default.attributesOfItem(atPath: directory.file("events"))[.posixPermissions]
        #expect(mode as? Int == 0o600)
        #expect(runner.counts.delivered == 1275)
        #expect(runner.counts.pending == 0)
        #expect(book.lines.isEmpty)
    }

    @Test("a file is appended to, and a line that a dead process left half is ended first")
    func halfLine() async throws {
        let directory = try TemporaryDirectory()
        try #"{"seq":1,"por"#.write(toFile: directory.file("events"), atomically: false, encoding: .utf8)
        let batch = SampleBatch.usual(count: 1)
        for _ in 0..<2 {
            let journal = TestJournal()
            let runner = SinkRunner(
                name: "log", sink: try FileSink(path: directory.file("events")), reader: journal.reader(named: "log"),
                logger: book.logger)
            journal.append(batch)
            journal.finish()
            try await runner.run()
        }
        let line = expected([batch])
        #expect(try directory.text("events") == #"{"seq":1,"por"# + "\n" + line + line)
    }

    @Test("a file that cannot be opened says why and what to do")
    func cannotOpen() throws {
        let missing = #expect(throws: SinkError.self) { try FileSink(path: "/nowhere/events") }
        #expect(missing?.code == .missing)
        #expect(missing?.description == "missing: /nowhere/events: No such file or directory (create the directory)")
        let directory = try TemporaryDirectory()
        #expect(mkfifo(directory.file("pipe"), 0o600) == 0)
        let noReader = #expect(throws: SinkError.self) { try FileSink(path: directory.file("pipe")) }
        #expect(noReader?.code == .closed)
    }

    @Test("a full disk keeps the events, is tried again with growing pauses, and is logged once")
    func fullDisk() async throws {
        let runner = runner(try FileSink(path: "/dev/full", clock: clock.clock))
        journal.append(SampleBatch.usual(count: 3))
        let run = Task { try await runner.run() }
        #expect(await eventually { clock.sleeps.count >= 8 })
        #expect(runner.counts.blockedBy?.code == .diskFull)
        #expect(runner.counts.delivered == 0)
        #expect(runner.counts.pending == 3)
        run.cancel()
        try await run.value
        let milliseconds = clock.sleeps.prefix(8).map { Int(($0 / .milliseconds(1)).rounded()) }
        #expect(milliseconds == [275, 550, 1100, 2200, 4400, 5500, 5500, 5500])
        #expect(
            book.lines == [
                "warning sink blocked, its events wait code=disk-full cure=free some room; delivery goes on by itself "
                    + "reason=/dev/full: No space left on device sink=log",
                "warning sink stopped with events left events=3 sink=log",
            ])
    }

    @Test(
        "after a failure within a line the rest follows, or the whole line in the file that has the name then",
        .serialized, arguments: [false, true])
    func completedLine(_ isMoved: Bool) async throws {
        // The limit of a file's size stands for the disk: writes end short of it, then fail, then there is room again.
        let limit = 64 * 1024 * 1024
        let directory = try TemporaryDirectory()
        let path = directory.file("events")
        let file = open(path, O_WRONLY | O_CREAT, 0o600)
        #expect(ftruncate(file, limit - 101) == 0)
        #expect(pwrite(file, "\n", 1, limit - 101) == 1)
        close(file)
        signal(SIGXFSZ, SIG_IGN)
        var previous = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &previous)
        var limited = rlimit(rlim_cur: rlim_t(limit), rlim_max: previous.rlim_max)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limited)
        defer { setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &previous) }

        let batch = SampleBatch.usual(count: 5)
        let runner = runner(try FileSink(path: path, clock: clock.clock))
        journal.append(batch)
        async let run: Void = runner.run()
        #expect(await eventually { runner.counts.blockedBy != nil })
        #expect(runner.counts.delivered == 0)
        if isMoved {
            #expect(rename(path, path + ".1") == 0)
        } else {
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &previous)
        }
        journal.finish()
        try await run
        if isMoved {
            // No half line is left behind.
            #expect(try FileManager.default.attributesOfItem(atPath: path + ".1")[.size] as? Int == limit - 100)
            #expect(try directory.text("events") == expected([batch]))
            #expect(runner.counts.delivered == 5)
            return
        }

        let handle = try #require(FileHandle(forReadingAtPath: path))
        try handle.seek(toOffset: UInt64(limit - 100))
        let written = try handle.readToEnd() ?? Data()
        #expect(String(decoding: written, as: UTF8.self) == expected([batch]))
        #expect(runner.counts.delivered == 5)
        #expect(book.lines.map { $0.prefix(14) } == ["warning sink b", "notice sink go"])
    }

    // MARK: standard output

    @Test("a pipe that takes a part at a time gets every byte once")
    func partialWrites() async throws {
        let pipe = SmallPipe()
        let runner = runner(try StandardOutputSink(descriptor: pipe.writingEnd, clock: clock.clock))
        let batches = [SampleBatch.usual(count: 700), SampleBatch.usual(count: 1)]
        for batch in batches { journal.append(batch) }
        journal.finish()
        let text = expected(batches)
        async let run: Void = runner.run()
        let bytes = await pipe.read(text.utf8.count, step: 777)
        try await run
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test("a socket gets every byte once, as under a service manager")
    func socket() async throws {
        var ends: [Int32] = [0, 0]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        let runner = runner(try StandardOutputSink(descriptor: ends[1], clock: clock.clock))
        let batch = SampleBatch.usual(count: 700)
        journal.append(batch)
        journal.finish()
        let text = expected([batch])
        async let run: Void = runner.run()
        let bytes = await readAll(from: ends[0], text.utf8.count)
        try await run
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test("a pipe that cannot be opened a second time is written to in parts that do not wait")
    func writingInParts() async {
        let pipe = SmallPipe()
        let writer = DescriptorWriter(sharing: pipe.writingEnd, place: "pipe", reopens: false)
        let bytes = [UInt8](repeating: 0x61, count: 10_000)
        guard case .wrote(4096) = bytes.withUnsafeBytes({ writer.write($0) }) else {
            Issue.record("the first part did not go")
            return
        }
        guard case .stalled = bytes.withUnsafeBytes({ writer.write($0) }) else {
            Issue.record("a full pipe did not stall")
            return
        }
        #expect(await pipe.read(4096).count == 4096)
    }

    @Test("a reader that takes nothing holds up nobody, is logged once, and loses nothing")
    func slowReader() async throws {
        let pipe = SmallPipe()
        let runner = runner(try StandardOutputSink(descriptor: pipe.writingEnd, clock: clock.clock))
        let batch = SampleBatch.usual(count: 100)
        try await withThrowingTaskGroup { group in
            group.addTask { try await runner.run() }
            group.addTask { [journal] in
                for _ in 0..<100 {
                    journal.append(batch)
                }
                journal.finish()
            }
            #expect(await eventually { runner.counts.pending == 10_000 && runner.counts.blockedBy?.code == .stalled })
            let text = expected([EventBatch](repeating: batch, count: 100))
            let bytes = await pipe.read(text.utf8.count, step: 65_536)
            #expect(String(decoding: bytes, as: UTF8.self) == text)
            try await group.waitForAll()
        }
        // Once a stall, however often the sink has tried; a slow machine makes more than one.
        let lines = book.lines.map { $0.prefix(24) }
        let stalls = max(1, lines.count / 2)
        #expect(lines == (0..<stalls).flatMap { _ in ["warning sink blocked, it", "notice sink goes on bloc"] })
        #expect(runner.counts.delivered == 10_000)
    }

    @Test("a hung reader does not keep the process from stopping")
    func stopWhileStalled() async throws {
        let pipe = SmallPipe()
        let runner = runner(try StandardOutputSink(descriptor: pipe.writingEnd, clock: clock.clock))
        journal.append(SampleBatch.usual(count: 100))
        let run = Task { try await runner.run() }
        #expect(await pipe.read(10).count == 10)
        run.cancel()
        try await run.value
        #expect(runner.counts.pending == 100)
    }

    @Test("a reader that has gone away ends the sink with an error, not the process with a signal")
    func closedReader() async throws {
        let pipe = SmallPipe()
        let runner = runner(try StandardOutputSink(descriptor: pipe.writingEnd, clock: clock.clock))
        close(pipe.readingEnd)
        journal.append(SampleBatch.usual(count: 1))
        let error = await #expect(throws: SinkError.self) { try await runner.run() }
        #expect(error?.code == .closed)
        #expect(runner.counts.pending == 1)
    }

    @Test("more hung readers than processors hold up nobody else")
    func hungReaders() async throws {
        let directory = try TemporaryDirectory()
        let journal = TestJournal()
        let pipes = (0..<8).map { _ in SmallPipe() }
        let hung = try pipes.map { pipe in
            SinkRunner(
                name: "hung", sink: try StandardOutputSink(descriptor: pipe.writingEnd),
                reader: journal.reader(named: "hung"), logger: book.logger)
        }
        let working = SinkRunner(
            name: "file", sink: try FileSink(path: directory.file("events")), reader: journal.reader(named: "file"),
            logger: book.logger)
        await withTaskGroup { group in
            for runner in hung + [working] {
                group.addTask { try? await runner.run() }
            }
            journal.append(SampleBatch.usual(count: 100))
            journal.append(SampleBatch.usual(count: 100))
            #expect(await eventually { working.counts.delivered == 200 })
            #expect(hung.allSatisfy { $0.counts.delivered == 0 })
            group.cancelAll()
        }
    }

    @Test("every event is delivered, held back or pending")
    func conservation() async throws {
        let directory = try TemporaryDirectory()
        let runner = runner(
            try FileSink(path: directory.file("events"), clock: clock.clock),
            EventFilter(portals: ["acme"], exclude: ["*/noise"]))
        journal.append(SampleBatch.usual(count: 10))
        journal.append(SampleBatch.usual(count: 20, command: "noise"))
        journal.append(SampleBatch.usual(portal: "other", count: 40))
        journal.finish()
        try await runner.run()
        let counts = runner.counts
        #expect(counts.delivered == 10)
        #expect(counts.filtered == 60)
        #expect(counts.pending == 0)
        #expect(try directory.text("events").split(separator: "\n").count == 10)
    }
}

import Events
import Foundation
import Testing

@testable import Journal

@Suite("Two who write", .timeLimit(.minutes(5)))
struct SecondProcessTests {
    private let place = TestDirectory()

    private func open(
        busyTimeout: Int = 5, told: TroubleList, _ change: @escaping (inout JournalOptions) -> Void = { _ in }
    ) throws -> Journal {
        try Journal.open(
            place.state,
            options {
                $0.retryDelay = .milliseconds(5)
                $0.longestRetryDelay = .milliseconds(10)
                change(&$0)
            }, .system, schema: .current, isTemporary: false,
            configure: { (database) throws(SQLiteFailure) in
                try database.execute("PRAGMA busy_timeout = \(busyTimeout)")
            }, onTrouble: told.add)
    }

    @Test("while another connection writes the journal waits, tells no trouble, and loses nothing")
    func patient() async throws {
        let told = TroubleList()
        let journal = try open(told: told)
        let reader = try journal.reader(named: "a")
        let other = try Database(path: place.file, mode: .readWrite)
        try other.execute("BEGIN IMMEDIATE")
        try await journal.append(entry(3))
        try await Task.sleep(for: .milliseconds(100))
        #expect(journal.counts.committedSequence == 0)
        try other.execute("COMMIT")
        try await journal.committed()
        #expect(try await reader.drain(through: 3).count == 1)
        #expect(told.all.isEmpty)
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("one that keeps the file locked for longer is trouble, until it ends")
    func impatient() async throws {
        let told = TroubleList()
        let journal = try open(told: told) { $0.busyPatience = .milliseconds(20) }
        let other = try Database(path: place.file, mode: .readWrite)
        try other.execute("BEGIN IMMEDIATE")
        try await journal.append(entry(3))
        #expect(await eventually { told.all.count == 1 })
        #expect(told.all.first??.code == .locked)
        try other.execute("COMMIT")
        try await journal.committed()
        #expect(await eventually { told.all.count == 2 })
        await journal.close()
    }

    @Test("letters are marked and dropped while events, cursors and letters are written: each change holds")
    func together() async throws {
        let told = TroubleList()
        let journal = try open(busyTimeout: 5000, told: told)
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(2000))
        _ = try await reader.drain(through: 2000)
        reader.bury(500)
        await reader.settle()
        let state = place.state
        let deciding = Task.detached {
            let view = try JournalView.open(directory: state)
            var done = 0
            for number in 1...200 as ClosedRange<UInt64> {
                done += try view.drop(sink: "a", sequences: [number])
                done += try view.requestRetry(sink: "a", sequences: [number + 200])
            }
            return done
        }
        for number in 0..<300 as Range<UInt64> {
            try await journal.append(entry(1, from: 2001 + number))
            reader.bury(1)
            await reader.settle()
        }
        #expect(try await deciding.value == 400)
        #expect(try reader.requestedRetries(limit: 1000).map(\.sequence) == Array(201...400))
        #expect(reader.counts.deadLetters == 600)
        #expect(told.all.isEmpty)
        await journal.close()
        try Journal.check(directory: place.state)
    }

    /// Python with its own SQLite: a process that knows nothing of the journal's locks.
    private static let python = ["/usr/bin/python3", "/usr/local/bin/python3"].first { TestFiles.exists($0) }

    @Test(
        "another process that writes holds nothing up for good, and what it changes is seen",
        .enabled(if: SecondProcessTests.python != nil))
    func process() async throws {
        let told = TroubleList()
        let journal = try open(told: told)
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(10))
        _ = try await reader.drain(through: 10)
        reader.bury(5)
        await reader.settle()
        #expect(try reader.requestedRetries(limit: 10).isEmpty)

        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.python))
        process.arguments = [
            "-c",
            """
            import sqlite3, sys
            journal = sqlite3.connect(sys.argv[1], isolation_level=None)
            journal.execute("BEGIN IMMEDIATE")
            journal.execute("UPDATE dead SET retry = 1 WHERE sequence IN (2, 4)")
            print("writing", flush=True)
            sys.stdin.readline()
            journal.execute("COMMIT")
            """, place.file,
        ]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        #expect(String(decoding: output.fileHandleForReading.availableData, as: UTF8.self).hasPrefix("writing"))
        try await journal.append(entry(3, from: 11))
        try await Task.sleep(for: .milliseconds(50))
        #expect(journal.counts.committedSequence == 10)
        #expect(try reader.requestedRetries(limit: 10).isEmpty)
        input.fileHandleForWriting.write(Data("go\n".utf8))
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        try await journal.committed()
        #expect(try reader.requestedRetries(limit: 10).map(\.sequence) == [2, 4])
        #expect(told.all.isEmpty)
        await journal.close()
        try Journal.check(directory: place.state)
    }
}

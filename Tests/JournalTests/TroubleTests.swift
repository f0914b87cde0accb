import Events
@testable import Journal
import Synchronization
import Testing
import Timing

/// Hands the writing connection to a test, to be used while the writer is locked out.
private final class WritingConnection: @unchecked Sendable {
    private let lock = Mutex(())
    private var database: Database?

    var isTaken: Bool { lock.withLock { _ in database != nil } }
    func take(_ database: Database) { lock.withLock { _ in self.database = database } }
    func execute(_ sql: String) throws { try lock.withLock { _ in try database?.execute(sql) } }
}

@Suite("A disk that fails", .timeLimit(.minutes(5)))
struct TroubleTests {
    private let place = TestDirectory()
    @Test("a full disk is told once, loses nothing, holds intake back at the window, and is over by itself")
    func full() async throws {
        let connection = WritingConnection()
        let told = TroubleList()
        let journal = try Journal.open(
            place.state,
            options {
                $0.window = 50_000
                $0.retryDelay = .milliseconds(5)
                $0.longestRetryDelay = .milliseconds(20)
            }, .system, schema: .current, isTemporary: false, configure: { connection.take($0) },
            onTrouble: told.add)
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(1))
        try await journal.committed()
        journal.writer.withLock { _ in try? connection.execute("PRAGMA max_page_count = 60") }
        let writing = Task {
            for number in 2...200 { try await journal.append(entry(1, size: 4000, from: UInt64(number))) }
            try await journal.committed()
        }
        #expect(await eventually { journal.isPaused && told.all.count == 1 })
        #expect(told.all.first??.code == .diskFull)
        #expect(journal.counts.trouble?.code == .diskFull)
        #expect(journal.counts.heldBytes < 60_000)
        let lastSequence = journal.counts.lastSequence
        try await Task.sleep(for: .milliseconds(100))
        #expect(journal.counts.lastSequence == lastSequence)
        #expect(told.all.count == 1)
        journal.writer.withLock { _ in try? connection.execute("PRAGMA max_page_count = 100000") }
        try await writing.value
        #expect(told.all.count == 2 && told.all.last == .some(nil))
        #expect(journal.counts.trouble == nil)
        let batches = try await reader.drain(through: 200)
        #expect(batches.map(\.firstSequence) == Array(1...200))
        #expect(batches.allSatisfy { $0.text(0).hasPrefix("\($0.firstSequence) ") })
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("a full disk makes room of what every reader has had")
    func makesRoom() async throws {
        let connection = WritingConnection()
        let journal = try Journal.open(
            place.state, options { $0.retryDelay = .milliseconds(2) }, .system, schema: .current, isTemporary: false,
            configure: { connection.take($0) })
        let reader = try journal.reader(named: "a")
        journal.writer.withLock { _ in try? connection.execute("PRAGMA max_page_count = 80") }
        for number in 1...200 {
            // Too young to go for its age.
            try await journal.append(entry(1, size: 4000, from: UInt64(number), at: Int64(Moment.now().wall * 1e6)))
            try await journal.committed()
            _ = try await reader.drain(through: UInt64(number))
            reader.deliver(through: UInt64(number))
        }
        #expect(journal.counts.dropped == 0)
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("with a disk that stays full, closing ends after its patience, and what was not stored is not half stored")
    func closeWithTrouble() async throws {
        let connection = WritingConnection()
        let journal = try Journal.open(
            place.state,
            options {
                $0.closePatience = .milliseconds(50)
                $0.retryDelay = .milliseconds(5)
                $0.longestRetryDelay = .milliseconds(5)
            }, .system, schema: .current, isTemporary: false, configure: { connection.take($0) })
        try await journal.append(entry(1))
        try await journal.committed()
        journal.writer.withLock { _ in try? connection.execute("PRAGMA max_page_count = 1") }
        try await journal.append(entry(100, size: 5000, from: 2))
        let committed = Task { try await journal.committed() }
        await journal.close()
        await #expect(throws: JournalError.self) { try await committed.value }
        // The retry that was under way comes after the end, and must not write.
        try await Task.sleep(for: .milliseconds(50))
        let again = try Journal.open(directory: place.state, options: options())
        #expect(again.counts.lastSequence == 1)
        #expect(try again.record(of: "acme").positions.first?.newest == id(1))
        #expect(journal.counts.committedSequence == 1)
        await again.close()
    }

    @Test(
        "after a failed write or synchronisation the connection is made anew, and what was committed nevertheless is not written twice"
    )
    func unclearCommit() async throws {
        do {
            let journal = try Journal.open(directory: place.state, options: options())
            try await journal.append(entry(3))
            await journal.close()
        }
        let state = try JournalReading(path: place.file).state()
        var writer = try JournalWriter(path: place.file, options: options(), time: .system, state: state, cursors: [])
        var work = JournalWork()
        var next = entry(2, from: 4)
        next.batch?.firstSequence = 4
        work.entries = [next]
        for isInFile in [true, false] {
            let end = writer.endTransaction
            writer.endTransaction = { (file) throws(SQLiteFailure) in
                if isInFile { try file.commit() }
                throw SQLiteFailure(code: 10 | 4 << 8, text: "disk I/O error")
            }
            #expect(throws: SQLiteFailure.self) { _ = try writer.commit(work) }
            writer.endTransaction = end
            _ = try writer.commit(work)
            #expect(writer.state.lastSequence == next.batch?.lastSequence)
            next = entry(2, from: 6)
            next.batch?.firstSequence = 6
            work.entries = [next]
        }
        writer.close()
        try Journal.check(directory: place.state)
        let reading = try JournalReading(path: place.file)
        #expect(try reading.state().lastSequence == 7)
        #expect(try reading.record(of: "acme").counts.journaled == 7)
    }

    @Test("a transaction that may be in the file is looked for until the file answers, and not written twice")
    func unclearTwice() async throws {
        do {
            let journal = try Journal.open(directory: place.state, options: options())
            try await journal.append(entry(3))
            await journal.close()
        }
        let connection = WritingConnection()
        let state = try JournalReading(path: place.file).state()
        // The samples are of long ago: what is written twice must meet itself.
        var writer = try JournalWriter(
            path: place.file, options: options { $0.keep = .seconds(10_000_000_000) }, time: .system, state: state,
            cursors: [],
            configure: { (database) throws(SQLiteFailure) in
                // Hides the journal's own state from the connection that is to look for the transaction.
                if connection.isTaken { try database.execute("CREATE TEMP TABLE state (id, checksum, content)") }
                connection.take(database)
            })
        var next = entry(2, from: 4)
        next.batch?.firstSequence = 4
        var work = JournalWork()
        work.entries = [next]
        let end = writer.endTransaction
        writer.endTransaction = { (file) throws(SQLiteFailure) in
            try file.commit()
            throw SQLiteFailure(code: 10 | 4 << 8, text: "disk I/O error")
        }
        #expect(throws: SQLiteFailure.self) { _ = try writer.commit(work) }
        writer.endTransaction = end
        for _ in 1...2 { #expect(throws: SQLiteFailure.self) { _ = try writer.commit(work) } }
        try connection.execute("DROP TABLE temp.state")
        _ = try writer.commit(work)
        #expect(writer.state.lastSequence == 5)
        writer.close()
        try Journal.check(directory: place.state)
        #expect(try JournalReading(path: place.file).record(of: "acme").counts.journaled == 5)
    }

    @Test("damage that shows while writing ends the journal: appends, waits and reads say so")
    func damage() async throws {
        let told = TroubleList()
        let journal = try Journal.open(directory: place.state, options: options(), onTrouble: told.add)
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(3))
        try await journal.committed()
        _ = try await reader.next()
        let waiting = Task { try await reader.next() }
        try Database(path: place.file, mode: .readWrite).execute("INSERT INTO batch VALUES (4, 4, 1, 0, 0, x'00')")
        try await journal.append(entry(1, from: 4))
        await #expect(throws: JournalError.self) { try await journal.committed() }
        await #expect(throws: JournalError.self) { try await waiting.value }
        #expect(await eventually { told.all.first??.code == .damaged })
        do {
            try await journal.append(entry(1, from: 5))
            Issue.record("taken")
        } catch let error as JournalError {
            #expect(error.code == .damaged && error.cure.contains("move"))
        }
        await journal.close()
    }
}

final class TroubleList: Sendable {
    private let troubles = Mutex<[JournalTrouble?]>([])

    var all: [JournalTrouble?] { troubles.withLock { $0 } }
    @Sendable func add(_ trouble: JournalTrouble?) { troubles.withLock { $0.append(trouble) } }
}

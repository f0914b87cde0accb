import Events
import Foundation
import Testing

@testable import Journal

@Suite("Files of older versions", .timeLimit(.minutes(5)))
struct MigrationTests {
    private let place = TestDirectory()

    /// As version 1 was: files of it are out there, so this never changes.
    private static let version1 = """
        CREATE TABLE state (id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, content BLOB NOT NULL);
        CREATE TABLE portal (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, checksum INTEGER NOT NULL, content BLOB NOT NULL);
        CREATE TABLE channels (portal INTEGER PRIMARY KEY, content BLOB NOT NULL);
        CREATE TABLE cursor (name TEXT PRIMARY KEY, checksum INTEGER NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
        CREATE TABLE batch (
            last INTEGER PRIMARY KEY, first INTEGER NOT NULL, portal INTEGER NOT NULL, received INTEGER NOT NULL,
            checksum INTEGER NOT NULL, content BLOB NOT NULL);
        CREATE TABLE dropped (portal INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, content BLOB NOT NULL);
        CREATE TABLE seen (
            number INTEGER PRIMARY KEY, portal INTEGER NOT NULL, late INTEGER NOT NULL, lowest BLOB NOT NULL,
            highest BLOB NOT NULL, began INTEGER NOT NULL, count INTEGER NOT NULL, checksum INTEGER NOT NULL,
            content BLOB NOT NULL);
        CREATE INDEX seen_by_id ON seen (portal, late, highest, lowest);
        CREATE TABLE quarantine (
            number INTEGER PRIMARY KEY, portal INTEGER NOT NULL, received INTEGER NOT NULL, id TEXT NOT NULL,
            reason TEXT NOT NULL, bytes BLOB NOT NULL);
        """
    private static let tables = [
        "state", "portal", "channels", "cursor", "batch", "dropped", "seen", "quarantine",
    ]

    /// A journal of version 1 with 9 events, of which the sink `a` has had 4, in the log still as after a crash.
    private func makeVersion1() async throws {
        let present = place.path + "/present"
        let journal = try Journal.open(directory: present, options: options())
        let reader = try journal.reader(named: "a")
        for number in 0..<3 as Range<UInt64> { try await journal.append(entry(3, from: number * 3 + 1)) }
        _ = try await reader.drain(through: 9)
        reader.deliver(through: 4)
        await journal.close()
        try FileManager.default.createDirectory(atPath: place.state, withIntermediateDirectories: true)
        try TestFiles.write([], place.file)
        let database = try Database(path: place.file, mode: .readWrite)
        try database.execute("PRAGMA journal_mode = WAL; PRAGMA application_id = \(JournalSchema.applicationID)")
        try database.execute(Self.version1)
        try database.execute("ATTACH '\(present)/journal.sqlite' AS present")
        for table in Self.tables { try database.execute("INSERT INTO \(table) SELECT * FROM present.\(table)") }
        try database.execute("PRAGMA user_version = 1")
    }

    @Test("a file of version 1 goes on with all that is in it, and takes dead letters")
    func version1() async throws {
        try await makeVersion1()
        try Journal.check(directory: place.state)
        let journal = try Journal.open(directory: place.state, options: options())
        let reader = try journal.reader(named: "a")
        #expect(reader.cursor.delivered == 4 && reader.counts.deadLetters == 0)
        #expect(try await reader.drain(through: 9).map(\.firstSequence) == [5, 7])
        #expect(try journal.seen(id(7), portal: "acme").count == 1)
        #expect(try journal.record(of: "acme").counts.journaled == 9)
        reader.bury(1)
        await reader.settle()
        #expect(try JournalView.open(directory: place.state).deadLetters(sink: "a", limit: 9).map(\.sequence) == [5])
        await journal.close()
        try Journal.check(directory: place.state)
        let database = try Database(path: place.file, mode: .readOnly)
        #expect(try database.integer("PRAGMA user_version") == 2)
    }

    @Test("a new file has the same tables as a migrated one")
    func sameTables() async throws {
        try await makeVersion1()
        let tables = { (file: String) throws in
            try Database(path: file, mode: .readOnly)
                .text("SELECT group_concat(type || name || coalesce(sql, ''), ';') FROM sqlite_master ORDER BY name")
        }
        await (try Journal.open(directory: place.state, options: options())).close()
        #expect(try tables(place.file) == tables(place.path + "/present/journal.sqlite"))
    }

    @Test("a view of a file of version 1 says that the daemon brings it up to date, and does not touch it")
    func view() async throws {
        try await makeVersion1()
        do throws(JournalError) {
            _ = try JournalView.open(directory: place.state)
            Issue.record("opened")
        } catch {
            #expect(error.code == .cannotCreate && error.message.contains("schema 1"))
            #expect(error.cure.contains("start the daemon"))
        }
        #expect(try Database(path: place.file, mode: .readOnly).integer("PRAGMA user_version") == 1)
    }
}

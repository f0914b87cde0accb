/// The database's tables, and how a file of an older version becomes one of this.
///
/// Rows that a flipped bit could turn into a silent loss carry a checksum of their own; how many portals and cursors there
/// must be stands in `state`.
struct JournalSchema: Sendable {
    /// Each brings the schema from the version that is its index to the next one.
    var migrations: [String]
    /// In bytes. Measured with events of 400 bytes and 2 KB, singly and 150 at a time.
    var pageSize = 4096
    /// In bytes: files up to this size are looked through when they are opened.
    var quickCheckLimit: UInt64 = 64 << 20

    static let current = JournalSchema(migrations: [first, deadLetters])

    /// "puld", in the file's header: https://www.sqlite.org/pragma.html#pragma_application_id
    static let applicationID: Int64 = 0x7075_6C64

    static let versionWithDeadLetters: Int64 = 2

    var version: Int64 { Int64(migrations.count) }

    /// `batch.last` is the number of the last event: a reader that wants to go on behind `n` seeks `last > n`.
    /// `batch.first` is one more than the row before it had as `last`, so a row that is missing shows.
    /// `seen.late` tells blocks whose ids do not follow those of the portal's other blocks; the others do not overlap.
    private static let first = """
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

    /// What `dead` must bear beside the events: that a sink has a letter once, and that requests for a retry are found
    /// among many letters. A letter names its portal itself, and stays readable whatever becomes of the other tables.
    private static let deadLetters = """
        CREATE TABLE dead (
            sink TEXT NOT NULL, sequence INTEGER NOT NULL, portal TEXT NOT NULL, received INTEGER NOT NULL,
            died INTEGER NOT NULL, attempts INTEGER NOT NULL, reason TEXT NOT NULL, retry INTEGER NOT NULL,
            checksum INTEGER NOT NULL, content BLOB NOT NULL, UNIQUE (sink, sequence));
        CREATE INDEX dead_to_retry ON dead (sink, sequence) WHERE retry = 1;
        CREATE TABLE dead_sink (sink TEXT PRIMARY KEY, checksum INTEGER NOT NULL, content BLOB NOT NULL) WITHOUT ROWID;
        """

    /// Makes the tables in an empty file, which is then complete and on disk as a whole.
    func create(in database: Database) throws(SQLiteFailure) {
        try database.execute("PRAGMA page_size = \(pageSize)")
        try database.execute("PRAGMA auto_vacuum = NONE")
        try database.execute("PRAGMA journal_mode = WAL")
        try database.execute("PRAGMA synchronous = FULL")
        try database.execute("BEGIN IMMEDIATE")
        for migration in migrations { try database.execute(migration) }
        try JournalFile.writeFirstState(to: database)
        try database.execute("PRAGMA application_id = \(Self.applicationID)")
        try database.execute("PRAGMA user_version = \(version)")
        try database.execute("COMMIT")
        try database.checkpoint(.truncate)
    }

    /// Brings a file of an older version to this one, each step in a transaction of its own.
    ///
    /// - Throws: also when the file belongs to another program, or to a newer version of this one.
    func migrate(_ database: Database) throws(JournalError) {
        let found = try verify(database)
        do throws(SQLiteFailure) {
            for (index, migration) in migrations.enumerated() where index >= found {
                try database.execute("BEGIN IMMEDIATE")
                try database.execute(migration)
                try database.execute("PRAGMA user_version = \(index + 1)")
                try database.execute("COMMIT")
            }
        } catch {
            throw error.error(path: database.path)
        }
    }

    /// The file's version, if it can be read with this schema or an older one.
    @discardableResult
    func verify(_ database: Database) throws(JournalError) -> Int64 {
        let path = database.path
        let application: Int64
        let found: Int64
        do throws(SQLiteFailure) {
            application = try database.integer("PRAGMA application_id")
            found = try database.integer("PRAGMA user_version")
        } catch {
            throw error.error(path: path)
        }
        guard application == Self.applicationID, found >= 1 else {
            throw .damaged("\(path) is not a journal of pulld", path: path)
        }
        guard found <= version else { throw newer(path, found: found) }
        return found
    }

    func newer(_ path: String, found: Int64) -> JournalError {
        JournalError(
            code: .newerSchema,
            message: "\(path) was written by a newer pulld (schema \(found), this one knows \(version))",
            cure: "install the newer version again, or move the directory of the file away")
    }
}

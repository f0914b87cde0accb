import Events

/// The writing connection: the rows, each statement prepared once. It belongs to whoever writes.
final class JournalFile {
    let database: Database
    private let insertBatch: Statement
    private let deleteBatches: Statement
    private let oldestBatch: Statement
    private let oldestContent: Statement
    private let selectPortal: Statement
    private let upsertPortal: Statement
    private let upsertChannels: Statement
    private let upsertCursor: Statement
    private let updateState: Statement
    private let selectDrop: Statement
    private let upsertDrop: Statement
    private let insertQuarantine: Statement
    private let trimQuarantine: Statement
    private let pageCount: Statement
    private let freePages: Statement
    private let pageSize: UInt64
    let seen: SeenTable
    private var knownDead: DeadTable?

    /// Opens a file that is whole and of this version's schema.
    init(path: String, isDurable: Bool, configure: (Database) throws(SQLiteFailure) -> Void = { _ in })
        throws(SQLiteFailure)
    {
        database = try Database(path: path, mode: .readWrite)
        try Self.configure(database, isDurable: isDurable)
        try configure(database)
        insertBatch = try database.prepare(
            "INSERT INTO batch (last, first, portal, received, checksum, content) VALUES (?, ?, ?, ?, ?, ?)")
        deleteBatches = try database.prepare("DELETE FROM batch WHERE last <= ?")
        oldestBatch = try database.prepare(
            "SELECT last, first, portal, received, length(content) FROM batch WHERE last > ? ORDER BY last LIMIT 1")
        oldestContent = try database.prepare("SELECT checksum, content FROM batch WHERE last = ?")
        selectPortal = try database.prepare("SELECT id, checksum, content FROM portal WHERE name = ?")
        upsertPortal = try database.prepare(
            """
            INSERT INTO portal (id, name, checksum, content) VALUES (?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET checksum = excluded.checksum, content = excluded.content
            """)
        upsertChannels = try database.prepare(
            """
            INSERT INTO channels (portal, content) VALUES (?, ?)
            ON CONFLICT (portal) DO UPDATE SET content = excluded.content
            """)
        upsertCursor = try database.prepare(
            """
            INSERT INTO cursor (name, checksum, content) VALUES (?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, content = excluded.content
            """)
        updateState = try database.prepare("UPDATE state SET checksum = ?, content = ? WHERE id = 1")
        selectDrop = try database.prepare("SELECT checksum, content FROM dropped WHERE portal = ?")
        upsertDrop = try database.prepare(
            """
            INSERT INTO dropped (portal, checksum, content) VALUES (?, ?, ?)
            ON CONFLICT (portal) DO UPDATE SET checksum = excluded.checksum, content = excluded.content
            """)
        insertQuarantine = try database.prepare(
            "INSERT INTO quarantine (portal, received, id, reason, bytes) VALUES (?, ?, ?, ?, ?)")
        trimQuarantine = try database.prepare(
            "DELETE FROM quarantine WHERE number <= (SELECT max(number) FROM quarantine) - ?")
        pageCount = try database.prepare("PRAGMA page_count")
        freePages = try database.prepare("PRAGMA freelist_count")
        pageSize = UInt64(clamping: try database.integer("PRAGMA page_size"))
        seen = try SeenTable(database)
    }

    /// WAL and FULL are what "committed" means here; a file system without shared memory, for instance, refuses WAL.
    static func configure(_ database: Database, isDurable: Bool) throws(SQLiteFailure) {
        let mode = try database.text("PRAGMA journal_mode = WAL")
        guard mode == "wal" else {
            throw SQLiteFailure.refusal("the write-ahead log cannot be had, only the journal mode \(mode)")
        }
        try database.execute("PRAGMA synchronous = \(isDurable ? "FULL" : "OFF")")
        let synchronous = try database.integer("PRAGMA synchronous")
        guard synchronous == (isDurable ? 2 : 0) else {
            throw SQLiteFailure.refusal("synchronous reads \(synchronous) after it was set")
        }
        try database.execute(
            """
            PRAGMA journal_size_limit = 16777216;
            PRAGMA secure_delete = OFF;
            PRAGMA cell_size_check = ON;
            PRAGMA cache_size = -1024;
            PRAGMA temp_store = MEMORY;
            """)
    }

    // MARK: transactions

    func begin() throws(SQLiteFailure) {
        try database.execute("BEGIN IMMEDIATE")
    }

    func commit() throws(SQLiteFailure) {
        try database.execute("COMMIT")
    }

    /// After some failures SQLite has rolled back by itself (https://www.sqlite.org/lang_transaction.html).
    func rollback() throws(SQLiteFailure) {
        if database.isInTransaction { try database.execute("ROLLBACK") }
    }

    /// Bytes of the pages in use.
    func usedBytes() throws(SQLiteFailure) -> UInt64 {
        let pages = try value(of: pageCount)
        let free = try value(of: freePages)
        return UInt64(clamping: max(0, pages - free)) * pageSize
    }

    /// Bytes of the write-ahead log, as of the last commit.
    var logBytes: UInt64 { UInt64(database.pagesInLog) * pageSize }

    private func value(of statement: Statement) throws(SQLiteFailure) -> Int64 {
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    // MARK: state

    static func writeFirstState(to database: Database) throws(SQLiteFailure) {
        let content = StoredState().content
        let statement = try database.prepare("INSERT INTO state (id, checksum, content) VALUES (1, ?, ?)")
        statement.bind(Checksum.of(content), at: 1)
        statement.bind(content, at: 2)
        try statement.run()
    }

    func write(_ state: StoredState) throws(SQLiteFailure) {
        let content = state.content
        updateState.bind(Checksum.of(content), at: 1)
        updateState.bind(content, at: 2)
        try updateState.run()
    }

    // MARK: batches

    func insert(_ batch: EventBatch, portal: Int64) throws(SQLiteFailure) {
        let row = BatchRow(batch, portal: portal)
        insertBatch.bind(row.last, at: 1)
        insertBatch.bind(row.first, at: 2)
        insertBatch.bind(row.portal, at: 3)
        insertBatch.bind(row.received, at: 4)
        insertBatch.bind(row.checksum, at: 5)
        insertBatch.bind(row.content, at: 6)
        try insertBatch.run()
    }

    /// What retention must know of the oldest batch behind a number. Read without the row's checksum: any of it can be
    /// damaged.
    struct Oldest {
        /// Above that number, and within a signed column.
        var last: UInt64
        var first: UInt64
        var portal: Int64
        /// Microseconds since 1970.
        var received: Int64
        var size: UInt64

        /// How many events it has, as far as its numbers tell; one at least.
        var presumedCount: UInt64 { (1...last).contains(first) ? last - first + 1 : 1 }
    }

    func oldest(behind number: UInt64) throws(SQLiteFailure) -> Oldest? {
        oldestBatch.bind(number, at: 1)
        defer { oldestBatch.reset() }
        guard try oldestBatch.step() else { return nil }
        // In a tree whose numbers are damaged the row that is found need not be what was asked for.
        let last = oldestBatch.integer(0)
        guard last > Int64(clamping: number) else { return nil }
        return Oldest(
            last: UInt64(last), first: oldestBatch.unsigned(1), portal: oldestBatch.integer(2),
            received: oldestBatch.integer(3), size: oldestBatch.unsigned(4))
    }

    /// Nil when it cannot be read any more.
    func events(of oldest: Oldest) throws(SQLiteFailure) -> [Event]? {
        oldestContent.bind(oldest.last, at: 1)
        defer { oldestContent.reset() }
        guard try oldestContent.step() else { return nil }
        let row = BatchRow(
            last: oldest.last, first: oldest.first, portal: oldest.portal, received: oldest.received,
            checksum: oldestContent.unsigned(0), content: oldestContent.bytes(1))
        return try? row.batch(portal: "").events
    }

    func deleteBatches(through last: UInt64) throws(SQLiteFailure) {
        deleteBatches.bind(last, at: 1)
        try deleteBatches.run()
    }

    func drop(of portal: Int64) throws(SQLiteFailure) -> StoredDrop {
        selectDrop.bind(portal, at: 1)
        defer { selectDrop.reset() }
        guard try selectDrop.step() else { return StoredDrop() }
        return try readRow(selectDrop, from: 0, of: "what was dropped", portal: portal, StoredDrop.init(content:))
    }

    func write(_ drop: StoredDrop, portal: Int64) throws(SQLiteFailure) {
        let content = drop.content
        upsertDrop.bind(portal, at: 1)
        upsertDrop.bind(RowChecksum.of(content, portal: portal), at: 2)
        upsertDrop.bind(content, at: 3)
        try upsertDrop.run()
    }

    // MARK: portals

    /// Nil for one that is new.
    func portal(named name: String) throws(SQLiteFailure) -> (id: Int64, portal: StoredPortal)? {
        selectPortal.bind(name, at: 1)
        defer { selectPortal.reset() }
        guard try selectPortal.step() else { return nil }
        let id = selectPortal.integer(0)
        return (
            id, try readRow(selectPortal, from: 1, of: "the record of \(name)", name: name, StoredPortal.init(content:))
        )
    }

    func write(_ portal: StoredPortal, id: Int64, name: String) throws(SQLiteFailure) {
        let content = portal.content
        upsertPortal.bind(id, at: 1)
        upsertPortal.bind(name, at: 2)
        upsertPortal.bind(RowChecksum.of(content, name: name), at: 3)
        upsertPortal.bind(content, at: 4)
        try upsertPortal.run()
    }

    func writeChannels(_ content: [UInt8], portal: Int64) throws(SQLiteFailure) {
        upsertChannels.bind(portal, at: 1)
        upsertChannels.bind(content, at: 2)
        try upsertChannels.run()
    }

    func write(_ cursor: StoredCursor, name: String) throws(SQLiteFailure) {
        let content = cursor.content
        upsertCursor.bind(name, at: 1)
        upsertCursor.bind(RowChecksum.of(content, name: name), at: 2)
        upsertCursor.bind(content, at: 3)
        try upsertCursor.run()
    }

    /// Made when there is something for it: most journals never have a dead letter.
    func dead() throws(SQLiteFailure) -> DeadTable {
        if let knownDead { return knownDead }
        let dead = try DeadTable(database)
        knownDead = dead
        return dead
    }

    // MARK: quarantine

    /// Pieces kept; older ones go.
    static let quarantineLimit: Int64 = 1000

    func quarantine(_ piece: QuarantinedPiece, portal: Int64) throws(SQLiteFailure) {
        insertQuarantine.bind(portal, at: 1)
        insertQuarantine.bind(piece.receivedAt, at: 2)
        insertQuarantine.bind(piece.id?.description ?? "", at: 3)
        insertQuarantine.bind(piece.reason, at: 4)
        insertQuarantine.bind(piece.bytes, at: 5)
        try insertQuarantine.run()
        trimQuarantine.bind(Self.quarantineLimit, at: 1)
        try trimQuarantine.run()
    }

    // MARK: reading what was checked before

    private func readRow<Value>(
        _ statement: Statement, from column: Int32, of what: String, name: String = "", portal: Int64? = nil,
        _ read: ([UInt8]) throws(UnreadableBytes) -> Value
    ) throws(SQLiteFailure) -> Value {
        let content = statement.bytes(column + 1)
        let checksum = portal.map { RowChecksum.of(content, portal: $0) } ?? RowChecksum.of(content, name: name)
        if checksum == statement.unsigned(column), let value = try? read(content) { return value }
        throw SQLiteFailure.damage("\(what) is not what was written")
    }
}

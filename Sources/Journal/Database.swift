internal import CSQLite

/// One connection to a database file. It belongs to whoever holds it: not for use from two threads at once.
final class Database {
    enum Mode {
        case readOnly
        case readWrite
    }

    let path: String
    fileprivate let handle: OpaquePointer
    /// Told by SQLite after each commit of this connection.
    private let logFrames = UnsafeMutablePointer<Int32>.allocate(capacity: 1)

    /// Opens a file that exists.
    ///
    /// - Parameter busyTimeout: milliseconds for which a lock of another connection is waited for.
    init(path: String, mode: Mode, busyTimeout: Int32 = 5000) throws(SQLiteFailure) {
        let flags = (mode == .readOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            // Even a failed open leaves a handle, with the reason in it.
            let failure = Self.failure(of: opened, code)
            sqlite3_close_v2(opened)
            throw failure
        }
        self.path = path
        handle = opened
        sqlite3_extended_result_codes(opened, 1)
        sqlite3_busy_timeout(opened, busyTimeout)
        logFrames.initialize(to: 0)
        // Takes the place of SQLite's own checkpoints (https://www.sqlite.org/c3ref/wal_hook.html).
        sqlite3_wal_hook(
            opened,
            { target, _, _, frames in
                target?.assumingMemoryBound(to: Int32.self).pointee = frames
                return SQLITE_OK
            }, logFrames)
    }

    deinit {
        // Waits for statements that still live (https://www.sqlite.org/c3ref/close.html).
        sqlite3_close_v2(handle)
        logFrames.deallocate()
    }

    // MARK: statements

    /// Runs statements that give no rows, or whose rows do not matter.
    func execute(_ sql: String) throws(SQLiteFailure) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        if code != SQLITE_OK { throw failure(code) }
    }

    func prepare(_ sql: String) throws(SQLiteFailure) -> Statement {
        var prepared: OpaquePointer?
        let code = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
        guard code == SQLITE_OK, let prepared else { throw failure(code) }
        return Statement(prepared, self)
    }

    /// The first column of the first row; 0 when there is none.
    func integer(_ sql: String) throws(SQLiteFailure) -> Int64 {
        let statement = try prepare(sql)
        return try statement.step() ? statement.integer(0) : 0
    }

    /// The first column of the first row; empty when there is none.
    func text(_ sql: String) throws(SQLiteFailure) -> String {
        let statement = try prepare(sql)
        return try statement.step() ? statement.text(0) : ""
    }

    /// Inside a transaction: neither begun nor ended by what a failed statement did to it.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    // MARK: the write-ahead log

    enum Checkpoint {
        /// As far as possible without waiting for anybody.
        case passive
        /// All, so that the next transaction begins the file from its start.
        case restart
        /// All, and the file is emptied.
        case truncate
    }

    /// Pages in the write-ahead log, as of this connection's last commit.
    var pagesInLog: Int { max(0, Int(logFrames.pointee)) }

    /// How much of the write-ahead log there is.
    struct LogState: Hashable {
        var frames = 0
        /// How many of them stand in the database file.
        var checkpointed = 0
    }

    /// Copies the write-ahead log into the database file (https://www.sqlite.org/c3ref/wal_checkpoint_v2.html).
    @discardableResult
    func checkpoint(_ mode: Checkpoint) throws(SQLiteFailure) -> LogState {
        let mode =
            switch mode {
            case .passive: SQLITE_CHECKPOINT_PASSIVE
            case .restart: SQLITE_CHECKPOINT_RESTART
            case .truncate: SQLITE_CHECKPOINT_TRUNCATE
            }
        var frames: Int32 = 0
        var checkpointed: Int32 = 0
        let code = sqlite3_wal_checkpoint_v2(handle, nil, mode, &frames, &checkpointed)
        if code != SQLITE_OK { throw failure(code) }
        return LogState(frames: max(0, Int(frames)), checkpointed: max(0, Int(checkpointed)))
    }

    // MARK: failures

    fileprivate func failure(_ code: Int32) -> SQLiteFailure { Self.failure(of: handle, code) }

    private static func failure(of handle: OpaquePointer?, _ code: Int32) -> SQLiteFailure {
        guard let handle else { return SQLiteFailure(code: code, text: String(cString: sqlite3_errstr(code))) }
        let extended = sqlite3_extended_errcode(handle)
        let isSame = extended & 0xFF == code & 0xFF
        return SQLiteFailure(
            code: isSame ? extended : code,
            text: isSame ? String(cString: sqlite3_errmsg(handle)) : String(cString: sqlite3_errstr(code)),
            systemError: sqlite3_system_errno(handle))
    }
}

/// A prepared statement. Parameters count from 1, columns from 0, as SQLite does.
final class Statement {
    private let handle: OpaquePointer
    private let database: Database

    fileprivate init(_ handle: OpaquePointer, _ database: Database) {
        self.handle = handle
        self.database = database
    }

    deinit {
        sqlite3_finalize(handle)
    }

    // MARK: parameters

    func bind(_ value: Int64, at index: Int32) {
        sqlite3_bind_int64(handle, index, value)
    }

    func bind(_ value: UInt64, at index: Int32) {
        sqlite3_bind_int64(handle, index, Int64(bitPattern: value))
    }

    func bind(_ text: String, at index: Int32) {
        var text = text
        text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                // An empty string may have no address, and no address would mean NULL.
                let start = $0.baseAddress ?? UnsafePointer(bitPattern: 8)
                _ = sqlite3_bind_text64(
                    handle, index, start, UInt64(bytes.count), Self.copied, UInt8(SQLITE_UTF8))
            }
        }
    }

    /// Copies the bytes.
    func bind(_ bytes: [UInt8], at index: Int32) {
        bytes.withUnsafeBytes { buffer in
            if let start = buffer.baseAddress, !buffer.isEmpty {
                _ = sqlite3_bind_blob64(handle, index, start, UInt64(buffer.count), Self.copied)
            } else {
                _ = sqlite3_bind_zeroblob(handle, index, 0)
            }
        }
    }

    func bindNull(at index: Int32) {
        sqlite3_bind_null(handle, index)
    }

    /// SQLITE_TRANSIENT, a macro that has no Swift form.
    private static var copied: sqlite3_destructor_type { unsafeBitCast(-1, to: sqlite3_destructor_type.self) }

    // MARK: execution

    /// True: there is a row, whose columns can be read until the next step or reset. After the last row, and after a
    /// failure, the statement is ready for the next run.
    func step() throws(SQLiteFailure) -> Bool {
        let code = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        if code == SQLITE_DONE {
            sqlite3_reset(handle)
            return false
        }
        let failure = database.failure(code)
        sqlite3_reset(handle)
        throw failure
    }

    /// Runs to the end, without rows.
    func run() throws(SQLiteFailure) {
        while try step() {}
    }

    /// Ends a run before its last row, and with it the statement's hold on the database.
    func reset() {
        sqlite3_reset(handle)
    }

    // MARK: columns

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func unsigned(_ column: Int32) -> UInt64 { UInt64(bitPattern: integer(column)) }

    func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

    /// Of a blob or a text; empty for NULL.
    func bytes(_ column: Int32) -> [UInt8] {
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }
}

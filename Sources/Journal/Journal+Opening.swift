import Events
import Glibc
import Synchronization
public import Timing

/// What a journal is made of, all of it or nothing.
struct OpenedParts: ~Copyable {
    let directory: StateDirectory
    let state: Mutex<JournalState>
    let writer: Mutex<JournalWriter>
    let keeper: Mutex<Database?>
    let lookup: Mutex<JournalReading?>
    let archive: Mutex<JournalReading?>
}

extension Journal {
    /// Opens the journal of a state directory, and makes what is missing of both.
    ///
    /// - Parameters:
    ///   - onTrouble: called once when the disk does not take what is to be written, with nil when it does again.
    /// - Throws: `.locked`: another process has it open. `.cannotCreate`, `.diskFull`, `.inputOutput`: the directory or
    ///   the file cannot be used. `.newerSchema`. `.damaged`: the file is not what was written. Nothing is left half made.
    public static func open(
        directory path: String, options: JournalOptions = JournalOptions(), time: TimeSource = .system,
        onTrouble: @escaping @Sendable (JournalTrouble?) -> Void = { _ in }
    ) throws(JournalError) -> Journal {
        try open(path, options, time, schema: .current, isTemporary: false, onTrouble: onTrouble)
    }

    /// In a directory of its own below `$TMPDIR`, which `close()` removes: for runs that remember nothing.
    public static func temporary(
        options: JournalOptions = JournalOptions(), time: TimeSource = .system,
        onTrouble: @escaping @Sendable (JournalTrouble?) -> Void = { _ in }
    ) throws(JournalError) -> Journal {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        var template = Array((parent.isEmpty ? "/tmp" : parent).utf8CString.dropLast())
        template += Array("/pulld-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else {
            throw StateDirectory.failure("a directory for the journal cannot be made below \(parent)", errno)
        }
        let path = String(cString: made)
        do throws(JournalError) {
            return try open(path, options, time, schema: .current, isTemporary: true, onTrouble: onTrouble)
        } catch {
            rmdir(path)
            throw error
        }
    }

    static func open(
        _ path: String, _ options: JournalOptions, _ time: TimeSource, schema: JournalSchema, isTemporary: Bool,
        configure: @escaping @Sendable (Database) throws(SQLiteFailure) -> Void = { _ in },
        onTrouble: @escaping @Sendable (JournalTrouble?) -> Void = { _ in }
    ) throws(JournalError) -> Journal {
        let directory = try StateDirectory(path)
        do throws(JournalError) {
            let parts = try openParts(directory, options, time, schema, configure)
            return Journal(parts, options: options, time: time, isTemporary: isTemporary, onTrouble: onTrouble)
        } catch {
            directory.discard()
            throw error
        }
    }

    private static func openParts(
        _ directory: StateDirectory, _ options: JournalOptions, _ time: TimeSource, _ schema: JournalSchema,
        _ configure: @escaping @Sendable (Database) throws(SQLiteFailure) -> Void
    ) throws(JournalError) -> OpenedParts {
        let path = directory.journal
        if access(path, F_OK) != 0 { try create(directory, schema) }
        guard access(path, R_OK | W_OK) == 0 else {
            throw StateDirectory.failure("\(path) cannot be written", errno)
        }
        try prepare(path, schema)
        do throws(SQLiteFailure) {
            let keeper = try Database(path: path, mode: .readWrite)
            try JournalFile.configure(keeper, isDurable: options.isDurable)
            let lookup = try JournalReading(path: path)
            let state = try lookup.state()
            let cursors = try lookup.cursors()
            try lookup.checkNumbers(state, cursors)
            let deadTotals = try DeadTotalsTable(lookup.database).all()
            let writer = try JournalWriter(
                path: path, options: options, time: time, state: state, cursors: Set(cursors.keys),
                deadTotals: deadTotals, configure: configure)
            let archive = try JournalReading(path: path)
            return OpenedParts(
                directory: directory,
                state: Mutex(
                    JournalState(
                        window: UInt64(max(1, options.window)), lastSequence: state.lastSequence, cursors: cursors,
                        deadTotals: deadTotals)),
                writer: Mutex(writer), keeper: Mutex(keeper), lookup: Mutex(lookup), archive: Mutex(archive))
        } catch {
            throw error.error(path: path)
        }
    }

    /// Under another name until it is complete: a journal that is empty or has no tables has lost them.
    private static func create(_ directory: StateDirectory, _ schema: JournalSchema) throws(JournalError) {
        let path = directory.unfinishedJournal
        for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
        // What SQLite makes beside it gets the same mode (https://www.sqlite.org/wal.html).
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StateDirectory.failure("\(path) cannot be made", errno) }
        Glibc.close(descriptor)
        do throws(SQLiteFailure) {
            try schema.create(in: Database(path: path, mode: .readWrite))
        } catch {
            for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
            throw error.error(path: path)
        }
        guard rename(path, directory.journal) == 0 else {
            let code = errno
            unlink(path)
            throw StateDirectory.failure("\(directory.journal) cannot be made", code)
        }
        try directory.synchronize()
    }

    /// Brings the log of the last run into the file, and the file to this version, if it is whole.
    private static func prepare(_ path: String, _ schema: JournalSchema) throws(JournalError) {
        let database: Database
        do throws(SQLiteFailure) {
            database = try Database(path: path, mode: .readWrite)
        } catch {
            throw error.error(path: path)
        }
        // Before anything is changed in it.
        try schema.verify(database)
        do throws(SQLiteFailure) {
            try database.checkpoint(.truncate)
            let pages = try database.integer("PRAGMA page_count")
            let size = UInt64(clamping: pages * (try database.integer("PRAGMA page_size")))
            if size <= schema.quickCheckLimit {
                let result = try database.text("PRAGMA quick_check(1)")
                if result != "ok" { throw SQLiteFailure.damage(result) }
            }
        } catch {
            throw error.error(path: path)
        }
        try schema.migrate(database)
    }
}

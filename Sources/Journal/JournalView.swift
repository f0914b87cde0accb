public import Events
import Glibc
import Synchronization

/// Reads a journal beside the daemon that writes it, or with none running, for people who look at it. It changes nothing
/// but the dead letters: their marks, and that they go.
///
/// No answer keeps a snapshot of the file: the daemon's write-ahead log can always be copied and begun anew. A restart of
/// the daemon is not noticed. When another file has taken the journal's place the next call reads that one.
public final class JournalView: Sendable {
    let path: String
    private let opened: Mutex<Opened>

    private struct Opened {
        var reading: JournalReading
        var file: FileIdentity
        var replacements = 0
    }

    /// Of the state directory of a daemon.
    ///
    /// - Throws: `.missing`, `.forbidden`. `.cannotCreate`: it is of an older version. `.newerSchema`, `.damaged`.
    public static func open(directory: String) throws(JournalError) -> JournalView {
        try JournalView(path: StateDirectory.journal(in: directory))
    }

    private init(path: String) throws(JournalError) {
        self.path = path
        let file = try FileIdentity(path)
        opened = Mutex(Opened(reading: try Self.reading(path), file: file))
    }

    private static func reading(_ path: String) throws(JournalError) -> JournalReading {
        let database: Database
        do throws(SQLiteFailure) {
            database = try Database(path: path, mode: .readOnly)
            // The first look at the file tells whether it, and what is beside it, may be used at all.
            _ = try database.integer("PRAGMA schema_version")
        } catch {
            throw error.viewError(path: path)
        }
        let found = try JournalSchema.current.verify(database)
        guard found == JournalSchema.current.version else {
            throw JournalError(
                code: .cannotCreate, message: "\(path) is of an older pulld (schema \(found))",
                cure: "start the daemon of this version once: it brings the file up to date")
        }
        do throws(SQLiteFailure) {
            return try JournalReading(database)
        } catch {
            throw error.viewError(path: path)
        }
    }

    /// Calls `body` with a connection to the file that is in its place now. While there is none the old one does.
    func read<Value: Sendable>(
        _ body: (JournalReading) throws(SQLiteFailure) -> Value
    ) throws(JournalError) -> Value {
        let result = opened.withLock { opened -> Result<Value, JournalError> in
            do throws(JournalError) {
                if let file = try? FileIdentity(path), file != opened.file {
                    opened.reading = try Self.reading(path)
                    opened.file = file
                    opened.replacements += 1
                }
            } catch {
                return .failure(error)
            }
            do throws(SQLiteFailure) {
                return .success(try body(opened.reading))
            } catch {
                return .failure(error.viewError(path: path))
            }
        }
        return try result.get()
    }

    /// How often another file was found in the journal's place: each time the numbers of events begin anew.
    public var replacements: Int { opened.withLock { $0.replacements } }

    // MARK: events

    /// The number of the last event; 0 when there never was one.
    public var lastSequence: UInt64 {
        get throws(JournalError) { try read { (reading) throws(SQLiteFailure) in try reading.state().lastSequence } }
    }

    /// The number of the first event that is still kept; one more than the last number when none is.
    public var firstSequence: UInt64 {
        get throws(JournalError) {
            try read { (reading) throws(SQLiteFailure) in
                try reading.snapshot { () throws(SQLiteFailure) in try reading.firstSequence() }
            }
        }
    }

    /// The events from `sequence` on that are on disk, oldest first; empty at the end. What is not kept any more is left
    /// out; what is damaged has gap records in its place.
    ///
    /// - Parameter bytes: no further batch is added once their bytes reach it; one at least.
    public func batches(from sequence: UInt64, limit bytes: Int) throws(JournalError) -> [EventBatch] {
        try read { (reading) throws(SQLiteFailure) in
            try reading.snapshot { () throws(SQLiteFailure) in
                let limit = try reading.state().lastSequence + 1
                let first = max(sequence, try reading.firstSequence())
                let now = Int64(time(nil)) * 1_000_000
                return try reading.batchesInSnapshot(from: first, before: limit, budget: bytes, now: now)
            }
        }
    }

    /// The number of the first event that was received then or later, nil when none was. Where the clock was set back it
    /// can be any event before which one is older.
    ///
    /// - Parameter microseconds: since 1970.
    public func sequence(receivedSince microseconds: Int64) throws(JournalError) -> UInt64? {
        try read { (reading) throws(SQLiteFailure) in
            try reading.snapshot { () throws(SQLiteFailure) in try reading.sequence(receivedSince: microseconds) }
        }
    }

    // MARK: portals and sinks

    /// In the order in which they became known.
    public func portals() throws(JournalError) -> [String] {
        try read { (reading) throws(SQLiteFailure) in try reading.portalNames(limit: .max) }
    }

    /// By name. Also of sinks that are not configured any more.
    public func sinks() throws(JournalError) -> [(name: String, cursor: SinkCursor)] {
        let cursors = try read { (reading) throws(SQLiteFailure) in try reading.cursors() }
        return cursors.map { ($0.key, $0.value.cursor) }.sorted { $0.0 < $1.0 }
    }
}

/// Tells a file from another one that takes its place (inode(7)).
struct FileIdentity: Hashable {
    var device: UInt64
    var inode: UInt64

    init(_ path: String) throws(JournalError) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            if code == ENOENT || code == ENOTDIR {
                throw JournalError(
                    code: .missing, message: "there is no journal: \(path) is missing",
                    cure: "name the daemon's state directory, or start the daemon: it makes the journal")
            }
            throw .forbidden(path, String(cString: strerror(code)))
        }
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
    }
}

import Glibc

/// A state directory as somebody finds it who changes nothing: no file is made, no lock is taken, also none of SQLite's.
public struct StateInspection: Sendable {
    /// False: the daemon will make it.
    public var exists = false
    /// Permissions, as in `st_mode`; only the last nine bits.
    public var mode: UInt32 = 0
    /// Of the journal's schema; nil without a journal.
    public var schema: Int64?
    /// The daemon brings the journal up to its own schema when it starts.
    public var isOlder = false
    /// Of the journal and its write-ahead log.
    public var size: UInt64 = 0
    /// On the file system, for this user.
    public var freeBytes: UInt64 = 0
    /// A daemon uses the directory: its process id as /proc/locks has it.
    public var user: Int?

    /// - Throws: what would keep a daemon that runs as this user from using the directory.
    public static func of(directory: String) throws(JournalError) -> StateInspection {
        var inspection = StateInspection()
        var status = stat()
        if stat(directory, &status) != 0 {
            guard errno == ENOENT else {
                throw StateDirectory.failure("the state directory \(directory) cannot be reached", errno)
            }
            inspection.freeBytes = room(in: try StateDirectory.placeForMissing(directory))
            return inspection
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw StateDirectory.noDirectory(directory) }
        inspection.exists = true
        inspection.mode = status.st_mode & 0o777
        inspection.freeBytes = room(in: directory)
        guard access(directory, R_OK | W_OK | X_OK) == 0 else {
            throw StateDirectory.failure("the state directory \(directory) cannot be used", errno)
        }
        let lock = directory + "/pulld.lock"
        guard access(lock, R_OK | W_OK) == 0 || errno == ENOENT else {
            throw StateDirectory.failure("\(lock) cannot be written", errno)
        }
        inspection.user = holder(of: lock)
        try inspection.look(atJournal: StateDirectory.journal(in: directory))
        return inspection
    }

    private mutating func look(atJournal path: String) throws(JournalError) {
        for file in [path, path + "-wal"] {
            var status = stat()
            guard stat(file, &status) == 0 else { continue }
            size += UInt64(max(0, status.st_size))
            guard access(file, R_OK | W_OK) == 0 else {
                throw StateDirectory.failure("\(file) cannot be written", errno)
            }
        }
        guard access(path, F_OK) == 0 else { return }
        let header = try Self.header(of: path)
        let schema = JournalSchema.current
        guard header.application == JournalSchema.applicationID, header.version >= 1 else {
            throw .damaged("\(path) is not a journal of pulld", path: path)
        }
        guard header.version <= schema.version else { throw schema.newer(path, found: header.version) }
        self.schema = header.version
        isOlder = header.version < schema.version
    }

    /// https://www.sqlite.org/fileformat.html#the_database_header: the user version in 4 bytes at 60, the application's
    /// number in 4 bytes at 68, big-endian.
    private static func header(of path: String) throws(JournalError) -> (application: Int64, version: Int64) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StateDirectory.failure("\(path) cannot be read", errno) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 100)
        let magic = Array("SQLite format 3\0".utf8)
        guard read(descriptor, &bytes, bytes.count) == bytes.count, bytes.starts(with: magic) else {
            throw .damaged("\(path) is not a journal of pulld", path: path)
        }
        func number(at offset: Int) -> Int64 {
            bytes[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int64($1) }
        }
        return (number(at: 68), number(at: 60))
    }

    private static func room(in directory: String) -> UInt64 {
        var figures = statvfs()
        guard statvfs(directory, &figures) == 0 else { return .max }
        let (bytes, overflows) = UInt64(figures.f_bavail).multipliedReportingOverflow(by: UInt64(figures.f_frsize))
        return overflows ? .max : bytes
    }

    /// Who holds flock(2) on the file, by proc_locks(5): trying the lock would keep out a daemon that starts meanwhile.
    ///
    ///     1: FLOCK  ADVISORY  WRITE 4711 fe:01:131085 0 EOF
    private static func holder(of path: String) -> Int? {
        var status = stat()
        guard stat(path, &status) == 0, let file = fopen("/proc/locks", "re") else { return nil }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0, let text = line.map({ String(cString: $0) }) {
            let fields = text.split(separator: " ")
            guard fields.count >= 6, fields[1] == "FLOCK", let process = Int(fields[4]) else { continue }
            // Device numbers of some file systems differ from those of stat(2); an inode with our name's lock will do.
            if fields[5].split(separator: ":").last.flatMap({ UInt64($0) }) == UInt64(status.st_ino) { return process }
        }
        return nil
    }
}

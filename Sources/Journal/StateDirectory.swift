import Glibc
import Synchronization

/// The directory that holds what a daemon must remember, and the lock that keeps a second daemon out of it.
///
/// ```
///  DIRECTORY/              0700
///    pulld.lock            flock(2) held for the life of the process; its id as text
///    journal.sqlite        0600, with -wal and -shm beside it
///    journal.sqlite.new    while the first one is made
/// ```
final class StateDirectory: Sendable {
    let path: String
    private let lock: Mutex<Int32>
    /// Made by this run, to be removed again when the journal cannot be opened; the innermost first.
    private let made: [String]
    private let didMakeLock: Bool

    var journal: String { Self.journal(in: path) }
    var unfinishedJournal: String { journal + ".new" }

    static func journal(in directory: String) -> String { directory + "/journal.sqlite" }

    /// Makes the directory if it is missing, and the one above it, and takes the lock.
    init(_ path: String) throws(JournalError) {
        var made: [String] = []
        try Self.makeDirectory(path, levels: 2, &made)
        let file = path + "/pulld.lock"
        do throws(JournalError) {
            let (descriptor, isNew) = try Self.takeLock(file, directory: path)
            lock = Mutex(descriptor)
            didMakeLock = isNew
        } catch {
            for directory in made { rmdir(directory) }
            throw error
        }
        self.path = path
        self.made = made
    }

    deinit {
        release()
    }

    /// Lets another process in.
    func release() {
        lock.withLock { descriptor in
            if descriptor >= 0 { close(descriptor) }
            descriptor = -1
        }
    }

    /// Undoes what `init` did, when there will be no journal. What others put there stays.
    func discard() {
        guard didMakeLock else { return }
        unlink(path + "/pulld.lock")
        for directory in made { rmdir(directory) }
    }

    /// With all that is in it that a journal makes.
    func removeAll() {
        for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "journal.sqlite.new", "pulld.lock"] {
            unlink(path + "/" + name)
        }
        rmdir(path)
    }

    /// A rename is on disk when the directory is.
    func synchronize() throws(JournalError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if descriptor >= 0 { close(descriptor) } }
        // Some file systems cannot synchronise directories, and need not.
        guard descriptor >= 0, fsync(descriptor) == 0 || errno == EINVAL else {
            throw Self.failure("\(path) cannot be synchronised with the disk", errno)
        }
    }

    // MARK: making

    private static func makeDirectory(
        _ path: String, levels: Int, _ made: inout [String]
    ) throws(JournalError) {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else { throw noDirectory(path) }
            return
        }
        guard errno == ENOENT else { throw failure("the state directory \(path) cannot be reached", errno) }
        guard levels > 0 else { throw missing(path) }
        try makeDirectory(parent(of: path), levels: levels - 1, &made)
        guard mkdir(path, 0o700) == 0 else {
            let code = errno
            if code == EEXIST { return }
            for directory in made { rmdir(directory) }
            throw failure("the state directory \(path) cannot be made", code)
        }
        made.insert(path, at: 0)
    }

    static func noDirectory(_ path: String) -> JournalError {
        JournalError(
            code: .cannotCreate, message: "\(path) is no directory",
            cure: "move it away, or name another state directory")
    }

    private static func missing(_ path: String) -> JournalError {
        JournalError(
            code: .cannotCreate, message: "the directory \(path) is missing",
            cure: "make it, or name another state directory")
    }

    /// The directory in which one that is missing would be made, or the one above it; nothing is changed.
    static func placeForMissing(_ path: String) throws(JournalError) -> String {
        var place = path
        for _ in 1...2 {
            place = parent(of: place)
            if access(place, W_OK | X_OK) == 0 { return place }
            guard errno == ENOENT else { throw failure("the state directory \(path) cannot be made", errno) }
        }
        throw missing(place)
    }

    private static func parent(of path: String) -> String {
        let trimmed = path.last == "/" ? String(path.dropLast()) : path
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }

    // MARK: the lock

    private static func takeLock(
        _ file: String, directory: String
    ) throws(JournalError) -> (descriptor: Int32, isNew: Bool) {
        while true {
            var isNew = true
            var descriptor = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            if descriptor < 0, errno == EEXIST {
                isNew = false
                descriptor = open(file, O_RDWR | O_CLOEXEC)
                // Removed between the two calls, by one that gave up.
                if descriptor < 0, errno == ENOENT { continue }
            }
            guard descriptor >= 0 else { throw failure("\(file) cannot be written", errno) }
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let code = errno
                let holder = content(of: descriptor)
                close(descriptor)
                guard code == EWOULDBLOCK else { throw failure("\(file) cannot be locked", code) }
                let who = holder.isEmpty ? "" : " (process \(holder))"
                throw JournalError(
                    code: .locked, message: "another pulld\(who) uses the state directory \(directory)",
                    cure: "stop it, or give this one a state directory of its own")
            }
            // The file that is locked must be the one that others will find.
            var locked = stat()
            var found = stat()
            guard fstat(descriptor, &locked) == 0, stat(file, &found) == 0, locked.st_ino == found.st_ino else {
                close(descriptor)
                continue
            }
            write("\(getpid())\n", to: descriptor)
            return (descriptor, isNew)
        }
    }

    private static func content(of descriptor: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &buffer, buffer.count, 0)
        let digits = buffer.prefix(max(0, count)).prefix { (0x30...0x39).contains($0) }
        return String(decoding: digits, as: UTF8.self)
    }

    /// Only people read it: a full disk must not keep the daemon from starting.
    private static func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, bytes, bytes.count, 0) }
    }

    static func failure(_ message: String, _ code: Int32) -> JournalError {
        let isFull = code == ENOSPC || code == EDQUOT
        return JournalError(
            code: isFull ? .diskFull : .cannotCreate, message: "\(message): \(String(cString: strerror(code)))",
            cure: isFull
                ? "make room on its file system"
                : "give the user that pulld runs as write permission, or name another state directory")
    }
}

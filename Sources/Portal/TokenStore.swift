import Glibc
import JSONText
import Synchronization

/// The file that holds a portal's tokens, and the lock that keeps two processes from renewing them at once.
///
/// ```
///  STATE/tokens/          0700
///    PORTAL.json          0600
///    PORTAL.json.new      from `open` to `save`: its room is taken before a token is asked for that would need it
///    PORTAL.lock          flock(2) held from `open` to `close`
/// ```
public final class TokenStore: TokenStorage {
    /// More than any authorisation takes.
    private static let maximumSize = 64 * 1024
    /// Bytes that `open` reserves.
    private static let reserve = 32 * 1024

    private struct Opened {
        var lock: Int32
        var new: Int32
    }

    private let directory: String
    private let file: String
    private let lockFile: String
    private let opened = Mutex<Opened?>(nil)

    private var newFile: String { file + ".new" }

    /// - Parameters:
    ///   - state: the daemon's state directory.
    ///   - portal: the portal's name in the settings, which is fit for a file's name.
    public init(state: String, portal: String) {
        directory = state + "/tokens"
        file = directory + "/" + portal + ".json"
        lockFile = directory + "/" + portal + ".lock"
    }

    /// The file, for people.
    public var path: String { file }

    deinit {
        close()
    }

    public func read() throws(TokenStoreError) -> StoredAuthorisation? {
        let descriptor = Glibc.open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw failure("\(file) cannot be read")
        }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Self.maximumSize)
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure("\(file) cannot be read") }
            if count == 0 { break }
            filled += count
        }
        guard let json = JSONValue.parse(Array(bytes[..<filled])), let stored = StoredAuthorisation(json) else {
            throw TokenStoreError(
                code: .damaged, message: "\(file) does not hold tokens that this version can read",
                cure: "remove it if the settings have a new refresh token, or authorise the application again")
        }
        return stored
    }

    public func open() throws(TokenStoreError) {
        close()
        try makeDirectories()
        let lock = Glibc.open(lockFile, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw failure("\(lockFile) cannot be written") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            Glibc.close(lock)
            guard code == EWOULDBLOCK else { throw failure("\(lockFile) cannot be locked", code) }
            throw TokenStoreError(
                code: .busy, message: "another process is renewing these tokens", cure: "wait: this takes seconds")
        }
        do throws(TokenStoreError) {
            let new = try reserveRoom()
            giveToOwner(lock)
            opened.withLock { $0 = Opened(lock: lock, new: new) }
        } catch {
            unlink(newFile)
            Glibc.close(lock)
            throw error
        }
    }

    public func save(_ authorisation: StoredAuthorisation) throws(TokenStoreError) {
        guard let new = opened.withLock({ $0?.new }) else {
            throw TokenStoreError(code: .inputOutput, message: "\(file) is not open", cure: "report this")
        }
        let bytes = authorisation.json.serialized() + [UInt8(ascii: "\n")]
        try write(bytes, to: new)
        guard ftruncate(new, off_t(bytes.count)) == 0, fsync(new) == 0, rename(newFile, file) == 0 else {
            throw failure("\(file) cannot be written")
        }
        try synchronizeDirectory()
    }

    public func close() {
        opened.withLock { opened in
            guard let files = opened else { return }
            // Still there unless it was saved. Under the lock, so it is nobody else's.
            unlink(newFile)
            Glibc.close(files.new)
            Glibc.close(files.lock)
            opened = nil
        }
    }

    // MARK: below

    private func makeDirectories() throws(TokenStoreError) {
        let state = String(directory.dropLast("/tokens".count))
        for (path, isOurs) in [(state, false), (directory, true)] {
            if mkdir(path, 0o700) == 0 {
                if isOurs { giveToOwner(path) }
                continue
            }
            guard errno == EEXIST else { throw failure("\(path) cannot be made") }
        }
    }

    /// A full disk is found here, while the old tokens are still good.
    private func reserveRoom() throws(TokenStoreError) -> Int32 {
        let new = Glibc.open(newFile, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard new >= 0 else { throw failure("\(newFile) cannot be written") }
        do throws(TokenStoreError) {
            // Left by an earlier life with another mode, or cut by a mask.
            guard fchmod(new, 0o600) == 0 else { throw failure("\(newFile) cannot be written") }
            giveToOwner(new)
            try write([UInt8](repeating: UInt8(ascii: " "), count: Self.reserve), to: new)
            guard fsync(new) == 0 else { throw failure("\(newFile) cannot be written") }
            return new
        } catch {
            Glibc.close(new)
            throw error
        }
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32) throws(TokenStoreError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written, off_t(written))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("\(newFile) cannot be written") }
            written += count
        }
    }

    /// A rename is on disk when the directory is.
    private func synchronizeDirectory() throws(TokenStoreError) {
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { if descriptor >= 0 { Glibc.close(descriptor) } }
        // Some file systems cannot synchronise directories, and need not.
        guard descriptor >= 0, fsync(descriptor) == 0 || errno == EINVAL else {
            throw failure("\(directory) cannot be synchronised with the disk")
        }
    }

    /// What root makes, for instance by `pulld login`, has to be the daemon's, who owns the state directory.
    private var owner: (user: uid_t, group: gid_t)? {
        guard geteuid() == 0 else { return nil }
        var status = stat()
        guard stat(String(directory.dropLast("/tokens".count)), &status) == 0, status.st_uid != 0 else { return nil }
        return (status.st_uid, status.st_gid)
    }

    private func giveToOwner(_ descriptor: Int32) {
        if let owner { _ = fchown(descriptor, owner.user, owner.group) }
    }

    private func giveToOwner(_ path: String) {
        if let owner { _ = lchown(path, owner.user, owner.group) }
    }

    private func failure(_ message: String, _ code: Int32 = errno) -> TokenStoreError {
        let isFull = code == ENOSPC || code == EDQUOT
        return TokenStoreError(
            code: isFull ? .full : .inputOutput, message: "\(message): \(String(cString: strerror(code)))",
            cure: isFull
                ? "make room on its file system"
                : "give the user that pulld runs as read and write permission for \(directory)")
    }
}

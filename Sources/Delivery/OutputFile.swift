import Glibc

/// An open file that lines are appended to. It is read, too: for what stands in it already.
final class OutputFile {
    let path: String
    /// False: a pipe or a device, of which nothing can be read back.
    let isRegular: Bool
    let identity: FileIdentity
    /// It was not there before.
    let isNew: Bool
    /// Unix seconds of its last change, when it was opened.
    let changedAt: Int64
    private let descriptor: Int32
    private let writer: DescriptorWriter

    /// How much is read at a time.
    static let pieceSize = 1024 * 1024
    private static let flags = O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY

    /// - Parameter creates: with mode 0600, if it is missing.
    /// - Throws: `missing` without its directory, `permission`, `closed` for a named pipe that nobody reads.
    init(path: String, creates: Bool) throws(SinkError) {
        var status = stat()
        // A named pipe opened for reading too would never tell that nobody else reads it.
        let isStream = stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
        var descriptor = open(path, Self.flags | (isStream ? O_WRONLY : O_RDWR))
        // A file that may not be read is taken as it is.
        if descriptor < 0, errno == EACCES { descriptor = open(path, Self.flags | O_WRONLY) }
        isNew = descriptor < 0 && errno == ENOENT && creates
        if isNew { descriptor = open(path, Self.flags | O_RDWR | O_CREAT, 0o600) }
        if descriptor < 0 { throw SinkError(errno: errno, place: path) }
        if fstat(descriptor, &status) != 0 {
            let number = errno
            close(descriptor)
            throw SinkError(errno: number, place: path)
        }
        self.path = path
        self.descriptor = descriptor
        writer = DescriptorWriter(owning: descriptor, place: path)
        isRegular = status.st_mode & S_IFMT == S_IFREG
        identity = FileIdentity(status)
        changedAt = Int64(status.st_mtim.tv_sec)
    }

    /// In bytes; 0 when the system does not tell.
    var size: UInt64 { UInt64(max(0, status?.st_size ?? 0)) }

    /// It has a name still, whichever.
    var hasName: Bool { (status?.st_nlink ?? 0) > 0 }

    private var status: stat? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status : nil
    }

    /// Writes from the beginning of `bytes`, which must not be empty, as much as goes at once.
    func write(_ bytes: UnsafeRawBufferPointer) -> DescriptorWriter.Step {
        writer.write(bytes)
    }

    /// Writes all of it, or throws; what has gone until then the file's size tells.
    func writeAll(_ bytes: UnsafeRawBufferPointer) throws(SinkError) {
        var rest = bytes
        while !rest.isEmpty {
            switch writer.write(rest) {
            case .wrote(let count): rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            case .stalled: continue
            case .failed(let error): throw error
            }
        }
    }

    /// How many bytes could be read at `offset`: 0 at the end, and where the disk fails or reading is not allowed.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard let place = off_t(exactly: offset) else { return 0 }
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, place)
            if count >= 0 { return count }
            if errno != EINTR { return 0 }
        }
    }

    /// Waits until the disk has everything, the size too.
    func synchronize() throws(SinkError) {
        while fdatasync(descriptor) != 0 {
            if errno != EINTR { throw SinkError(errno: errno, place: path) }
        }
    }

    /// Takes back what stands behind `size`.
    func cut(to size: UInt64) throws(SinkError) {
        guard let size = off_t(exactly: size) else { return }
        while ftruncate(descriptor, size) != 0 {
            if errno != EINTR { throw SinkError(errno: errno, place: path) }
        }
    }

    /// The fingerprint of the first 64 and the last 64 bytes before `size`.
    func mark(before size: UInt64) -> UInt64 {
        let count = Int(min(size, 64))
        return withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
            let first = fingerprint(UnsafeRawBufferPointer(rebasing: part[..<read(at: 0, into: part)]))
            let got = read(at: size - UInt64(count), into: part)
            return fingerprint(UnsafeRawBufferPointer(rebasing: part[..<got]), after: first)
        }
    }

    /// Its last byte is there and no line feed.
    var endsWithinLine: Bool {
        let size = size
        guard isRegular, size > 0 else { return false }
        var last: UInt8 = 0
        return withUnsafeMutableBytes(of: &last) { read(at: size - 1, into: $0) == 1 && $0[0] != UInt8(ascii: "\n") }
    }
}

/// A file's name in its directory.
struct FileName {
    var directory: String
    var name: String

    init(_ path: String) {
        let slash = path.lastIndex(of: "/")
        directory = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    }

    /// Waits until the disk has the names in the directory.
    func synchronizeDirectory() throws(SinkError) {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0 { throw SinkError(errno: errno, place: directory) }
        defer { close(descriptor) }
        // Some file systems know nothing of the kind and say so.
        if fsync(descriptor) != 0, errno != EINVAL { throw SinkError(errno: errno, place: directory) }
    }

    /// Where the file is now, if anywhere in the directory.
    func find(_ identity: FileIdentity) -> String? {
        guard let stream = opendir(directory) else { return nil }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
            guard UInt64(entry.pointee.d_ino) == identity.inode else { continue }
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
            if FileIdentity(path: path) == identity { return path }
        }
        return nil
    }
}

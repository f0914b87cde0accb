import Glibc

/// A file read whole, up to a limit. Pipes are files too (`--config <(…)`).
struct BoundedFile {
    enum Failure: Error {
        /// `errno` of the call that failed.
        case system(Int32)
        case tooLarge
    }

    var bytes: [UInt8]
    var mode: UInt32

    init(path: String, limit: Int) throws(Failure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 { throw .system(errno) }
        defer { close(descriptor) }
        var status = stat()
        if fstat(descriptor, &status) != 0 { throw .system(errno) }
        mode = status.st_mode
        bytes = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(errno)
            }
            if count == 0 { return }
            bytes += chunk[..<count]
            if bytes.count > limit { throw .tooLarge }
        }
    }
}

extension SecretEnvironment {
    /// The process' own environment and files.
    public static let process = SecretEnvironment(
        variable: { name in getenv(name).map { String(cString: $0) } },
        readFile: { path throws(SecretError) in
            do throws(BoundedFile.Failure) {
                let file = try BoundedFile(path: path, limit: SecretSource.maximumSize)
                return SecretFile(bytes: file.bytes, mode: file.mode)
            } catch {
                switch error {
                case .system(ENOENT):
                    throw SecretError(code: .missing, message: "\(path) is not there", cure: "create it, mode 0600")
                case .system(let number):
                    throw SecretError(
                        code: .unreadable, message: "\(path) cannot be read: \(systemMessage(number))",
                        cure: "let the user that pulld runs as read it")
                case .tooLarge:
                    throw SecretError(
                        code: .tooLarge, message: "\(path) holds more than \(SecretSource.maximumSize) bytes",
                        cure: "check that it is the secret")
                }
            }
        })
}

/// What the system says to an `errno`. glibc's strerror is safe between threads since 2.32.
func systemMessage(_ number: Int32) -> String {
    String(cString: strerror(number))
}

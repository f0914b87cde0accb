import Glibc
import Synchronization

/// Why a store file cannot be used.
public struct StoreFailure: Error, CustomStringConvertible {
    public let description: String
}

/// What survives the end of the sandbox by any signal: one file that is only appended to, and read again at the next
/// start. Every record is handed to the kernel before anything follows from it; nothing is synced, since the machine
/// lives on.
///
/// ```
///  {"k":"store","generation":1700000000}                          the store is empty from here on
///  {"k":"back","by":5}                                            its last 5 messages are gone
///  {"k":"token","user":1,"access":A,"end":E,"refresh":R,"webhook":W}
///  {"k":"channel","owner":"application","user":1,"id":I,"public":P,"start":S,"end":E}
///  {"k":"message","counter":1,"to":["id","+public id"],"expiry":60,"time":T,"at":µs,"n":1,"from":1,"id":I,"bytes":N}
///  N bytes of body, and a line feed
/// ```
final class StoreFile: Sendable {
    private let descriptor: Mutex<Int32>
    /// Ends with the first failure to write.
    let failures: AsyncStream<StoreFailure>
    private let failed: AsyncStream<StoreFailure>.Continuation

    /// Opens or makes the file, mode 0600, and reads what it holds. A record that a killed process did not finish is cut
    /// off.
    ///
    /// - Throws: `StoreFailure` when the file cannot be opened or read, or holds something else.
    static func open(_ path: String) throws -> (file: StoreFile, stored: StoredState) {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        do {
            let bytes = try read(descriptor, path: path)
            var stored = StoredState()
            let length = stored.replay(bytes)
            guard length > 0 || bytes.isEmpty else {
                throw StoreFailure(description: "\(path) is no store of a sandbox")
            }
            guard ftruncate(descriptor, off_t(length)) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else {
                throw failure(path)
            }
            return (StoreFile(descriptor), stored)
        } catch {
            close(descriptor)
            throw error
        }
    }

    private init(_ descriptor: Int32) {
        self.descriptor = Mutex(descriptor)
        (failures, failed) = AsyncStream.makeStream()
    }

    deinit { descriptor.withLock { _ = close($0) } }

    func append(_ record: StoreRecord) {
        let bytes = record.bytes
        descriptor.withLock { descriptor in
            var written = 0
            while written < bytes.count {
                let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    failed.yield(Self.failure("the store file"))
                    return
                }
                written += count
            }
        }
    }

    private static func failure(_ what: String) -> StoreFailure {
        StoreFailure(description: "\(what): \(String(cString: strerror(errno)))")
    }

    private static func read(_ descriptor: Int32, path: String) throws -> [UInt8] {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size >= 0 else { throw failure(path) }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress?.advanced(by: filled), $0.count - filled, off_t(filled))
            }
            guard count > 0 else { throw failure(path) }
            filled += count
        }
        return bytes
    }
}

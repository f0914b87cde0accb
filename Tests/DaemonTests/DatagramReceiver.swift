import Glibc

/// The service manager's end of a notify socket, in the abstract name space.
final class DatagramReceiver {
    struct Failure: Error {}

    private let descriptor: Int32
    private var seen: [String] = []

    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { target in
            target.copyBytes(from: Array(path.utf8))
            target[0] = 0
        }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + path.utf8.count)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        guard descriptor >= 0, result == 0 else { throw Failure() }
    }

    deinit { close(descriptor) }

    /// Everything sent so far.
    var waiting: [String] {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
            seen.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
        return seen
    }
}

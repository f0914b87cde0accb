import Addresses
import Glibc

/// The socket that the admin endpoint listens on.
///
/// One in the file system is its owner's alone (0600), takes the place of one that a dead process has left, and goes with
/// the endpoint. One that answers is somebody's and stays.
struct AdminListener {
    let address: LocalAddress
    let descriptor: Int32
    /// Of the socket in the file system: another one may have taken its place meanwhile.
    private let inode: ino_t?

    private static let backlog: Int32 = 16

    init(_ address: LocalAddress) throws(AdminError) {
        self.address = address
        switch address {
        case .socket(let path):
            try Self.makeRoom(at: path)
            descriptor = try Self.open(AF_UNIX, address)
            // Before it has its name: what bind(2) makes has these permissions, less the umask.
            fchmod(descriptor, 0o600)
        case .loopback(let host, _):
            descriptor = try Self.open(host.contains(":") ? AF_INET6 : AF_INET, address)
            var on: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        let isBound = address.withSystemAddress { [descriptor] in bind(descriptor, $0, $1) } == 0
        guard isBound, listen(descriptor, Self.backlog) == 0 else {
            let failure = Self.failure(errno, address)
            Glibc.close(descriptor)
            throw failure
        }
        inode = if case .socket(let path) = address { Self.status(of: path)?.st_ino } else { nil }
    }

    func close() {
        Glibc.close(descriptor)
        guard case .socket(let path) = address, let inode, Self.status(of: path)?.st_ino == inode else { return }
        unlink(path)
    }

    private static func open(_ family: Int32, _ address: LocalAddress) throws(AdminError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw failure(errno, address) }
        return descriptor
    }

    // MARK: the name in the file system

    private static func status(of path: String) -> stat? {
        var status = stat()
        return lstat(path, &status) == 0 ? status : nil
    }

    private static func makeRoom(at path: String) throws(AdminError) {
        guard let status = status(of: path) else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw AdminError(
                code: .notASocket, message: "\(path) is there and is no socket", cure: "remove it, or name another path"
            )
        }
        guard !answers(path) else { throw failure(EADDRINUSE, .socket(path: path)) }
        unlink(path)
    }

    /// Whether somebody listens there. Only a refusal says that nobody does.
    private static func answers(_ path: String) -> Bool {
        let address = LocalAddress.socket(path: path)
        guard let descriptor = try? open(AF_UNIX, address) else { return true }
        defer { Glibc.close(descriptor) }
        return address.withSystemAddress { connect(descriptor, $0, $1) } == 0 || errno != ECONNREFUSED
    }

    private static func failure(_ number: Int32, _ address: LocalAddress) -> AdminError {
        switch number {
        case EADDRINUSE:
            AdminError(
                code: .inUse, message: "another process listens on \(address)",
                cure: "name another address for admin: listen, or stop that process")
        case ENOENT, ENOTDIR:
            AdminError(code: .system, message: "\(address): its directory is not there", cure: "create the directory")
        case EACCES, EPERM, EROFS:
            AdminError(
                code: .system, message: "\(address): \(String(cString: strerror(number)))",
                cure: "let the user that pulld runs as write there, or name another address for admin: listen")
        default:
            AdminError(code: .system, message: "\(address): \(String(cString: strerror(number)))", cure: "")
        }
    }
}

extension LocalAddress {
    /// As bind(2) and connect(2) want it.
    func withSystemAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        func call<Address>(_ address: Address) -> Result {
            withUnsafePointer(to: address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    body($0, socklen_t(MemoryLayout<Address>.size))
                }
            }
        }
        switch self {
        case .socket(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            // The rest of it is zero, so the path has its end.
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
            return call(address)
        case .loopback(let host, let port) where host.contains(":"):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            inet_pton(AF_INET6, host, &address.sin6_addr)
            return call(address)
        case .loopback(let host, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            inet_pton(AF_INET, host, &address.sin_addr)
            return call(address)
        }
    }
}

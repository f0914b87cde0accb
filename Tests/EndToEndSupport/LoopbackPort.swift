import Foundation

/// TCP on 127.0.0.1, as tests need it.
public enum LoopbackPort {
    /// A port that nobody listens on at this moment.
    public static func free() throws -> UInt16 {
        let (descriptor, port) = try listener(backlog: nil)
        close(descriptor)
        return port
    }

    /// Keeps a port from everybody who asks for any free one. A server that sets SO_REUSEADDR can listen on it at the same
    /// time.
    public final class Reservation: Sendable {
        public let port: UInt16
        private let descriptor: Int32

        public init() throws {
            (descriptor, port) = try LoopbackPort.listener(backlog: nil, comesAgain: true)
        }

        deinit { close(descriptor) }
    }

    /// Whether somebody accepts connections there.
    public static func answers(_ port: UInt16) -> Bool {
        guard let descriptor = try? connection(to: port) else { return false }
        close(descriptor)
        return true
    }

    /// A bound socket on the port, or on one of the kernel's choice (0), listening if a backlog is given. The caller
    /// closes it.
    ///
    /// - Parameter comesAgain: the port may be taken again as soon as the listener is closed, while connections of that
    ///   time still linger. Both listeners have to say so.
    public static func listener(
        backlog: Int32?, port: UInt16 = 0, comesAgain: Bool = false
    ) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemFailure("socket") }
        if comesAgain {
            var on: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = loopback(port: port)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard bound, backlog.map({ listen(descriptor, $0) == 0 }) ?? true else {
            let failure = SystemFailure("bind")
            close(descriptor)
            throw failure
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    /// A connected socket, blocking. The caller closes it.
    public static func connection(to port: UInt16) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemFailure("socket") }
        var address = loopback(port: port)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let failure = SystemFailure("connect")
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    private static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
        return address
    }
}

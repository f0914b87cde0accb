import EndToEndSupport
import Glibc

/// A port of all of this machine's addresses, of IPv4 and IPv6, that nobody serves: it only remembers whether anybody came.
final class WatchedPort: Sendable {
    let port: UInt16
    private let listener: Int32

    init() throws {
        listener = socket(AF_INET6, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        var off: Int32 = 0
        setsockopt(listener, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        var length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        let listener = listener
        let listens = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard listens, listen(listener, 16) == 0 else { throw SystemFailure("listen") }
        port = UInt16(bigEndian: address.sin6_port)
    }

    deinit { close(listener) }

    /// Connections made since the last time somebody asked, and the bytes that came with them.
    func visitors() -> (connections: Int, bytes: Int) {
        var result = (connections: 0, bytes: 0)
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { return result }
            result.connections += 1
            var buffer = [UInt8](repeating: 0, count: 65536)
            result.bytes += max(0, recv(connection, &buffer, buffer.count, Int32(MSG_DONTWAIT)))
            close(connection)
        }
    }

    /// This machine's address in its network, if it has one.
    static let ownAddress: String? = {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let address = entry.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET),
                entry.pointee.ifa_flags & UInt32(IFF_LOOPBACK) == 0
            else { continue }
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(
                address, socklen_t(MemoryLayout<sockaddr_in>.size), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST
            )
                == 0
            {
                return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            }
        }
        return nil
    }()
}

import Glibc

/// What a socket is about to be connected to, as the kernel gets it.
enum SocketAddress: Hashable {
    /// In the order of reading: 127.0.0.1 is 0x7F000001.
    case four(UInt32)
    /// 16 bytes.
    case six([UInt8])
    /// The path of a socket in the file system; empty for an abstract one.
    case unix([UInt8])
    /// Another family, or too short for what it says it is.
    case unknown

    /// From a `sockaddr` of any family:
    ///
    ///     family (2, this machine's order)
    ///     AF_INET:  port (2), address (4)
    ///     AF_INET6: port (2), flow (4), address (16), scope (4)
    ///     AF_UNIX:  path, to the first NUL or the end
    init(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 2 else {
            self = .unknown
            return
        }
        switch Int32(bytes.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET where bytes.count >= 8:
            self = .four(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
        case AF_INET6 where bytes.count >= 24:
            self = .six([UInt8](bytes[8..<24]))
        case AF_UNIX:
            self = .unix([UInt8](bytes[2...].prefix { $0 != 0 }))
        default:
            self = .unknown
        }
    }

    /// From an address of IPv4 or IPv6 as text, with or without a zone behind `%`.
    init(text: String) {
        let plain = String(text.prefix { $0 != "%" })
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, plain, &four) == 1 {
            self = .four(UInt32(bigEndian: four.s_addr))
        } else if inet_pton(AF_INET6, plain, &six) == 1 {
            self = .six(withUnsafeBytes(of: six) { [UInt8]($0) })
        } else {
            self = .unknown
        }
    }

    /// 127.0.0.0/8 or `::1`; none of their other forms.
    var isLoopback: Bool {
        switch self {
        case .four(let four): four >> 24 == 127
        case .six(let six): six.dropLast().allSatisfy { $0 == 0 } && six.last == 1
        case .unix, .unknown: false
        }
    }
}

extension SocketAddress: CustomStringConvertible {
    var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        switch self {
        case .four(let four):
            var address = in_addr(s_addr: four.bigEndian)
            inet_ntop(AF_INET, &address, &text, socklen_t(text.count))
        case .six(let six):
            inet_ntop(AF_INET6, six, &text, socklen_t(text.count))
        case .unix(let path):
            return String(decoding: path, as: UTF8.self)
        case .unknown:
            return "an unknown address"
        }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

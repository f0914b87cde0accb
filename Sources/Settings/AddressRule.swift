public import Addresses
import Glibc

/// What is wrong with an address that an operator wrote. It does not hold the text: somebody may have put a secret there.
public enum AddressFault: Error, Hashable, Sendable {
    /// No absolute address at all.
    case notAnAddress
    /// An address of another kind than is wanted here.
    case scheme
    /// A user or password: then the address is a secret, and does not belong where others can read it.
    case userInfo
    case fragment
    /// More than scheme, host and port. In a portal's address it may be the code of an incoming webhook.
    case pathOrQuery
    /// http to another machine.
    case plainHTTP
    case otherMachine
    /// An address that no program of the operator's is at: link-local, metadata, multicast or unspecified.
    case reservedAddress
}

/// The rules for addresses that an operator writes: the same for the file and for arguments.
public enum AddressRule: Hashable, Sendable {
    /// A portal or an authorisation server: scheme, host and perhaps port. https, or http to a loopback host.
    case origin
    /// A program on this machine, by http or https.
    case program
    /// A program on any machine, by http or https. Names are not looked up here.
    case target
    /// A proxy without password, by http, https or one of the kinds of SOCKS.
    case proxy

    /// The address, if it follows the rule. What may be a secret is found before what is merely not allowed.
    public func check(_ text: String) throws(AddressFault) -> WebAddress {
        guard let address = WebAddress(text) else { throw .notAnAddress }
        guard schemes.contains(address.scheme) else { throw .scheme }
        guard address.userInfo == nil else { throw .userInfo }
        switch self {
        case .proxy:
            break
        case .origin:
            guard address.fragment == nil else { throw .fragment }
            guard address.path.isEmpty || address.path == "/", address.query == nil else { throw .pathOrQuery }
            guard address.scheme == "https" || address.isLoopback else { throw .plainHTTP }
        case .program:
            guard address.fragment == nil else { throw .fragment }
            guard !address.isReserved else { throw .reservedAddress }
            guard address.isLoopback else { throw .otherMachine }
        case .target:
            guard address.fragment == nil else { throw .fragment }
            guard !address.isReserved else { throw .reservedAddress }
            guard address.isLoopback || !address.hasNumericName else { throw .notAnAddress }
        }
        return address
    }

    private var schemes: Set<String> {
        switch self {
        case .origin, .program, .target: ["http", "https"]
        case .proxy: ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]
        }
    }
}

extension WebAddress {
    /// Four numbers that are no address, or fewer: what some libraries take for an IPv4 address and others for a name.
    fileprivate var hasNumericName: Bool {
        guard !host.hasPrefix("["), let last = host.split(separator: ".").last, ipv4 == nil else { return false }
        return last.utf8.allSatisfy { 0x30...0x39 ~= $0 } || last.hasPrefix("0x")
    }

    private var ipv4: UInt32? {
        var four = in_addr()
        return inet_pton(AF_INET, host, &four) == 1 ? UInt32(bigEndian: four.s_addr) : nil
    }

    /// The host is an address, not a name, and link-local, a cloud's metadata service, multicast or unspecified.
    fileprivate var isReserved: Bool {
        if let ipv4 { return Self.isReserved(ipv4) }
        var six = in6_addr()
        guard host.hasPrefix("["), inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &six) == 1 else {
            return false
        }
        let bytes = withUnsafeBytes(of: six) { Array($0) }
        let last = bytes[12...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        // An IPv4 address inside: mapped (RFC 4291, section 2.5.5.2), or translated (RFC 6052).
        let mapped = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
        let translated: [UInt8] = [0, 0x64, 0xFF, 0x9B] + [UInt8](repeating: 0, count: 8)
        if bytes.starts(with: mapped) || bytes.starts(with: translated) { return Self.isReserved(last) }
        if bytes[0] == 0xFF || (bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80) { return true }
        // AWS has its metadata at fd00:ec2::254.
        let metadata: [UInt8] = [0xFD, 0, 0x0E, 0xC2] + [UInt8](repeating: 0, count: 10) + [0x02, 0x54]
        return bytes == metadata || bytes.allSatisfy { $0 == 0 }
    }

    private static func isReserved(_ ipv4: UInt32) -> Bool {
        switch (ipv4 >> 24, ipv4 >> 16 & 0xFF) {
        case (0, _), (169, 254), (224...255, _): true
        // Alibaba Cloud's metadata service, in the range of carriers' own addresses (RFC 6598).
        case (100, 100): ipv4 == 0x6464_64C8
        default: false
        }
    }
}

/// Where connections may lead. It is judged on the address of every single connection, never on a name or on what was
/// looked up for it before: no answer of a name server, whatever it is and however often it changes, gets around it.
///
/// With any rule but `any` no proxy is used, since nobody could see past it.
public enum DestinationRule: Sendable, Hashable {
    /// Wherever the network leads.
    case any
    /// This machine alone: 127.0.0.0/8 and `::1` (RFC 6890). No other of its addresses, and no other form of these.
    case loopback
    /// Other machines too, those of private networks included, but no link-local address (RFC 3927, RFC 4291 2.5.6), no
    /// metadata service of a cloud, no unspecified, multicast or broadcast address, in whatever form of IPv6 such an
    /// address of IPv4 is packed.
    case remote
}

/// Why an address is out of bounds.
enum DestinationObstacle: Hashable {
    case otherMachine
    case linkLocal
    case metadata
    case unspecified
    case multicast
    case broadcast
    case localTranslation
    case otherFamily

    /// What the address is, for people.
    var text: String {
        switch self {
        case .otherMachine: "not a loopback address"
        case .linkLocal: "a link-local address"
        case .metadata: "a metadata service of a cloud"
        case .unspecified: "not the address of a machine"
        case .multicast: "a multicast address"
        case .broadcast: "a broadcast address"
        case .localTranslation: "an address that a translator of the local network leads anywhere"
        case .otherFamily: "not an address of the internet"
        }
    }
}

extension DestinationRule {
    /// Nil when a connection may lead to this address. Sockets of this machine's files are never allowed here: they are
    /// not a matter of the rule but of `NetworkOptions.unixSocket`.
    func obstacle(to address: SocketAddress) -> DestinationObstacle? {
        if self == .any { return nil }
        let special: DestinationObstacle?
        switch address {
        case .four(let four): special = Self.obstacle(four: four)
        case .six(let six): special = Self.obstacle(six: six)
        case .unix, .unknown: special = .otherFamily
        }
        return special ?? (self == .loopback && !address.isLoopback ? .otherMachine : nil)
    }

    private static func obstacle(four: UInt32) -> DestinationObstacle? {
        switch four {
        // 169.254.169.254 of nearly all, 169.254.170.2 and .23 of containers on AWS, 169.254.42.42 of Scaleway,
        // 100.100.100.200 of Alibaba, 168.63.129.16 of Azure, 192.0.0.192 of Oracle.
        case 0xA9FE_A9FE, 0xA9FE_AA02, 0xA9FE_AA17, 0xA9FE_2A2A, 0x6464_64C8, 0xA83F_8110, 0xC000_00C0: .metadata
        case 0xA9FE_0000...0xA9FE_FFFF: .linkLocal
        // "This network" (RFC 6890): Linux takes 0.0.0.0 for this machine.
        case 0...0x00FF_FFFF: .unspecified
        case 0xE000_0000...0xEFFF_FFFF: .multicast
        case 0xFFFF_FFFF: .broadcast
        default: nil
        }
    }

    private static func obstacle(six: [UInt8]) -> DestinationObstacle? {
        if six.dropLast().allSatisfy({ $0 == 0 }) {
            switch six.last {
            case 0: return .unspecified
            case 1: return nil
            default: break
            }
        }
        if six[0] == 0xFE && six[1] & 0xC0 == 0x80 { return .linkLocal }
        if six[0] == 0xFF { return .multicast }
        if isMetadata(six: six) { return .metadata }
        // RFC 8215: how the local network packs IPv4 into these, nobody else knows.
        if six.starts(with: [0, 0x64, 0xFF, 0x9B, 0, 1]) { return .localTranslation }
        return embeddedFour(in: six).flatMap { obstacle(four: $0) }
    }

    /// Of AWS all that is fd00:ec2::/32, its metadata service and its name servers among it; of Google fd20:ce::254, of
    /// Oracle fd00:c1::a9fe:a9fe, of Scaleway fd00:42::42.
    private static func isMetadata(six: [UInt8]) -> Bool {
        if six.starts(with: [0xFD, 0, 0x0E, 0xC2]) { return true }
        let hosts: [(start: [UInt8], end: [UInt8])] = [
            ([0xFD, 0x20, 0, 0xCE], [0, 0, 2, 0x54]), ([0xFD, 0, 0, 0xC1], [0xA9, 0xFE, 0xA9, 0xFE]),
            ([0xFD, 0, 0, 0x42], [0, 0, 0, 0x42]),
        ]
        return hosts.contains { six == $0.start + [UInt8](repeating: 0, count: 8) + $0.end }
    }

    /// The address of IPv4 that packets to this one of IPv6 end up at, or may end up at.
    private static func embeddedFour(in six: [UInt8]) -> UInt32? {
        let last = four(six[12...])
        let zeros = [UInt8](repeating: 0, count: 12)
        // Compatible (RFC 4291 2.5.5.1), mapped (2.5.5.2), translated (RFC 2765).
        if six.starts(with: zeros) || six.starts(with: zeros.prefix(10) + [0xFF, 0xFF])
            || six.starts(with: zeros.prefix(8) + [0xFF, 0xFF, 0, 0])
        {
            return last
        }
        // NAT64 (RFC 6052).
        if six.starts(with: [0, 0x64, 0xFF, 0x9B] + zeros.prefix(8)) { return last }
        // 6to4 (RFC 3056).
        if six.starts(with: [0x20, 0x02]) { return four(six[2..<6]) }
        // Teredo (RFC 4380 4): turned over bit by bit.
        if six.starts(with: [0x20, 0x01, 0, 0]) { return ~last }
        // ISATAP (RFC 5214 6.1), under any prefix.
        if six[8] & 0xFD == 0 && six[9...].starts(with: [0, 0x5E, 0xFE]) { return last }
        return nil
    }

    private static func four(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }
}

import Glibc

/// A URL with an authority, taken apart (RFC 3986, section 3). Strict: what it does not know it refuses, so that what
/// is checked here and what a library connects to cannot be two different hosts.
public struct URLParts: Sendable, Hashable {
    /// Longest URL taken, in bytes.
    public static let maximumLength = 8192

    /// In lower case: `https`.
    public let scheme: String
    /// As written, without the brackets of an IPv6 address.
    public let host: String
    /// As written; nil if there is none.
    public let port: Int?
    /// As written: empty or with a leading slash.
    public let path: String
    /// As written, without its question mark; nil if there is none.
    public let query: String?

    /// Nil for a text without scheme and host, with user or password, with a fragment, with a host that is neither a
    /// DNS name in ASCII nor an IP address, or with blanks, control characters, quotes, backslashes or non-ASCII
    /// anywhere.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.maximumLength, text.utf8.allSatisfy(Self.isPlain) else { return nil }
        guard let separator = text.firstRange(of: "://") else { return nil }
        let scheme = text[..<separator.lowerBound]
        guard let first = scheme.utf8.first, (first | 0x20) &- 0x61 < 26,
            scheme.utf8.allSatisfy({
                ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 <= 9 || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E
            })
        else { return nil }
        let rest = text[separator.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard let (host, port) = Self.hostAndPort(authority) else { return nil }
        let reference = rest[authority.endIndex...]
        let path = reference.prefix { $0 != "?" }
        self.scheme = scheme.lowercased()
        self.host = host
        self.port = port
        self.path = String(path)
        query = path.endIndex == reference.endIndex ? nil : String(reference[path.endIndex...].dropFirst())
    }

    public var isSecure: Bool { scheme == "https" || scheme == "wss" }

    /// The port, or the scheme's own; nil for other schemes than http, https, ws and wss.
    public var effectivePort: Int? {
        if let port { return port }
        switch scheme {
        case "https", "wss": return 443
        case "http", "ws": return 80
        default: return nil
        }
    }

    /// Whether `host`, with or without brackets, is this machine itself: `localhost`, 127.0.0.0/8 or ::1.
    public static func isLoopback(_ host: String) -> Bool {
        if host.lowercased() == "localhost" { return true }
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
        let plain = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        var six = in6_addr()
        guard inet_pton(AF_INET6, plain, &six) == 1 else { return false }
        return withUnsafeBytes(of: &six) { bytes in
            let isOne = bytes[15] == 1 && bytes[..<15].allSatisfy { $0 == 0 }
            let isMapped = bytes[10] == 0xFF && bytes[11] == 0xFF && bytes[..<10].allSatisfy { $0 == 0 }
            return isOne || (isMapped && bytes[12] == 127)
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        0x21...0x7E ~= byte && !"\"#<>\\^`{|}".utf8.contains(byte)
    }

    private static func hostAndPort(_ authority: Substring) -> (host: String, port: Int?)? {
        if authority.first == "[" {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            let host = String(authority[authority.index(after: authority.startIndex)..<end])
            var address = in6_addr()
            guard inet_pton(AF_INET6, host, &address) == 1 else { return nil }
            return port(authority[authority.index(after: end)...]).map { (host, $0) }
        }
        let host = authority.prefix { $0 != ":" }
        guard isName(host) else { return nil }
        return port(authority[host.endIndex...]).map { (String(host), $0) }
    }

    /// `:1…65535` or nothing. The outer nil: neither.
    private static func port(_ text: Substring) -> Int?? {
        if text.isEmpty { return .some(nil) }
        let digits = text.dropFirst()
        guard text.first == ":", 1...5 ~= digits.utf8.count, digits.utf8.allSatisfy({ $0 &- 0x30 <= 9 }),
            let number = Int(digits), 1...65535 ~= number
        else { return nil }
        return .some(number)
    }

    private static func isName(_ host: Substring) -> Bool {
        1...253 ~= host.utf8.count
            && host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                1...63 ~= label.utf8.count
                    && label.utf8.allSatisfy { ($0 | 0x20) &- 0x61 < 26 || $0 &- 0x30 <= 9 || $0 == 0x2D || $0 == 0x5F }
            }
    }
}

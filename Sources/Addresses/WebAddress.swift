import Glibc

/// An absolute address with a host (RFC 3986, section 3), taken apart. Strict: what it does not know it refuses, so that
/// what is checked here and what a library connects to cannot be two different hosts. ASCII only: an international name
/// is written in its `xn--` form, as it stands in certificates.
public struct WebAddress: Hashable, Sendable {
    /// Longest address taken, in bytes.
    public static let maximumLength = 8192

    /// In lower case: `https`.
    public let scheme: String
    /// `user:password`, if there is one: then the address is a secret.
    public let userInfo: String?
    /// In lower case; an IPv6 address with its brackets.
    public let host: String
    /// As written; nil if there is none.
    public let port: UInt16?
    /// As written, without query and fragment: empty or with a leading slash.
    public let path: String
    /// As written, without its question mark; nil if there is none.
    public let query: String?
    /// As written, without its hash; nil if there is none.
    public let fragment: String?

    /// Nil for a text without scheme and host, with a host that is neither a DNS name in ASCII nor an IP address, with a
    /// port that is no number from 1 to 65535, or with blanks, control characters, quotes, backslashes or other
    /// characters that no address has.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.maximumLength, text.utf8.allSatisfy(Self.isPlain) else { return nil }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://"), Self.isScheme(text[..<colon])
        else { return nil }
        scheme = text[..<colon].lowercased()

        var rest = text[colon...].dropFirst(3)
        fragment = Self.cut(&rest, at: "#")
        query = Self.cut(&rest, at: "?")
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        path = String(rest[slash...])
        var authority = rest[..<slash]
        if let at = authority.lastIndex(of: "@") {
            userInfo = String(authority[..<at])
            authority = authority[authority.index(after: at)...]
        } else {
            userInfo = nil
        }

        let hostEnd = authority.first == "[" ? Self.end(ofBracketed: authority) : authority.firstIndex(of: ":")
        let host = authority[..<(hostEnd ?? authority.endIndex)]
        guard Self.isHost(host), let port = Self.port(authority[host.endIndex...]) else { return nil }
        self.host = host.lowercased()
        self.port = port
    }

    /// As the other one, and nil for an address with user, password or fragment too: for places that have no use for them,
    /// where they are a mistake or an attempt to hide the host.
    public init?(bare text: String) {
        self.init(text)
        guard userInfo == nil, fragment == nil else { return nil }
    }

    /// Scheme, host and port.
    public var origin: String {
        scheme + "://" + host + (port.map { ":\($0)" } ?? "")
    }

    /// The host is this machine itself; see `isLoopback(host:)`.
    public var isLoopback: Bool { Addresses.isLoopback(host: host) }

    private static func isPlain(_ byte: UInt8) -> Bool {
        0x21...0x7E ~= byte && !"\"<>\\^`{|}".utf8.contains(byte)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 <= 9 }

    private static func isScheme(_ text: Substring) -> Bool {
        text.utf8.first.map(isLetter) == true
            && text.utf8.allSatisfy { isLetter($0) || isDigit($0) || "+-.".utf8.contains($0) }
    }

    private static func cut(_ text: inout Substring, at mark: Character) -> String? {
        guard let index = text.firstIndex(of: mark) else { return nil }
        defer { text = text[..<index] }
        return String(text[text.index(after: index)...])
    }

    /// Behind the bracket that closes a host; nil if there is none.
    private static func end(ofBracketed authority: Substring) -> Substring.Index? {
        authority.firstIndex(of: "]").map(authority.index(after:))
    }

    private static func isHost(_ host: Substring) -> Bool {
        if host.first == "[" {
            guard host.last == "]" else { return false }
            var six = in6_addr()
            return inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &six) == 1
        }
        return 1...253 ~= host.utf8.count
            && host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                1...63 ~= label.utf8.count && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == 0x2D || $0 == 0x5F }
            }
    }

    /// `:1…65535` or nothing. The outer nil: neither.
    private static func port(_ text: Substring) -> UInt16?? {
        if text.isEmpty { return .some(nil) }
        let digits = text.dropFirst()
        guard text.first == ":", 1...5 ~= digits.utf8.count, digits.utf8.allSatisfy(isDigit),
            let number = UInt16(digits), number > 0
        else { return nil }
        return .some(number)
    }
}

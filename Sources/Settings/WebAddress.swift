import Glibc

/// An absolute address (RFC 3986), taken apart as far as the checks need it. ASCII only: an international name is
/// written in its `xn--` form, as it stands in certificates.
public struct WebAddress: Hashable, Sendable {
    /// In lower case.
    public var scheme: String
    /// `user:password`, if there is one: then the address is a secret.
    public var userInfo: String?
    /// In lower case; an IPv6 address with its brackets.
    public var host: String
    public var port: UInt16?
    /// From the slash on, without query and fragment. Empty or `/…`.
    public var path: String
    public var query: String?
    public var fragment: String?

    /// Nil when `text` is no such address.
    public init?(_ text: String) {
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else { return nil }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return nil }
        scheme = text[..<colon].lowercased()
        guard scheme.first?.isLetter == true,
            scheme.allSatisfy({ $0.isLetter || $0.isNumber || "+-.".contains($0) })
        else { return nil }

        var rest = text[colon...].dropFirst(3)
        fragment = Self.cut(&rest, at: "#")
        query = Self.cut(&rest, at: "?")
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        path = String(rest[slash...])
        var authority = rest[..<slash]
        if let at = authority.lastIndex(of: "@") {
            userInfo = String(authority[..<at])
            authority = authority[authority.index(after: at)...]
        }

        let hostEnd: Substring.Index
        if authority.hasPrefix("[") {
            guard let bracket = authority.firstIndex(of: "]") else { return nil }
            hostEnd = authority.index(after: bracket)
        } else {
            hostEnd = authority.firstIndex(of: ":") ?? authority.endIndex
        }
        host = authority[..<hostEnd].lowercased()
        let tail = authority[hostEnd...]
        if !tail.isEmpty {
            guard tail.hasPrefix(":"), tail.dropFirst().allSatisfy(\.isNumber), let number = UInt16(tail.dropFirst()),
                number > 0
            else { return nil }
            port = number
        }
        guard Self.isHost(host) else { return nil }
    }

    /// Scheme, host and port.
    public var origin: String {
        scheme + "://" + host + (port.map { ":\($0)" } ?? "")
    }

    /// The host is this machine, whatever a name server says: `localhost`, 127.0.0.0/8 or `::1` (RFC 6761, 6890).
    public var isLoopback: Bool {
        if host == "localhost" { return true }
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
        guard host.hasPrefix("["), host.hasSuffix("]") else { return false }
        var six = in6_addr()
        guard inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &six) == 1 else { return false }
        return withUnsafeBytes(of: six) { $0.dropLast().allSatisfy { $0 == 0 } && $0.last == 1 }
    }

    private static func cut(_ text: inout Substring, at mark: Character) -> String? {
        guard let index = text.firstIndex(of: mark) else { return nil }
        defer { text = text[..<index] }
        return String(text[text.index(after: index)...])
    }

    private static func isHost(_ host: String) -> Bool {
        if host.hasPrefix("[") {
            var six = in6_addr()
            return inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &six) == 1
        }
        if host.isEmpty || host.utf8.count > 253 { return false }
        return host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.utf8.count <= 63 && label.first != "-" && label.last != "-"
                && label.allSatisfy { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }
        }
    }
}

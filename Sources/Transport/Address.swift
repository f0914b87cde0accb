import Addresses
import CCurl
import Secrets

/// An address taken apart by libcurl's own rules, so that what is checked is what is connected to.
struct Address {
    var scheme: String
    /// IPv6 addresses in their brackets.
    var host: String
    /// The scheme's own if the URL names none.
    var port: String
    /// `host` or `host:port`, as the Host header has it.
    var authority: String
    /// Path and query.
    var target: String

    init?(_ url: Secret) {
        guard let parts = curl_url() else { return nil }
        defer { curl_url_cleanup(parts) }
        let flags = UInt32(CURLU_NON_SUPPORT_SCHEME)
        guard curl_url_set(parts, CURLUPART_URL, url.exposed, flags) == CURLUE_OK,
            let scheme = Self.part(CURLUPART_SCHEME, of: parts), let host = Self.part(CURLUPART_HOST, of: parts),
            !host.isEmpty
        else { return nil }
        self.scheme = scheme.lowercased()
        self.host = host
        let port = Self.part(CURLUPART_PORT, of: parts)
        authority = port.map { "\(host):\($0)" } ?? host
        self.port = port ?? (self.scheme == "https" || self.scheme == "wss" ? "443" : "80")
        let path = Self.part(CURLUPART_PATH, of: parts) ?? "/"
        target = Self.part(CURLUPART_QUERY, of: parts).map { "\(path)?\($0)" } ?? path
    }

    private static func part(_ what: CURLUPart, of parts: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(parts, what, &text, 0) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }

    var isTLS: Bool { scheme == "https" || scheme == "wss" }

    /// By its name or number; not looked up.
    var isThisMachine: Bool { isLoopback(host: host) }

    /// The same place for libcurl, which knows no ws; nil for any other scheme.
    var httpURL: Secret? {
        switch scheme {
        case "ws": Secret("http://\(authority)\(target)")
        case "wss": Secret("https://\(authority)\(target)")
        default: nil
        }
    }
}

extension TransportError {
    static let notAnAddress = TransportError(stage: .http, message: "the address is not a URL of a known kind")
}

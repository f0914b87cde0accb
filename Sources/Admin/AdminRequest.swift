/// A request to the admin endpoint, as far as it matters: GET or HEAD, a path and no body.
struct AdminRequest: Hashable {
    /// Bytes of a request's line and headers, the empty line at their end included.
    static let maximumHead = 8 * 1024

    var path: String
    /// The answer has no body.
    var isHead: Bool
    /// Host and perhaps port, as the client wrote them.
    var host: String?

    /// The request at the beginning of the bytes; nil: it is not yet whole. Its grammar is that of RFC 9112, sections 2
    /// to 5, without what it merely tolerates.
    static func parse(_ bytes: [UInt8]) throws(AdminRefusal) -> AdminRequest? {
        guard let end = endOfHead(bytes) else {
            if bytes.count >= maximumHead { throw .tooLarge }
            return nil
        }
        if end > maximumHead { throw .tooLarge }
        guard let text = String(validating: bytes[..<end], as: UTF8.self) else { throw .malformed }
        var lines = text.split(separator: "\r\n", omittingEmptySubsequences: true)
        guard !lines.isEmpty else { throw .malformed }
        let first = lines.removeFirst()
        let parts = first.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[2].hasPrefix("HTTP/"), isToken(parts[0]) else { throw .malformed }
        guard parts[2] == "HTTP/1.1" || parts[2] == "HTTP/1.0" else { throw .version }
        let hosts = try values(of: "host", in: lines)
        guard hosts.count <= 1, hosts.count == 1 || parts[2] == "HTTP/1.0" else { throw .malformed }
        guard parts[0] == "GET" || parts[0] == "HEAD" else { throw .method }
        guard parts[1].hasPrefix("/"), parts[1].utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else { throw .malformed }
        let path = parts[1].prefix { $0 != "?" }
        return AdminRequest(path: String(path), isHead: parts[0] == "HEAD", host: hosts.first)
    }

    /// Behind the empty line. A line feed alone ends no line here.
    private static func endOfHead(_ bytes: [UInt8]) -> Int? {
        let end: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A]
        guard bytes.count >= end.count else { return nil }
        for start in 0...(bytes.count - end.count) where bytes[start] == 0x0D {
            if bytes[start..<(start + end.count)].elementsEqual(end) { return start + end.count }
        }
        return nil
    }

    /// The values of one header. All lines have to be headers.
    private static func values(of name: String, in lines: [Substring]) throws(AdminRefusal) -> [String] {
        var values: [String] = []
        for line in lines {
            guard let colon = line.firstIndex(of: ":"), isToken(line[..<colon]),
                line.unicodeScalars.allSatisfy({ $0.value >= 0x20 || $0 == "\t" })
            else { throw .malformed }
            guard line[..<colon].lowercased() == name else { continue }
            let value = line[line.index(after: colon)...]
            values.append(value.split(separator: " ").joined(separator: " "))
        }
        return values
    }

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}

/// Why a request is not looked at any further.
enum AdminRefusal: Error, Hashable {
    case malformed
    case method
    case tooLarge
    case version
    /// Not this machine's name: what a page in a browser can make of a name of its own (DNS rebinding).
    case host
    /// The request did not come in time.
    case slow
    /// The daemon did not answer in time.
    case stuck

    var answer: AdminAnswer {
        switch self {
        case .malformed: .text(400, "this is no HTTP request")
        case .method: AdminAnswer(405, [("Allow", "GET, HEAD")], text: "only GET and HEAD are served here")
        case .tooLarge: .text(431, "the request is larger than \(AdminRequest.maximumHead) bytes")
        case .version: .text(505, "HTTP/1.1 is spoken here")
        case .host: .text(403, "only this machine's own names are served here")
        case .slow: .text(408, "the request did not come in time")
        case .stuck: .text(503, "the daemon does not answer")
        }
    }
}

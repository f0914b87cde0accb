public import JSONText

/// What the admin endpoint answers.
public struct AdminAnswer: Hashable, Sendable {
    public var status: Int
    public var contentType: String
    public var body: [UInt8]
    /// Besides those that each answer has.
    var headers: [String] = []

    public init(status: Int, contentType: String, body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    init(_ status: Int, _ headers: [(name: String, value: String)], text: String) {
        self.init(status: status, contentType: "text/plain; charset=utf-8", body: Array((text + "\n").utf8))
        self.headers = headers.map { "\($0.name): \($0.value)" }
    }

    /// A sentence for people; the line feed is added.
    public static func text(_ status: Int, _ text: String) -> AdminAnswer { AdminAnswer(status, [], text: text) }

    public static func json(_ status: Int, _ value: JSONValue) -> AdminAnswer {
        AdminAnswer(status: status, contentType: "application/json", body: value.serialized() + [0x0A])
    }

    public static func metrics(_ text: String) -> AdminAnswer {
        AdminAnswer(status: 200, contentType: MetricsText.contentType, body: Array(text.utf8))
    }

    /// As it goes over the wire (RFC 9112, section 6). Each connection has one answer.
    ///
    /// - Parameters:
    ///   - isHead: without the body, of which the length is told all the same (RFC 9110, section 9.3.2).
    ///   - now: Unix seconds.
    func bytes(isHead: Bool, now: Double) -> [UInt8] {
        var lines = ["HTTP/1.1 \(status) \(Self.reason(status))", "Date: \(HTTPDate.text(now))"]
        lines += headers
        lines += [
            "Content-Type: \(contentType)", "Content-Length: \(body.count)", "Cache-Control: no-store",
            "Connection: close", "", "",
        ]
        return Array(lines.joined(separator: "\r\n").utf8) + (isHead ? [] : body)
    }

    private static func reason(_ status: Int) -> String {
        switch status {
        case 200: "OK"
        case 400: "Bad Request"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 431: "Request Header Fields Too Large"
        case 503: "Service Unavailable"
        case 505: "HTTP Version Not Supported"
        default: "Unknown"
        }
    }
}

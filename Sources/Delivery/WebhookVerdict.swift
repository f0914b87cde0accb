public import Transport

/// What an answer of a webhook means, or its absence:
///
/// | | |
/// |---|---|
/// | 2xx | taken |
/// | 408, 425, 429, 502, 503, 504; no name, no connection, no TLS, no proxy | the target takes nothing at present |
/// | 410 | it wants no more |
/// | 3xx (not followed), other 4xx and 5xx; no answer in time, connection closed without one | the event's own failure |
///
/// The status decides as soon as it is there: what comes after it may be cut, late or missing.
public enum WebhookVerdict: Hashable, Sendable {
    case taken
    /// Nothing is the event's fault. `retryAfter` is what the target asked for, if it did.
    case targetDown(SinkError, retryAfter: Duration?)
    /// 410: the target asks not to be called any more.
    case unwanted(SinkError)
    /// The reason is for people, without secrets, at most 500 bytes.
    case failed(reason: String)

    /// No wait that a target asks for is longer.
    public static let longestRetryAfter = Duration.seconds(3600)

    /// - Parameter now: Unix seconds, for a `Retry-After` that names a date.
    public init(_ response: HTTPResponse, now: Double) {
        let retryAfter = response.header("retry-after").flatMap { RetryAfter.duration($0, now: now) }
        self.init(status: response.status, retryAfter: retryAfter)
    }

    /// - Parameter timeout: of the attempt, for messages.
    public init(_ error: TransportError, timeout: Duration) {
        switch error.stage {
        case .dns, .connect, .proxy, .tls:
            self = .targetDown(Self.unreachable(error), retryAfter: nil)
        case .cancelled:
            self = .targetDown(.stopped, retryAfter: nil)
        case .http, .upgrade, .protocol:
            if let status = error.status, status >= 200 {
                self.init(status: status, retryAfter: error.retryAfter.map { .seconds($0) })
            } else if error.isTimeout {
                self = .failed(reason: "no answer within \(Int(timeout.inSeconds.rounded())) s")
            } else {
                self = .failed(reason: String(decoding: error.message.utf8.prefix(497), as: UTF8.self))
            }
        }
    }

    private init(status: Int, retryAfter: Duration?) {
        switch status {
        case 200..<300:
            self = .taken
        case 408, 425, 429, 502, 503, 504:
            let fault = SinkError(
                code: .refused, message: "the webhook answered \(HTTPStatus.text(status))",
                cure: "look into its log; it is asked again until it takes events")
            let wait = retryAfter.map { min(max($0, .zero), Self.longestRetryAfter) }
            self = .targetDown(fault, retryAfter: wait)
        case 410:
            self = .unwanted(
                SinkError(
                    code: .unwanted,
                    message: "the webhook answered \(HTTPStatus.text(status)): it wants no more events",
                    cure: "take the sink out of the settings, or mend the webhook; it is asked again every hour"))
        default:
            self = .failed(reason: HTTPStatus.text(status))
        }
    }

    private static func unreachable(_ error: TransportError) -> SinkError {
        SinkError(
            code: .unreachable, message: error.message,
            cure: error.cure.isEmpty ? "look whether the program listens there" : error.cure)
    }
}

/// Statuses as people read them.
enum HTTPStatus {
    private static let phrases: [Int: String] = [
        200: "OK", 201: "Created", 202: "Accepted", 204: "No Content",
        300: "Multiple Choices", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
        307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
        402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
        407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
        411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large", 414: "URI Too Long",
        415: "Unsupported Media Type", 421: "Misdirected Request", 422: "Unprocessable Content", 423: "Locked",
        425: "Too Early", 426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests",
        431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
        502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
        507: "Insufficient Storage", 508: "Loop Detected",
    ]

    /// `500 Internal Server Error`; the number alone when it has no name (IANA's registry of status codes).
    static func text(_ status: Int) -> String {
        phrases[status].map { "\(status) \($0)" } ?? "\(status)"
    }
}

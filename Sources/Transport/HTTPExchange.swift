public import Secrets

/// One HTTP request. Redirects are never followed and no cache or cookie is kept.
public struct HTTPRequest: Sendable {
    public enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
    }

    public var method: Method
    /// Absolute, http or https. Secret, since queries and paths of this field hold credentials.
    public var url: Secret
    /// `User-Agent` is added unless it is here. Values may be secrets and are never logged. Fields whose name is no token
    /// (RFC 9110 5.6.2) are left out; control characters in values become blanks.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// From the start of the name look-up to the last byte of the answer.
    public var timeout: Duration
    /// The answer's body is cut there, with `HTTPResponse.isTruncated` set.
    public var maximumBodySize: Int
    public var network: NetworkOptions
    /// HTTP/2 where an https server offers it (ALPN, RFC 9113 3.2): requests at the same time share a connection then.
    public var allowsHTTP2: Bool
    /// A connection made for this request: one that was kept open may have died unnoticed, and then a request seems to have
    /// gone out that nobody gets. It is kept for others afterwards.
    public var usesNewConnection: Bool

    public init(
        method: Method,
        url: Secret,
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        timeout: Duration = .seconds(30),
        maximumBodySize: Int = 64 * 1024 * 1024,
        network: NetworkOptions = NetworkOptions(),
        allowsHTTP2: Bool = false,
        usesNewConnection: Bool = false
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.timeout = timeout
        self.maximumBodySize = maximumBodySize
        self.network = network
        self.allowsHTTP2 = allowsHTTP2
        self.usesNewConnection = usesNewConnection
    }
}

public struct HTTPResponse: Sendable {
    public var status: Int
    /// Names in lower case, in the order of arrival.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// The body was longer than the request allowed and ends early.
    public var isTruncated: Bool

    public init(
        status: Int, headers: [(name: String, value: String)] = [], body: [UInt8] = [], isTruncated: Bool = false
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.isTruncated = isTruncated
    }

    /// The first value of a header, its name in lower case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }
}

/// What can do HTTP: the event loop, or a stand-in in tests.
public protocol HTTPClient: Sendable {
    /// Cancelling the task ends the exchange at once.
    func exchange(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse
}

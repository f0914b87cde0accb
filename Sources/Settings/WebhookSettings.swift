/// `webhook:` of a sink: one POST an event, or a batch of them.
public struct WebhookSettings: Hashable, Sendable {
    public enum Format: String, CaseIterable, Sendable {
        /// The event line, as other sinks write it.
        case json
        /// CloudEvents 1.0, structured mode; of a batch, batched mode.
        case cloudevents
    }

    public var address: WebhookAddress
    /// None: requests are not signed. Two during a change of keys: both sign, the first one's signature comes first.
    public var secrets: [SecretSource]
    /// Sent with every request, names as written.
    public var headers: [WebhookHeader]
    /// Whether the address may lead to another machine than this.
    public var allowsRemote: Bool
    /// Absolute path of a PEM file of trusted authorities; nil: the system's.
    public var caFile: String?
    /// Of one attempt: 1 s to 5 min.
    public var timeout: Duration
    public var format: Format
    /// Nil: each event has a request of its own.
    public var batch: WebhookBatchSettings?
    /// Whether an event waits until the one before it, of the same portal, has been taken or given up.
    public var isOrdered: Bool
    /// Requests at a time: 1 to 64.
    public var concurrency: Int
    public var retry: WebhookRetrySettings

    public init(
        address: WebhookAddress, secrets: [SecretSource] = [], headers: [WebhookHeader] = [],
        allowsRemote: Bool = false, caFile: String? = nil, timeout: Duration = .seconds(30), format: Format = .json,
        batch: WebhookBatchSettings? = nil, isOrdered: Bool = true, concurrency: Int = 1,
        retry: WebhookRetrySettings = WebhookRetrySettings()
    ) {
        self.address = address
        self.secrets = secrets
        self.headers = headers
        self.allowsRemote = allowsRemote
        self.caFile = caFile
        self.timeout = timeout
        self.format = format
        self.batch = batch
        self.isOrdered = isOrdered
        self.concurrency = concurrency
        self.retry = retry
    }
}

/// Where a webhook is.
public enum WebhookAddress: Hashable, Sendable {
    /// http or https, without user, password and fragment.
    case url(String)
    /// A Unix domain socket at this absolute path, and the path of the requests (with a leading slash).
    case unix(socket: String, path: String)

    /// Bytes that the system has for the path of a socket, without the zero at its end (unix(7)).
    public static let maximumSocketPath = 107

    /// The address written as `text`: a URL, or `unix:/SOCKET` or `unix:/SOCKET:/PATH`.
    ///
    /// - Parameter allowsRemote: whether other machines than this one will do.
    public static func check(_ text: String, allowsRemote: Bool) throws(AddressFault) -> WebhookAddress {
        guard text.hasPrefix("unix:") else {
            _ = try (allowsRemote ? AddressRule.target : .program).check(text)
            return .url(text)
        }
        let rest = text.dropFirst("unix:".count)
        let end = rest.firstRange(of: ":/")?.lowerBound ?? rest.endIndex
        let socket = String(rest[..<end])
        let path = end == rest.endIndex ? "/" : String(rest[rest.index(after: end)...])
        // As in an address with a host, of which nothing but the path is used.
        guard socket.hasPrefix("/"), socket.utf8.count <= maximumSocketPath,
            socket.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }),
            let address = try? AddressRule.program.check("http://localhost" + path), address.port == nil
        else { throw .notAnAddress }
        return .unix(socket: socket, path: path)
    }
}

/// A header of the operator's own.
public struct WebhookHeader: Hashable, Sendable {
    public enum Value: Hashable, Sendable {
        /// Printable ASCII, blanks inside allowed.
        case text(String)
        case secret(SecretSource)
    }

    /// A token (RFC 9110, section 5.6.2) that is no header of the program's own.
    public var name: String
    public var value: Value

    public init(name: String, value: Value) {
        self.name = name
        self.value = value
    }
}

/// `batch:` of a webhook: consecutive events of a portal in one request.
public struct WebhookBatchSettings: Hashable, Sendable {
    /// Events at most: 1 to 1000.
    public var size: Int
    /// How long a batch that is not full waits for more: up to 1 min. None: what is there goes at once.
    public var wait: Duration

    public init(size: Int, wait: Duration = .zero) {
        self.size = size
        self.wait = wait
    }
}

/// `retry:` of a webhook: for an event that fails while the target itself is there.
public struct WebhookRetrySettings: Hashable, Sendable {
    /// Until the event is given up: 1 to 100.
    public var attempts: Int
    /// The longest wait between two of them: 1 s to 1 h. The first is 1 s, and each one after it twice as long.
    public var maximumDelay: Duration

    public init(attempts: Int = 6, maximumDelay: Duration = .seconds(60)) {
        self.attempts = attempts
        self.maximumDelay = maximumDelay
    }
}

public import Secrets
public import Transport

/// A webhook: where it is, and what the requests to it look like. A value of the operator's settings; whoever made it
/// has checked it.
public struct WebhookTarget: Sendable {
    /// Where requests go.
    public enum Place: Hashable, Sendable {
        /// http or https. The rule is kept at each connection, whatever a name stands for by then.
        case url(Secret, DestinationRule)
        /// The path of a Unix domain socket, and that of the requests, with a leading slash.
        case unix(socket: String, path: String)
    }

    public enum Format: Hashable, Sendable {
        /// The event line.
        case json
        /// CloudEvents 1.0 around it.
        case cloudEvents
    }

    public var format: Format
    /// Each body is an array of events, however many there are. A runner sets it by its pace.
    public var isBatched: Bool
    /// Of one attempt.
    public var timeout: Duration
    let url: Secret
    let network: NetworkOptions
    let signatures: [WebhookSignature]
    let headers: [(name: String, value: String)]

    /// - Parameters:
    ///   - secrets: the keys that sign, in this order; none for requests without a signature.
    ///   - headers: sent with each request. Values may be secrets.
    ///   - caFile: PEM file of trusted authorities; nil: the system's.
    public init(
        place: Place, secrets: [Secret] = [], headers: [(name: String, value: Secret)] = [],
        caFile: String? = nil, timeout: Duration = .seconds(30), format: Format = .json, isBatched: Bool = false
    ) {
        switch place {
        case .url(let url, let rule):
            self.url = url
            network = NetworkOptions(caFile: caFile, destination: rule)
        case .unix(let socket, let path):
            url = Secret("http://localhost" + path)
            network = NetworkOptions(unixSocket: socket)
        }
        signatures = secrets.map(WebhookSignature.init)
        self.headers = headers.map { ($0.name, $0.value.exposed) }
        self.timeout = timeout
        self.format = format
        self.isBatched = isBatched
    }
}

extension WebhookTarget: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

public import Secrets

/// How to get to a server: what the operator set for a portal or a sink.
public struct NetworkOptions: Sendable, Hashable {
    /// The longest path of a socket in the file system, in bytes (unix(7)): what is longer cannot be connected to.
    public static let maximumUnixSocketLength = 107

    /// PEM file of trusted authorities; nil: the system's.
    public var caFile: String?
    /// `http://host:port` and libcurl's other forms; nil: the environment's (`https_proxy` and so on). Not used, nor is
    /// the environment's, where `destination` is not `.any` or `unixSocket` is set.
    public var proxy: Secret?
    public var connectTimeout: Duration
    /// Where the connection may lead.
    public var destination: DestinationRule
    /// The path of a socket in the file system to connect to, in place of the URL's host and port, which still are in the
    /// Host header; nil: TCP. At most `maximumUnixSocketLength` bytes. `destination` does not matter then.
    public var unixSocket: String?

    public init(
        caFile: String? = nil, proxy: Secret? = nil, connectTimeout: Duration = .seconds(15),
        destination: DestinationRule = .any, unixSocket: String? = nil
    ) {
        self.caFile = caFile
        self.proxy = proxy
        self.connectTimeout = connectTimeout
        self.destination = destination
        self.unixSocket = unixSocket
    }

    /// Whether a proxy, of the settings or the environment, may stand in between.
    var allowsProxy: Bool { destination == .any && unixSocket == nil }
}

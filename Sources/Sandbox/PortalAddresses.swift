import Synchronization

/// The URLs that the portal tells its clients: those of the proxy in front, or the listening address.
final class PortalAddresses: Sendable {
    static let webSocketPath = "/subws/"
    static let longPollPath = "/sub/"
    static let publishPath = "/publish/"

    private let options: SandboxOptions
    private let port: Mutex<UInt16>
    private let name = Mutex<String?>(nil)

    init(options: SandboxOptions) {
        self.options = options
        port = Mutex(options.port)
    }

    func listening(on port: UInt16) {
        self.port.withLock { $0 = port }
    }

    var listeningPort: UInt16 { port.withLock { $0 } }

    private var authority: String { "\(options.host):\(listeningPort)" }
    private var plainHTTP: String { "http://\(authority)" }

    /// Gives the portal another name; nil: its first one.
    func rename(to host: String?) {
        name.withLock { $0 = host }
    }

    /// Where a request to `host` (with port) should have gone; nil: it is right.
    func redirection(from host: String?) -> String? {
        guard let name = name.withLock({ $0 }), host?.split(separator: ":").first.map(String.init) != name else {
            return nil
        }
        return base
    }

    /// Scheme, host and port of the portal.
    var base: String {
        if let name = name.withLock({ $0 }) { return "http://\(name):\(listeningPort)" }
        return options.publicHTTPBase ?? plainHTTP
    }

    var restBase: String { base + "/rest/" }
    /// A client derives the token endpoint from it. It keeps its name when the portal is renamed.
    var oauthRESTBase: String { (options.publicHTTPBase ?? plainHTTP) + "/rest/" }

    var webSocket: String { options.publicWebSocketBase == nil ? "ws://\(authority)\(Self.webSocketPath)" : "" }
    var webSocketSecure: String { options.publicWebSocketBase.map { $0 + Self.webSocketPath } ?? "" }
    var longPolling: String { options.publicHTTPBase == nil ? plainHTTP + Self.longPollPath : "" }
    var longPollingSecure: String { options.publicHTTPBase.map { $0 + Self.longPollPath } ?? "" }
    var publish: String { options.publicHTTPBase == nil ? plainHTTP + Self.publishPath : "" }
    var publishSecure: String { options.publicHTTPBase.map { $0 + Self.publishPath } ?? "" }
}

import Synchronization

/// The URLs that the portal tells its clients: those of the proxy in front, or the listening address.
final class PortalAddresses: Sendable {
    static let webSocketPath = "/subws/"
    static let longPollPath = "/sub/"
    static let publishPath = "/publish/"

    private let options: SandboxOptions
    private let port: Mutex<UInt16>

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

    var restBase: String { (options.publicHTTPBase ?? plainHTTP) + "/rest/" }
    /// A client derives the token endpoint from it.
    var oauthRESTBase: String { restBase }

    var webSocket: String { options.publicWebSocketBase == nil ? "ws://\(authority)\(Self.webSocketPath)" : "" }
    var webSocketSecure: String { options.publicWebSocketBase.map { $0 + Self.webSocketPath } ?? "" }
    var longPolling: String { options.publicHTTPBase == nil ? plainHTTP + Self.longPollPath : "" }
    var longPollingSecure: String { options.publicHTTPBase.map { $0 + Self.longPollPath } ?? "" }
    var publish: String { options.publicHTTPBase == nil ? plainHTTP + Self.publishPath : "" }
    var publishSecure: String { options.publicHTTPBase.map { $0 + Self.publishPath } ?? "" }
}

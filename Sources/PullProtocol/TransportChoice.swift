/// The two ways to a push server.
public enum PushTransport: String, Sendable, Hashable {
    case webSocket = "websocket"
    case longPolling = "long-polling"
}

/// Which of the two to take.
public enum TransportChoice: String, Sendable, Hashable {
    /// WebSocket, or long polling where that is not to be had.
    case automatic
    case webSocketOnly
    case longPollingOnly

    /// Nil: neither is possible with this configuration.
    /// - Parameter webSocketIsBlocked: Attempts have shown that something on the way does not let it through.
    public func transport(for configuration: PullConfiguration, webSocketIsBlocked: Bool = false) -> PushTransport? {
        guard configuration.isEnabled else { return nil }
        let hasWebSocket = configuration.webSocketURL != nil
        let hasLongPolling = configuration.longPollingURL != nil
        switch self {
        case .webSocketOnly: return hasWebSocket ? .webSocket : nil
        case .longPollingOnly: return hasLongPolling ? .longPolling : nil
        case .automatic: break
        }
        // JSON-RPC goes both ways: from version 5 on long polling is for those who have nothing else.
        if hasWebSocket, !webSocketIsBlocked || configuration.version >= 5 || !hasLongPolling { return .webSocket }
        return hasLongPolling ? .longPolling : nil
    }
}

import Events

/// Control pings, and the window in which a server throws messages away.
extension PushHub {
    /// The payload that push servers put into their pings.
    static let pingPayload = Array("ws ping".utf8)

    /// Sends the ping that is due on a connection.
    ///
    /// - Returns: false if the connection has not answered the previous one, or is gone: it has to be destroyed, without
    ///   a close frame.
    func ping(_ id: Int) -> Bool {
        state.withLock { state in
            guard let connection = state.connections[id] else { return false }
            if connection.isFrozen { return true }
            guard connection.isActive else { return false }
            sendPing(to: id, in: &state)
            return true
        }
    }

    /// A pong came: the connection gets messages again.
    func pong(_ id: Int) {
        state.withLock { $0.connections[id]?.isActive = true }
    }

    /// Pings every WebSocket now and, before any pong can come, publishes `bodies`: they are stored, and no pinged
    /// connection ever gets them live.
    @discardableResult
    func pingAll(thenPublish bodies: [[UInt8]] = [], to receivers: [ChannelKey] = []) -> [MessageID] {
        state.withLock { state in
            for id in state.connections.keys where state.connections[id]?.isFrozen == false {
                sendPing(to: id, in: &state)
            }
            return bodies.map { publish($0, to: receivers, expiry: 86_400, in: &state) }
        }
    }

    private func sendPing(to id: Int, in state: inout State) {
        guard case .socket(let send, _) = state.connections[id]?.outlet else { return }
        state.connections[id]?.isActive = false
        send(.ping(Self.pingPayload))
    }
}

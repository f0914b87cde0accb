import Events

/// Pings, and the window in which a server throws messages away.
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
            sendPing(to: id, opensWindow: true, in: &state)
            return true
        }
    }

    /// A pong came: the connection gets messages again. Pongs are taken for the answers to the pings in their order.
    func pong(_ id: Int) {
        let sent = state.withLock { state -> ContinuousClock.Instant? in
            guard var connection = state.connections.removeValue(forKey: id) else { return nil }
            connection.isActive = true
            let sent = connection.pings.isEmpty ? nil : connection.pings.removeFirst()
            state.connections[id] = connection
            return sent
        }
        if let sent { pongs.record(sent.duration(to: .now)) }
    }

    /// Pings every WebSocket now and, before any pong can come, publishes `bodies`: they are stored, and no pinged
    /// connection ever gets them live.
    @discardableResult
    func pingAll(thenPublish bodies: [[UInt8]] = [], to receivers: [ChannelKey] = []) -> [MessageID] {
        state.withLock { state in
            for id in state.connections.keys where state.connections[id]?.isFrozen == false {
                sendPing(to: id, opensWindow: true, in: &state)
            }
            return bodies.map { publish($0, to: receivers, expiry: 86_400, in: &state) }
        }
    }

    /// Pings every WebSocket to measure its pong. Nothing is thrown away until it comes.
    func measurePongs() {
        state.withLock { state in
            for id in state.connections.keys where state.connections[id]?.isFrozen == false {
                sendPing(to: id, opensWindow: false, in: &state)
            }
        }
    }

    /// Decides whether a message falls into a ping window of this connection. If so, the client sees a ping; the
    /// messages after this one are sent again.
    func dropsAtPing(_ id: Int, in state: inout State) -> Bool {
        guard let connection = state.connections[id], !connection.isPoll, connection.isActive, !connection.isFrozen,
            faults.holes.dropsAtPing()
        else { return false }
        state.connections[id]?.droppedMessages += 1
        sendPing(to: id, opensWindow: false, in: &state)
        return true
    }

    private func sendPing(to id: Int, opensWindow: Bool, in state: inout State) {
        guard case .socket(let send, _) = state.connections[id]?.outlet else { return }
        if opensWindow { state.connections[id]?.isActive = false }
        state.connections[id]?.pings.append(.now)
        send(options.serverVersion < 5 ? .ping(Self.pingPayload) : .messages(JSONRPC.ping, isBinary: false))
    }
}

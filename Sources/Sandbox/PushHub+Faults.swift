/// What a test does to connections that stand.
extension PushHub {
    /// Drops every connection without a close frame; polls end without an answer.
    ///
    /// - Returns: how many there were.
    @discardableResult
    func cutAll() -> Int {
        withEach { connection in
            switch connection.outlet {
            case .socket(_, let end): end()
            case .poll(let answer): answer(.cut)
            }
        }
    }

    /// Closes every WebSocket, and ends every poll with the HTTP status that stands for the code.
    @discardableResult
    func closeAll(_ close: PushClose) -> Int {
        withEach { connection in
            switch connection.outlet {
            case .socket(let send, _): send(.close(close))
            case .poll(let answer): answer(.refused(close))
            }
        }
    }

    /// Stops or resumes sending on the connections that stand, pongs and the answers to polls included.
    @discardableResult
    func freezeAll(_ isFrozen: Bool) -> Int {
        state.withLock { state in
            for id in state.connections.keys { state.connections[id]?.isFrozen = isFrozen }
            return state.connections.count
        }
    }

    /// Sends a frame as it is to every WebSocket.
    @discardableResult
    func sendAll(_ frame: PushFrame) -> Int {
        state.withLock { state in
            var count = 0
            for case .socket(let send, _) in state.connections.values.map(\.outlet) {
                send(frame)
                count += 1
            }
            return count
        }
    }

    /// Whether anything may be sent on a connection.
    func isFrozen(_ id: Int) -> Bool {
        state.withLock { $0.connections[id]?.isFrozen ?? false }
    }

    private func withEach(_ body: (PushConnection) -> Void) -> Int {
        state.withLock { state in
            let connections = state.connections.values.sorted { $0.id < $1.id }
            for connection in connections {
                remove(connection.id, from: &state)
                body(connection)
            }
            return connections.count
        }
    }
}

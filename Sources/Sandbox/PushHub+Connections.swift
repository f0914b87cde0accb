import Events

/// Who is registered.
extension PushHub {
    /// Connections that a private channel may have in one server process.
    static let connectionLimit = 100

    /// Registers a subscriber. With a position it first gets its history, as one unit; then live messages follow. In
    /// between nothing is lost, unless the faults `history-delay` or `subscribe-race` open the gap that real servers have
    /// there.
    ///
    /// - Returns: the connection's number, or nil when the history already answered a poll.
    func open(_ subscription: PushSubscription, outlet: PushOutlet) async -> Int? {
        guard let position = subscription.position, !subscription.isSilent else {
            return state.withLock { register(subscription, outlet: outlet, in: &$0) }
        }
        let keys = subscription.channels.keys
        let historyDelay = faults.historyDelay
        guard let delay = historyDelay > 0 ? historyDelay : faults.holes.subscribeRace() else {
            return state.withLock { state in
                let history = state.store.history(of: keys, after: position, now: options.clock())
                return register(subscription, outlet: outlet, history: history, in: &state)
            }
        }
        let (history, end) = state.withLock { state in
            (state.store.history(of: keys, after: position, now: options.clock()), state.highestAccepted)
        }
        try? await Task.sleep(for: .seconds(delay))
        return state.withLock { state in
            let missed = state.store.history(of: keys, after: max(end, position), now: options.clock())
            faults.holes.countLostInRace(missed.count)
            return register(subscription, outlet: outlet, history: history, in: &state)
        }
    }

    private func register(
        _ subscription: PushSubscription, outlet: PushOutlet, history: [StoredMessage] = [], in state: inout State
    ) -> Int? {
        state.lastConnection += 1
        let id = state.lastConnection
        for key in subscription.channels.keys {
            let others = state.subscribers[key] ?? []
            if others.count >= Self.connectionLimit, !key.isPublic, subscription.channels.privateIDs.contains(key.id) {
                evict(others[0], from: &state)
            }
            state.subscribers[key, default: []].append(id)
        }
        var connection = PushConnection(id: id, subscription: subscription, outlet: outlet)
        connection.isFrozen = subscription.isSilent
        state.connections[id] = connection
        if !history.isEmpty { send(history, isHistory: true, to: id, in: &state) }
        return state.connections[id] == nil ? nil : id
    }

    private func evict(_ id: Int, from state: inout State) {
        let connection = state.connections[id]
        remove(id, from: &state)
        switch connection?.outlet {
        case .poll(let answer): answer(.refused(.tooManyConnections))
        case .socket(let send, _): send(.close(.tooManyConnections))
        case nil: break
        }
    }

    /// Ends a poll that had its time. A frozen one goes on waiting.
    func expirePoll(_ id: Int) {
        state.withLock { state in
            guard let connection = state.connections[id], case .poll(let answer) = connection.outlet,
                !connection.isFrozen
            else { return }
            remove(id, from: &state)
            let position = connection.subscription.position
            let keys = connection.subscription.channels.keys
            answer(.timeout(position ?? state.store.newest(of: keys, now: options.clock())))
        }
    }

    func close(_ id: Int) {
        state.withLock { remove(id, from: &$0) }
    }

    func remove(_ id: Int, from state: inout State) {
        guard let connection = state.connections.removeValue(forKey: id) else { return }
        for key in connection.subscription.channels.keys {
            state.subscribers[key]?.removeAll { $0 == id }
            if state.subscribers[key]?.isEmpty == true { state.subscribers[key] = nil }
        }
    }

    /// Which of `ids` have a subscriber.
    func online(_ keys: [ChannelKey]) -> [ChannelKey] {
        state.withLock { state in keys.filter { state.subscribers[$0] != nil } }
    }

    var connections: [ConnectionInfo] {
        state.withLock { state in
            state.connections.values.sorted { $0.id < $1.id }.map { connection in
                ConnectionInfo(
                    id: connection.id, channels: connection.subscription.channels.keys.map(\.id),
                    isPoll: connection.isPoll, isBinary: connection.subscription.form == .binary,
                    isFrozen: connection.isFrozen, isAwaitingPong: !connection.isActive,
                    sentMessages: connection.sentMessages, droppedMessages: connection.droppedMessages)
            }
        }
    }
}

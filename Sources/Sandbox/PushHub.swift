import Events
import Synchronization

/// The push server's heart: takes messages, stores them, and hands them to the registered connections.
///
/// Delivery is collected (as push servers 1.0 to 2.x do): a message to an idle WebSocket goes out at once and opens a
/// window; what arrives inside goes out as one frame at the window's end, which opens no new window.
final class PushHub: Sendable {
    struct State {
        var store: PushStore
        var connections: [Int: PushConnection] = [:]
        /// Oldest first.
        var subscribers: [ChannelKey: [Int]] = [:]
        var lastConnection = 0
        /// Numbered, but neither stored nor sent yet (fault `out-of-order`).
        var heldBack: [(message: StoredMessage, receivers: [ChannelKey])] = []
    }

    /// Connections that a private channel may have in one server process.
    static let connectionLimit = 100

    let options: SandboxOptions
    let jobs: BackgroundJobs
    private let ledger: Ledger
    private let faults: Faults
    let state: Mutex<State>

    init(options: SandboxOptions, jobs: BackgroundJobs, ledger: Ledger, faults: Faults) {
        self.options = options
        self.jobs = jobs
        self.ledger = ledger
        self.faults = faults
        state = Mutex(State(store: PushStore(options: options, time: options.clock())))
    }

    // MARK: Publishing

    /// Numbers a message, stores it under each receiver unless `expiry` is 0, and sends it to each receiver's
    /// connections: a connection with two of the receivers gets two copies, except from a version 3 server.
    @discardableResult
    func publish(
        _ body: [UInt8], to receivers: [ChannelKey], expiry: UInt32, sender: Sender? = nil, number: Int? = nil
    ) -> MessageID {
        state.withLock {
            publish(body, to: receivers, expiry: expiry, sender: sender, number: number, in: &$0)
        }
    }

    func publish(
        _ body: [UInt8], to receivers: [ChannelKey], expiry: UInt32, sender: Sender? = nil, number: Int? = nil,
        in state: inout State
    ) -> MessageID {
        let message = StoredMessage(
            id: state.store.nextID(), body: body, expiry: expiry, createdAt: options.clock(), sender: sender,
            firstReceiver: receivers.first?.id ?? "")
        if faults.holdsBack() {
            state.heldBack.append((message, receivers))
            jobs.submit(after: 0.05) { self.releaseHeldBack() }
        } else {
            accept(message, to: receivers, in: &state)
            releaseHeldBack(in: &state)
        }
        ledger.record(message, receivers: receivers, number: number)
        return message.id
    }

    private func releaseHeldBack() {
        state.withLock { releaseHeldBack(in: &$0) }
    }

    private func releaseHeldBack(in state: inout State) {
        let messages = state.heldBack
        state.heldBack = []
        for (message, receivers) in messages { accept(message, to: receivers, in: &state) }
    }

    private func accept(_ message: StoredMessage, to receivers: [ChannelKey], in state: inout State) {
        var reached: Set<Int> = []
        for key in receivers {
            if message.expiry > 0 { state.store.insert(message, under: key) }
            for id in state.subscribers[key] ?? [] {
                if options.serverVersion < 4, !reached.insert(id).inserted { continue }
                deliver(message, to: id, in: &state)
            }
        }
    }

    private func deliver(_ message: StoredMessage, to id: Int, in state: inout State) {
        guard var connection = state.connections.removeValue(forKey: id) else { return }
        if case .poll = connection.outlet {
            state.connections[id] = connection
            send([message], to: id, in: &state)
        } else if !connection.isActive || connection.isFrozen {
            connection.droppedMessages += 1
            state.connections[id] = connection
        } else if connection.isCollecting {
            connection.collected.append(message)
            state.connections[id] = connection
        } else {
            state.connections[id] = connection
            send([message], to: id, in: &state)
        }
    }

    /// Sends one unit. A poll is answered with it and gone.
    private func send(
        _ messages: [StoredMessage], isHistory: Bool = false, opensWindow: Bool = true, to id: Int,
        in state: inout State
    ) {
        guard let connection = state.connections[id] else { return }
        let unit = PushEncoding.unit(
            messages, isHistory: isHistory, isBinary: connection.subscription.isBinary, options: options)
        state.connections[id]?.sentMessages += messages.count
        switch connection.outlet {
        case .poll(let answer):
            remove(id, from: &state)
            answer(.messages(unit))
        case .socket(let send, _):
            send(.messages(unit, isBinary: connection.subscription.isBinary))
            if opensWindow { openWindow(of: id, in: &state) }
        }
    }

    // MARK: Collecting

    private func openWindow(of id: Int, in state: inout State) {
        state.connections[id]?.isCollecting = true
        // Push server 1.0 takes a window of random length, from five eighths of the full one.
        let part = options.serverVersion < 4 ? Double.random(in: 0.625...1) : 1
        jobs.submit(after: options.flushWindow * part) { self.flush(id) }
    }

    private func flush(_ id: Int) {
        state.withLock { state in
            guard let connection = state.connections[id] else { return }
            state.connections[id]?.isCollecting = false
            state.connections[id]?.collected = []
            guard !connection.collected.isEmpty else { return }
            if !connection.isActive || connection.isFrozen {
                // A frame that falls between ping and pong is thrown away whole.
                state.connections[id]?.droppedMessages += connection.collected.count
                return
            }
            send(connection.collected, opensWindow: false, to: id, in: &state)
        }
    }

    // MARK: Connections

    /// Registers a subscriber. With a position it first gets its history, as one unit; then live messages follow. In
    /// between nothing is lost, unless the fault `history-delay` opens the gap that real servers have there.
    ///
    /// - Returns: the connection's number, or nil when the history already answered a poll.
    func open(_ subscription: PushSubscription, outlet: PushOutlet) async -> Int? {
        guard let position = subscription.position else {
            return state.withLock { register(subscription, outlet: outlet, in: &$0) }
        }
        let keys = subscription.channels.keys
        let delay = faults.historyDelay
        if delay == 0 {
            return state.withLock { state in
                let history = state.store.history(of: keys, after: position, now: options.clock())
                return register(subscription, outlet: outlet, history: history, in: &state)
            }
        }
        let history = state.withLock { $0.store.history(of: keys, after: position, now: options.clock()) }
        try? await Task.sleep(for: .seconds(delay))
        return state.withLock { register(subscription, outlet: outlet, history: history, in: &$0) }
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
        state.connections[id] = PushConnection(id: id, subscription: subscription, outlet: outlet)
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

    /// Ends a poll that had its time.
    func expirePoll(_ id: Int) {
        state.withLock { state in
            guard let connection = state.connections[id], case .poll(let answer) = connection.outlet else { return }
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
                    isPoll: connection.isPoll, isBinary: connection.subscription.isBinary,
                    isFrozen: connection.isFrozen, isAwaitingPong: !connection.isActive,
                    sentMessages: connection.sentMessages, droppedMessages: connection.droppedMessages)
            }
        }
    }
}

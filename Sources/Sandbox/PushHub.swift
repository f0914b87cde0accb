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
        /// The highest id that was stored and sent, since the store last lost something.
        var highestAccepted = MessageID.zero
    }

    let options: SandboxOptions
    let jobs: BackgroundJobs
    let faults: Faults
    let pongs = PongMeter()
    let acknowledgements = Acknowledgements()
    private let ledger: Ledger
    private let file: StoreFile?
    let state: Mutex<State>

    /// - Parameters:
    ///   - file: every message is written there before anybody gets it.
    ///   - stored: what the file held.
    init(
        options: SandboxOptions, jobs: BackgroundJobs, ledger: Ledger, faults: Faults, file: StoreFile? = nil,
        stored: StoredState = StoredState()
    ) {
        self.options = options
        self.jobs = jobs
        self.ledger = ledger
        self.faults = faults
        self.file = file
        let generation = stored.generation ?? UInt64(min(max(options.clock(), 0), 9_999_999_999))
        if stored.generation == nil { file?.append(.store(generation: generation)) }
        var store = PushStore(options: options, generation: generation)
        for (message, receivers) in stored.messages { store.restore(message, under: receivers) }
        state = Mutex(State(store: store))
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
        let entry = LedgerEntry(message, receivers: receivers, number: number, publishedAt: WireDates.microseconds())
        file?.append(.message(message, receivers: receivers, number: number, publishedAt: entry.publishedAt))
        ledger.record(entry)
        if let delay = faults.holes.holdBack() {
            jobs.submit(after: delay) { self.release(message, to: receivers) }
        } else {
            accept(message, to: receivers, in: &state)
        }
        return message.id
    }

    /// Stores and sends a message that was held back.
    private func release(_ message: StoredMessage, to receivers: [ChannelKey]) {
        state.withLock { state in
            if message.id < state.highestAccepted { faults.holes.countOvertaken() }
            accept(message, to: receivers, in: &state)
        }
    }

    private func accept(_ message: StoredMessage, to receivers: [ChannelKey], in state: inout State) {
        state.highestAccepted = max(state.highestAccepted, message.id)
        var reached: Set<Int> = []
        var pingWindows: [Int: Bool] = [:]
        let mayDrop = faults.holes.mayDropAtPing
        for key in receivers {
            if message.expiry > 0 { state.store.insert(message, under: key) }
            for id in state.subscribers[key] ?? [] {
                if options.serverVersion < 4, !reached.insert(id).inserted { continue }
                if mayDrop {
                    let isDropped = pingWindows[id] ?? dropsAtPing(id, in: &state)
                    pingWindows[id] = isDropped
                    if isDropped { continue }
                }
                deliver(message, to: id, in: &state)
            }
        }
    }

    private func deliver(_ message: StoredMessage, to id: Int, in state: inout State) {
        guard var connection = state.connections.removeValue(forKey: id) else { return }
        if !connection.isActive || connection.isFrozen {
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
    func send(
        _ messages: [StoredMessage], isHistory: Bool = false, opensWindow: Bool = true, to id: Int,
        in state: inout State
    ) {
        guard let connection = state.connections[id] else { return }
        let subscription = connection.subscription
        let unit = PushEncoding.unit(messages, isHistory: isHistory, form: subscription.form, options: options)
        state.connections[id]?.sentMessages += messages.count
        switch connection.outlet {
        case .poll(let answer):
            remove(id, from: &state)
            answer(.messages(unit))
        case .socket(let send, _):
            send(.messages(unit, isBinary: subscription.form == .binary))
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

    // MARK: Losing

    /// The store loses its data while the server runs: ids begin again with the same ten digits and counter 1.
    func loseStore() {
        state.withLock { state in
            state.store.lose()
            state.highestAccepted = .zero
            file?.append(.store(generation: state.store.generation))
        }
    }

    /// The store is replaced by the one of `count` messages ago: their ids are given again, to other messages.
    func goBack(by count: Int) {
        let count = UInt64(max(0, count))
        state.withLock { state in
            state.store.goBack(by: count)
            state.highestAccepted = .zero
            file?.append(.back(by: count))
        }
    }
}

import Foundation

/// The thread of a `TCPRelay`: one poll(2) over everything.
final class RelayLoop {
    private let listener: Int32
    private let target: UInt16
    private let shared: TCPRelay.Shared
    private var connections: [RelayConnection] = []
    private let clock = ContinuousClock()

    init(listener: Int32, target: UInt16, shared: TCPRelay.Shared) {
        self.listener = listener
        self.target = target
        self.shared = shared
    }

    func run() {
        defer {
            close(listener)
            for connection in connections { connection.end(.reset) }
        }
        while true {
            let orders = shared.state.withLock { state in
                defer {
                    state.cut = nil
                    state.change = nil
                }
                return state
            }
            if orders.isClosed { return }
            if let change = orders.change {
                for connection in connections { connection.change(to: change) }
            }
            if let cut = orders.cut { cutAll(cut) }
            turn()
        }
    }

    private func cutAll(_ how: TCPRelay.Cut) {
        for connection in connections { connection.end(how) }
        connections = []
        shared.state.withLock { state in
            state.open = 0
            state.cutsDone = state.cutsAsked
        }
    }

    /// Waits for the next thing to do, 5 ms at most since commands and due times are asked for here, and does it.
    private func turn() {
        var interests = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        let now = clock.now
        for connection in connections {
            for side in 0..<2 { interests.append(connection.interest(side: side, now: now)) }
        }
        guard poll(&interests, nfds_t(interests.count), 5) >= 0 else { return }

        var bytes = 0
        let later = clock.now
        for (index, connection) in connections.enumerated() where !connection.behaviour.isFrozen {
            for side in 0..<2 where interests[1 + index * 2 + side].revents != 0 {
                connection.receive(side: side, now: later)
            }
            for side in 0..<2 { bytes += connection.send(to: side, now: later) }
            if connection.isBroken { connection.end(.reset) } else if connection.isOver { connection.end(.finish) }
        }
        connections.removeAll { $0.isEnded }
        if interests[0].revents != 0 { accept() }
        shared.state.withLock { state in
            state.open = connections.count
            state.bytes += bytes
        }
    }

    private func accept() {
        let behaviour = shared.state.withLock { $0.behaviour }
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return }
        guard !behaviour.refuses, let server = try? LoopbackPort.connection(to: target) else {
            RelayConnection.close(client, with: .reset)
            return
        }
        connections.append(RelayConnection(client: client, server: server, behaviour: behaviour))
        shared.state.withLock { state in
            state.accepted += 1
            state.open = connections.count
        }
    }
}

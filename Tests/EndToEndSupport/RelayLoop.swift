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
            let (behaviour, cut, isClosed) = shared.state.withLock { state in
                defer { state.cut = nil }
                return (state.behaviour, state.cut, state.isClosed)
            }
            if isClosed { return }
            if let cut { cutAll(cut) }
            turn(behaviour)
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
    private func turn(_ behaviour: TCPRelay.Behaviour) {
        var interests = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        let now = clock.now
        for connection in connections where !behaviour.isFrozen {
            for index in 0..<2 { interests.append(connection.interest(side: index, now: now)) }
        }
        guard poll(&interests, nfds_t(interests.count), 5) >= 0 else { return }
        if interests[0].revents != 0 { accept(behaviour) }
        guard interests.count > 1 else { return }

        var bytes = 0
        let later = clock.now
        for (index, connection) in connections.enumerated() where 2 + index * 2 < interests.count {
            for side in 0..<2 where interests[1 + index * 2 + side].revents != 0 {
                connection.receive(side: side, now: later, behaviour: behaviour)
            }
            for side in 0..<2 { bytes += connection.send(to: side, now: later, behaviour: behaviour) }
            if connection.isBroken { connection.end(.reset) } else if connection.isOver { connection.end(.finish) }
        }
        connections.removeAll { $0.isEnded }
        shared.state.withLock { state in
            state.open = connections.count
            state.bytes += bytes
        }
    }

    private func accept(_ behaviour: TCPRelay.Behaviour) {
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return }
        guard !behaviour.refuses, let server = try? LoopbackPort.connection(to: target) else {
            RelayConnection.close(client, with: .reset)
            return
        }
        connections.append(RelayConnection(client: client, server: server))
        shared.state.withLock { state in
            state.accepted += 1
            state.open = connections.count
        }
    }
}

/// Two sockets and what is on its way between them.
final class RelayConnection {
    /// Bytes on their way to one side.
    private struct Flow {
        var chunks: [(due: ContinuousClock.Instant, bytes: [UInt8])] = []
        var sent = 0
        var queued = 0
        var mayContinueAt: ContinuousClock.Instant?
        /// The other side has said FIN.
        var isComplete = false
        /// And this side has been told.
        var isFinished = false
    }

    /// Not read further while so much waits: the peer's TCP feels it, as behind a real slow line.
    private static let bound = 256 * 1024

    private let sockets: [Int32]
    /// `flows[side]` goes to `sockets[side]`.
    private var flows = [Flow(), Flow()]
    private(set) var isBroken = false
    private(set) var isEnded = false

    init(client: Int32, server: Int32) {
        sockets = [client, server]
        for descriptor in sockets {
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    var isOver: Bool { flows.allSatisfy(\.isFinished) }

    func interest(side: Int, now: ContinuousClock.Instant) -> pollfd {
        var events: Int32 = 0
        let other = flows[1 - side]
        if !other.isComplete, other.queued < Self.bound { events |= POLLIN }
        if let first = flows[side].chunks.first, first.due <= now, flows[side].mayContinueAt ?? now <= now {
            events |= POLLOUT
        }
        // A negative descriptor is passed over: without it a hang-up would wake the loop again and again.
        return pollfd(fd: events == 0 ? -1 : sockets[side], events: Int16(events), revents: 0)
    }

    func receive(side: Int, now: ContinuousClock.Instant, behaviour: TCPRelay.Behaviour) {
        let to = 1 - side
        guard !flows[to].isComplete, flows[to].queued < Self.bound else { return }
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = recv(sockets[side], &buffer, buffer.count, 0)
        if count > 0 {
            buffer.removeLast(buffer.count - count)
            flows[to].chunks.append((now.advanced(by: behaviour.delay), buffer))
            flows[to].queued += count
        } else if count == 0 {
            flows[to].isComplete = true
        } else if errno != EAGAIN, errno != EINTR {
            isBroken = true
        }
    }

    /// Returns the number of bytes handed on.
    func send(to side: Int, now: ContinuousClock.Instant, behaviour: TCPRelay.Behaviour) -> Int {
        var total = 0
        while let first = flows[side].chunks.first, first.due <= now, flows[side].mayContinueAt ?? now <= now {
            var length = first.bytes.count - flows[side].sent
            if let rate = behaviour.bytesPerSecond { length = min(length, max(1, rate / 100)) }
            let count = first.bytes.withUnsafeBytes { bytes in
                Glibc.send(
                    sockets[side], bytes.baseAddress?.advanced(by: flows[side].sent), length,
                    Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else {
                if errno != EAGAIN, errno != EINTR { isBroken = true }
                break
            }
            total += count
            flows[side].sent += count
            flows[side].queued -= count
            if flows[side].sent == first.bytes.count {
                flows[side].chunks.removeFirst()
                flows[side].sent = 0
            }
            flows[side].mayContinueAt = behaviour.bytesPerSecond.map {
                now.advanced(by: .microseconds(count * 1_000_000 / max($0, 1)))
            }
        }
        if flows[side].isComplete, flows[side].chunks.isEmpty, !flows[side].isFinished {
            shutdown(sockets[side], Int32(SHUT_WR))
            flows[side].isFinished = true
        }
        return total
    }

    func end(_ how: TCPRelay.Cut) {
        guard !isEnded else { return }
        isEnded = true
        for descriptor in sockets { Self.close(descriptor, with: how) }
    }

    static func close(_ descriptor: Int32, with how: TCPRelay.Cut) {
        if how == .reset {
            // Lingering for zero seconds makes close(2) send RST.
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        } else {
            shutdown(descriptor, Int32(SHUT_RDWR))
        }
        Glibc.close(descriptor)
    }
}

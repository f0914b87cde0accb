import Foundation

/// Two sockets of a `TCPRelay` and what is on its way between them.
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
    /// Pieces sent in one turn. Small ones are few, or the peer would get them all at once.
    private var piecesInTurn: Int { behaviour.pieceSize == nil ? 512 : 4 }

    private let sockets: [Int32]
    /// `flows[side]` goes to `sockets[side]`.
    private var flows = [Flow(), Flow()]
    private(set) var behaviour: TCPRelay.Behaviour
    private(set) var isBroken = false
    private(set) var isEnded = false

    init(client: Int32, server: Int32, behaviour: TCPRelay.Behaviour) {
        sockets = [client, server]
        self.behaviour = behaviour
        for descriptor in sockets {
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
            var on: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    /// What has been thrown away is missing for ever, so a half-open connection stays one.
    func change(to behaviour: TCPRelay.Behaviour) {
        if !self.behaviour.isHalfOpen { self.behaviour = behaviour }
    }

    var isOver: Bool {
        // In silence nobody is told of the other's end.
        flows.allSatisfy { behaviour.isHalfOpen ? $0.isComplete : $0.isFinished }
    }

    func interest(side: Int, now: ContinuousClock.Instant) -> pollfd {
        var events: Int32 = 0
        let other = flows[1 - side]
        if !behaviour.isFrozen {
            if !other.isComplete, other.queued < Self.bound { events |= POLLIN }
            if maySend(to: side, now: now) { events |= POLLOUT }
        }
        // A negative descriptor is passed over: without it a hang-up would wake the loop again and again.
        return pollfd(fd: events == 0 ? -1 : sockets[side], events: Int16(events), revents: 0)
    }

    private func maySend(to side: Int, now: ContinuousClock.Instant) -> Bool {
        guard let first = flows[side].chunks.first, !behaviour.isHalfOpen else { return false }
        return first.due <= now && flows[side].mayContinueAt ?? now <= now
    }

    func receive(side: Int, now: ContinuousClock.Instant) {
        let to = 1 - side
        guard !flows[to].isComplete, flows[to].queued < Self.bound else { return }
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        let count = recv(sockets[side], &buffer, buffer.count, 0)
        if count > 0 {
            if behaviour.isHalfOpen { return }
            buffer.removeLast(buffer.count - count)
            flows[to].chunks.append((now.advanced(by: behaviour.delay), buffer))
            flows[to].queued += count
        } else if count == 0 || (behaviour.isHalfOpen && errno != EAGAIN && errno != EINTR) {
            flows[to].isComplete = true
        } else if errno != EAGAIN, errno != EINTR {
            isBroken = true
        }
    }

    /// Returns the number of bytes handed on.
    func send(to side: Int, now: ContinuousClock.Instant) -> Int {
        if behaviour.isHalfOpen { return 0 }
        var total = 0
        var pieces = 0
        while pieces < piecesInTurn, maySend(to: side, now: now), let count = sendPiece(to: side) {
            total += count
            pieces += 1
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

    /// Nil when the socket takes nothing more.
    private func sendPiece(to side: Int) -> Int? {
        guard let first = flows[side].chunks.first else { return nil }
        var length = first.bytes.count - flows[side].sent
        if let rate = behaviour.bytesPerSecond { length = min(length, max(1, rate / 100)) }
        if let size = behaviour.pieceSize { length = min(length, max(1, size)) }
        let count = first.bytes.withUnsafeBytes { bytes in
            Glibc.send(
                sockets[side], bytes.baseAddress?.advanced(by: flows[side].sent), length, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else {
            if errno != EAGAIN, errno != EINTR { isBroken = true }
            return nil
        }
        flows[side].sent += count
        flows[side].queued -= count
        if flows[side].sent == first.bytes.count {
            flows[side].chunks.removeFirst()
            flows[side].sent = 0
        }
        return count
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

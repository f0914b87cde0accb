import Synchronization

/// WebSocket handshakes so far.
final class UpgradeMeter: Sendable {
    struct Figures: Sendable {
        var accepted = 0
        var refused = 0
    }

    private let state = Mutex(Figures())

    func record(_ reply: WebReply) {
        state.withLock { figures in
            if reply.status == 101 { figures.accepted += 1 } else { figures.refused += 1 }
        }
    }

    func reset() { state.withLock { $0 = Figures() } }

    var figures: Figures { state.withLock { $0 } }
}

import Synchronization

/// How many long polls wait at a time. Polls are told apart by their set of channels, since a subscriber has one poll at
/// a time by the push server's rule, and different subscribers have different sets.
final class PollMeter: Sendable {
    struct Figures: Sendable {
        /// Over all sets.
        var current = 0
        /// Of any single set.
        var highest = 0
        var total = 0
    }

    private struct State {
        var waiting: [String: [Int: PeerWatch.Peer?]] = [:]
        var current = 0
        var highest = 0
        /// Also the number of the last poll.
        var total = 0
        /// What `total` was at the last reset.
        var resetTotal = 0
    }

    private let state = Mutex(State())

    /// - Parameter peer: the client, if it is known. One that has hung up does not count any more, even if its poll has not
    ///   been taken down yet: a client may give up one poll and begin the next at once.
    /// - Returns: the number to end it by.
    func begin(_ channels: String, peer: PeerWatch.Peer?) -> Int {
        state.withLock { state in
            state.total += 1
            state.current += 1
            var waiting = state.waiting.removeValue(forKey: channels) ?? [:]
            waiting[state.total] = peer
            state.highest = max(state.highest, waiting.values.filter { $0?.isGone != true }.count)
            state.waiting[channels] = waiting
            return state.total
        }
    }

    func end(_ number: Int, of channels: String) {
        state.withLock { state in
            guard state.waiting[channels]?.removeValue(forKey: number) != nil else { return }
            state.current -= 1
            if state.waiting[channels]?.isEmpty == true { state.waiting[channels] = nil }
        }
    }

    /// Begins anew with the polls that wait now. Numbers go on, so that those can still be ended.
    func reset() {
        state.withLock { state in
            state.highest = state.waiting.values.map(\.count).max() ?? 0
            state.resetTotal = state.total
        }
    }

    var figures: Figures {
        state.withLock { Figures(current: $0.current, highest: $0.highest, total: $0.total - $0.resetTotal) }
    }
}

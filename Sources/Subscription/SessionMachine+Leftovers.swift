import PullProtocol
import Timing

/// Channels that were replaced while no connection to them worked. The portal never names their ids again, but what was
/// sent to them before is in the server's store, so they are connected to once more, beside the present ones.
extension SessionMachine {
    struct Leftover: Sendable {
        var configuration: PullConfiguration
        let since: Duration
        var attempts = 0
        var refusals = 0
        /// The connection that fetches it.
        var link: LinkID?
        var dueAt: Duration
    }

    /// Two channels with lives of 12 hours make four sets of ids in the time that servers keep messages.
    private static var maximumLeftovers: Int { 8 }
    private static var maximumRefusals: Int { 10 }
    /// Servers keep messages for a day.
    private static var lifetime: Duration { .seconds(86_400) }

    mutating func leaveOver(_ old: PullConfiguration, at now: Moment) {
        guard wasLive, !leftovers.contains(where: { $0.configuration.makesSameConnections(as: old) }) else { return }
        if leftovers.count == Self.maximumLeftovers { leftovers.removeFirst() }
        leftovers.append(
            Leftover(
                configuration: old, since: now.monotonic, dueAt: now.monotonic + .seconds(draw(0.5...3))))
    }

    /// Nothing is left over of channels that a working connection has, or will have.
    mutating func settleLeftovers(after old: PullConfiguration?, at now: Moment) {
        guard let new = configuration else { return }
        leftovers.removeAll { $0.configuration.makesSameConnections(as: new) }
        guard let old, !links.contains(where: { $0.isProven && $0.configuration.makesSameConnections(as: old) }) else {
            return
        }
        leaveOver(old, at: now)
    }

    /// When the next one is to be fetched, while there is a connection beside which that can be done.
    var leftoversDueAt: Duration? {
        guard serving?.isProven == true else { return nil }
        return leftovers.filter { $0.link == nil }.map(\.dueAt).min()
    }

    mutating func dueLeftovers(at now: Moment, _ actions: inout [SessionAction]) {
        guard let due = leftoversDueAt, due <= now.monotonic else { return }
        for index in leftovers.indices where leftovers[index].link == nil && leftovers[index].dueAt <= now.monotonic {
            guard var link = open(leftovers[index].configuration, &actions) else { continue }
            link.retiresAt = now.monotonic + rules.overlap
            link.isCatchingUp = true
            retiring.append(link)
            leftovers[index].link = link.id
        }
        // What no transport can reach any more cannot be fetched.
        leftovers.removeAll { $0.link == nil && $0.dueAt <= now.monotonic }
    }

    /// The server has sent what it holds. A connection that has only been silent for a while may be dead.
    mutating func leftoverFetched(_ id: LinkID) {
        leftovers.removeAll { $0.link == id }
    }

    /// The connection is gone. If it was not proven it is tried again, after 1 to 10 minutes.
    mutating func leftoverEnded(_ id: LinkID, isRefused: Bool, at now: Moment) {
        guard let index = leftovers.firstIndex(where: { $0.link == id }) else { return }
        leftovers[index].link = nil
        leftovers[index].attempts += 1
        if isRefused { leftovers[index].refusals += 1 }
        leftovers[index].dueAt = now.monotonic + .seconds(60 * min(leftovers[index].attempts, 10))
        let isOver = now.monotonic - leftovers[index].since >= Self.lifetime
        if isOver || leftovers[index].refusals >= Self.maximumRefusals { leftovers.remove(at: index) }
    }
}

import Events
import PullProtocol

/// How far back the answers of single channels have to reach. Servers give only the newest messages that they hold: once
/// an answer has brought so many that it may have been cut, only what was received before it shows that a further answer
/// reaches back far enough. What the cut answer itself has brought shows nothing.
struct HistoryReach {
    /// The bounds of what is gone: ids on both sides of it.
    struct Bounds: Equatable {
        var after: MessageID?
        var before: MessageID?
    }

    private struct Place: Hashable {
        var server: String
        var channel: ChannelID
    }

    /// More channels than any portal has at a time, replaced ones included.
    private static let maximum = 64

    /// The newest id received through a channel, or with it. That of another channel says nothing: after a change of channels
    /// it may be above all that the new one has brought.
    private var heard: [Place: MessageID] = [:]
    /// The newest id received before the answer that may have been cut; zero: none.
    private var limits: [Place: MessageID] = [:] {
        didSet { isChanged = true }
    }
    /// Found, and not written down yet: the next answer may show that it was none.
    private var gaps: [ChannelKind: (place: Place, bounds: Bounds)] = [:]
    /// Servers whose answers are never cut.
    private var unlimited: Set<String> = []
    /// `limits` has changed since this was set back.
    var isChanged = false

    /// Ids above this prove nothing; nil: every known message does.
    func limit(_ server: String, _ channel: Channel?) -> MessageID? {
        channel.flatMap { limits[Place(server: server, channel: $0.id)] }
    }

    func isUnlimited(_ server: String) -> Bool { unlimited.contains(server) }

    /// An answer with history has come.
    /// - Parameters:
    ///   - channels: what it was of.
    ///   - newCount: how many of its messages were not known.
    mutating func took(_ server: String, channels: [Channel], count: Int, newCount: Int) {
        if HistoryDepth.isUnlimited(count: count, channels: channels.count) { unlimited.insert(server) }
        guard HistoryDepth.ofCombined(count: count) == .askEachChannel, newCount > 0 else { return }
        doubt(server, channels: channels)
    }

    /// A part of an answer has come, and what follows will show whether it may have been cut.
    ///
    /// - Returns: the channels that are in doubt only since then.
    @discardableResult
    mutating func doubt(_ server: String, channels: [Channel]) -> [Channel] {
        let news = channels.filter { limit(server, $0) == nil }
        if news.isEmpty { return [] }
        if limits.count >= Self.maximum {
            limits = limits.filter { place, _ in channels.contains { $0.id == place.channel } }
        }
        for channel in news {
            let place = Place(server: server, channel: channel.id)
            limits[place] = heard[place] ?? .zero
        }
        return news
    }

    /// A doubt that an earlier run has left.
    mutating func restore(_ server: String, _ channel: Channel, limit: MessageID) {
        limits[Place(server: server, channel: channel.id)] = limit
    }

    /// A unit has come, or has been stored by an earlier run, through a connection to these channels. To be told after `took`.
    mutating func heard(_ server: String, channels: [Channel], newest: MessageID?) {
        guard let newest else { return }
        if heard.count >= Self.maximum {
            heard = heard.filter { place, _ in channels.contains { $0.id == place.channel } }
        }
        for channel in channels {
            let place = Place(server: server, channel: channel.id)
            heard[place] = max(heard[place] ?? newest, newest)
        }
    }

    /// The doubt about these channels is over: their answer reached back.
    mutating func reached(_ server: String, channels: [Channel]) {
        for channel in channels {
            let place = Place(server: server, channel: channel.id)
            if limits[place] != nil { limits[place] = nil }
            if gaps[channel.kind]?.place == place { gaps[channel.kind] = nil }
        }
    }

    /// Messages between the limit and `lowest` seem to be gone. The doubt lasts until the gap is taken.
    mutating func missed(_ server: String, channel: Channel, lowest: MessageID?) {
        let place = Place(server: server, channel: channel.id)
        var bounds = Bounds(after: limits[place].flatMap { $0 == .zero ? nil : $0 }, before: lowest)
        // What an earlier answer brought is not gone.
        if let known = gaps[channel.kind], known.place == place, let before = known.bounds.before {
            bounds.before = min(before, lowest ?? before)
        }
        gaps[channel.kind] = (place, bounds)
    }

    /// The bounds of the gap last found on a channel, to be written down.
    mutating func takeGap(_ channel: ChannelKind) -> Bounds? {
        guard let gap = gaps.removeValue(forKey: channel) else { return nil }
        if limits[gap.place] != nil { limits[gap.place] = nil }
        return gap.bounds
    }
}

/// Whether an answer with history reached back far enough. Servers give the newest 100 messages of each key and 200 in all,
/// count from the newest, and do not say that they left any out; a private channel that has a public id has two keys. Others
/// have no limit, which shows when more than a limited server could give comes at once.
public enum HistoryDepth: Sendable, Hashable {
    case complete
    /// Ask again, each channel by itself: that lifts the limit from 200 in all to 100 for each key.
    case askEachChannel
    /// Messages are gone that nothing can fetch.
    case gap

    /// From this number on an answer may be cut.
    public static let limit = 100

    /// For an answer over all channels together.
    public static func ofCombined(count: Int) -> HistoryDepth {
        mayBeCut(count, keys: 2) ? .askEachChannel : .complete
    }

    /// For an answer of one channel.
    /// - Parameters:
    ///   - fromClients: How many of its messages came through the public id, a key of its own; nil where the server does not
    ///     tell and the channel has one.
    ///   - reachesKnown: At least one of its messages was received before the outage.
    public static func ofSingle(count: Int, fromClients: Int?, reachesKnown: Bool) -> HistoryDepth {
        if reachesKnown { return .complete }
        guard let fromClients else { return mayBeCut(count, keys: 2) ? .gap : .complete }
        return isRound(fromClients) || isRound(count - fromClients) ? .gap : .complete
    }

    /// Whether no server that limits its answers gives so many messages at once.
    public static func isUnlimited(count: Int, channels: Int) -> Bool {
        count > limit * 2 * max(1, channels) && !isRound(count)
    }

    /// A cut answer has 100 messages of one key, and any number up to 100 of another.
    private static func mayBeCut(_ count: Int, keys: Int) -> Bool {
        limit...(limit * keys) ~= count || isRound(count)
    }

    /// A limit is a round number, also one that is not known yet.
    private static func isRound(_ count: Int) -> Bool {
        count >= limit && count.isMultiple(of: limit)
    }
}

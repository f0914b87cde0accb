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
    ///   - keys: How many keys the channel has: 2 for a private channel with a public id, else 1.
    ///   - reachesKnown: At least one of its messages was received before the outage.
    public static func ofSingle(count: Int, keys: Int = 2, reachesKnown: Bool) -> HistoryDepth {
        reachesKnown || !mayBeCut(count, keys: keys) ? .complete : .gap
    }

    /// A cut answer has 100 messages of one key, and any number up to 100 of another. A larger limit than is known of would
    /// be a round number too.
    private static func mayBeCut(_ count: Int, keys: Int) -> Bool {
        if count < limit { return false }
        return count <= limit * max(1, keys) || count.isMultiple(of: limit)
    }
}

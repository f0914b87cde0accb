/// Whether an answer with history reached back far enough. Servers give the newest 100 messages a channel and 200 in
/// all, count from the newest, and do not say that they left any out.
public enum HistoryDepth: Sendable, Hashable {
    case complete
    /// Ask again, each channel by itself: that lifts the limit from 200 in all to 100 for each.
    case askEachChannel
    /// Messages are gone that nothing can fetch.
    case gap

    /// From this number on an answer may be cut.
    public static let limit = 100

    /// For an answer over all channels together.
    public static func ofCombined(count: Int) -> HistoryDepth {
        count < limit ? .complete : .askEachChannel
    }

    /// For an answer of one channel.
    /// - Parameter reachesKnown: At least one of its messages was received before the outage.
    public static func ofSingle(count: Int, reachesKnown: Bool) -> HistoryDepth {
        count < limit || reachesKnown ? .complete : .gap
    }
}

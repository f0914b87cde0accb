public import Events
public import PullProtocol

/// An audit: the store is asked once more from a while ago, for what no connection brought. A number is used once; an
/// outcome that comes for an older one is stale.
public struct AuditID: Hashable, Sendable {
    public let number: UInt64
}

/// What came of an audit. Its messages have been taken like all others before it is told.
public enum AuditOutcome: Sendable {
    /// The answer reached back to what was known.
    case complete
    /// 100 messages or more over all channels together: the answer may have been cut.
    case cut
    /// Of a single channel: 100 messages or more and none of them known before, so that what lies between is gone.
    /// `lowest`: the lowest id of the answer.
    case gap(lowest: MessageID?)
    /// The server answered with a refusal.
    case refused(Verdict)
    /// No answer, or none that can be read.
    case failed
}

/// Messages that cannot be had any more.
public struct SessionGap: Sendable, Hashable {
    public var reason: GapReason
    /// `unknown`: any of the portal's channels.
    public var channel: ChannelKind

    public init(reason: GapReason, channel: ChannelKind) {
        self.reason = reason
        self.channel = channel
    }
}

/// Why they cannot.
public enum GapReason: String, Sendable, Hashable {
    /// More were waiting than the push server gives out.
    case historyLimit = "history-limit"
    /// The daemon was away for longer than the push server keeps messages.
    case retention = "retention"
    /// The channels were replaced, and the former ones cannot be read: the push server refuses them, or their ids never came
    /// to be known.
    case formerChannels = "former-channels"
    /// The push server began a new store.
    case serverStoreLost = "server-store-lost"
}

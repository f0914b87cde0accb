/// The time from a channel's end to the beginning of the next one known of its kind, where it is so long that others may have
/// come and gone in between. All times are Unix seconds by the portal's clock.
public struct ChannelPause: Sendable, Hashable {
    /// Of the next channel known.
    public let nextStart: Int64
    public let nextEnd: Int64

    /// Nil for a channel that ends before it begins.
    public init?(nextStart: Int64, nextEnd: Int64) {
        guard nextStart < nextEnd else { return nil }
        self.nextStart = nextStart
        self.nextEnd = nextEnd
    }

    /// Nil if there was no time for another, and where nothing follows or nobody knows when that began.
    /// - Parameter next: what followed the channel's last configuration.
    public init?(after channel: Channel, before next: PullConfiguration) {
        let same = next.channels.filter { $0.kind == channel.kind }
        guard !same.contains(where: { $0.id.matches(channel.id.secret) }), let next = same.first,
            let start = next.start
        else { return nil }
        self.init(nextStart: start, nextEnd: next.end)
        if Double(nextStart) - Double(channel.end) < life { return nil }
    }

    /// How long the next one is to live, in seconds.
    private var life: Double { Double(nextEnd) - Double(nextStart) }

    /// Whether the channel was replaced by the next one known. One in between would have begun a life before that.
    public func isHarmless(replacedAt time: Int64) -> Bool { abs(Double(nextStart) - Double(time)) < life / 2 }
}

extension PullConfiguration {
    /// Notes what may have come between its channels and those of `next`.
    public mutating func findPauses(before next: PullConfiguration) {
        for index in channels.indices where channels[index].pause == nil {
            channels[index].pause = ChannelPause(after: channels[index], before: next)
        }
    }
}

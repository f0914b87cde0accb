import Timing

/// How a webhook's events are shared out over requests.
public struct WebhookPace: Hashable, Sendable {
    /// An event waits until the one before it, of the same portal, has been taken or given up.
    public var isOrdered: Bool
    /// Requests at a time: at least 1.
    public var concurrency: Int
    /// Consecutive events of a portal in one request: at least 1; 1 without order.
    public var batchSize: Int
    /// How long a batch that is not full waits for more.
    public var batchWait: Duration
    /// At an event that fails although the target is there, before it is given up: at least 1.
    public var attempts: Int
    /// The longest wait between two of them. The first is a second, each one after it twice as long.
    public var maximumDelay: Duration

    /// Values below their bounds are taken for these.
    public init(
        isOrdered: Bool = true, concurrency: Int = 1, batchSize: Int = 1, batchWait: Duration = .zero,
        attempts: Int = 6, maximumDelay: Duration = .seconds(60)
    ) {
        self.isOrdered = isOrdered
        self.concurrency = max(1, concurrency)
        self.batchSize = isOrdered ? max(1, batchSize) : 1
        self.batchWait = max(.zero, batchWait)
        self.attempts = max(1, attempts)
        self.maximumDelay = max(.zero, maximumDelay)
    }

    /// Events that may have been sent while the journal does not have it on disk that they are done with. After a crash
    /// at most so many come again.
    public var window: Int { concurrency * max(64, 2 * batchSize) }

    /// Waits between the attempts at one event: a second, doubling, up to a fifth shorter.
    var schedule: Backoff { .doubling(from: min(.seconds(1), maximumDelay), to: maximumDelay, jitter: -0.2...0) }

    /// Waits for a target that takes nothing.
    static let targetDown = Backoff.doubling(from: .seconds(1), to: .seconds(60), jitter: -0.2...0)
}

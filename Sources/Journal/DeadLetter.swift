public import Events

/// One event that a sink gave up. It is kept until someone decides what is to become of it.
public struct DeadLetter: Sendable {
    /// In bytes of UTF-8; of a longer reason the end is not stored.
    public static let longestReason = 500

    public var sink: String
    /// Exactly one event, over no more bytes than it needs; `firstSequence` is its number. A letter whose row is not what
    /// was written comes back with a gap record in the event's place (shape `.gap`, reason `damaged`).
    public var batch: EventBatch
    /// Microseconds since 1970.
    public var diedAt: Int64
    public var attempts: Int
    /// For people, without secrets: "500 Internal Server Error", "no answer within 30 s".
    public var reason: String
    /// Somebody asked for it to be sent again.
    public var isRetryRequested: Bool

    public init(
        sink: String, batch: EventBatch, diedAt: Int64, attempts: Int, reason: String, isRetryRequested: Bool = false
    ) {
        self.sink = sink
        self.batch = batch
        self.diedAt = diedAt
        self.attempts = attempts
        self.reason = reason
        self.isRetryRequested = isRetryRequested
    }

    public var sequence: UInt64 { batch.firstSequence }
}

/// What becomes of a sink's dead letters in a transaction.
enum DeadChange: Sendable {
    /// A letter of a retry that failed is only written when it is still kept: somebody may have dropped it meanwhile.
    case died(DeadLetter, isRetry: Bool)
    /// Delivered by a retry.
    case revived(UInt64)

    var sequence: UInt64 {
        switch self {
        case .died(let letter, _): letter.sequence
        case .revived(let sequence): sequence
        }
    }
}

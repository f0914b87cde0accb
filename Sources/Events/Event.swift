/// A part of a batch's `bytes`: offsets from its beginning. Empty means "not there".
public struct ByteRange: Hashable, Sendable {
    public var start: UInt32
    public var end: UInt32

    public static let absent = ByteRange(start: 0, end: 0)

    @inlinable
    public init(start: UInt32, end: UInt32) {
        self.start = start
        self.end = end
    }

    @inlinable
    public init(_ range: Range<Int>) {
        start = UInt32(truncatingIfNeeded: range.lowerBound)
        end = UInt32(truncatingIfNeeded: range.upperBound)
    }

    @inlinable public var isEmpty: Bool { start == end }
    @inlinable public var count: Int { Int(end &- start) }
    @inlinable public var range: Range<Int> { Int(start)..<Int(end) }
}

/// What a published body turned out to be. Push servers pass on whatever was published.
public enum BodyShape: UInt8, Sendable {
    /// A JSON object with a string `command`, and with a string `module_id` if it has one: the portal's usual message.
    case object
    /// Any other valid JSON value.
    case json
    /// Not JSON, or not UTF-8.
    case raw
    /// No message at all: a record of messages that cannot be had any more. Its body is the JSON object that says which.
    case gap
}

/// Which channel a message came through, where the server tells or a connection carries one channel only.
public enum ChannelKind: UInt8, Sendable {
    case unknown
    case shared
    case `private`
}

/// Who published a message. Only the binary mode tells.
public struct Sender: Hashable, Sendable {
    public enum Kind: UInt8, Sendable {
        case unknown = 0
        case client = 1
        case backend = 2
    }

    public var kind: Kind
    /// The public id of a client: 16 bytes, first and last eight, big-endian. Nil when absent or of another length.
    public var id: (high: UInt64, low: UInt64)?

    public init(kind: Kind, id: (high: UInt64, low: UInt64)? = nil) {
        self.kind = kind
        self.id = id
    }

    public static func == (left: Sender, right: Sender) -> Bool {
        left.kind == right.kind && left.id?.high == right.id?.high && left.id?.low == right.id?.low
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        hasher.combine(id?.high)
        hasher.combine(id?.low)
    }
}

/// One message, as offsets into the bytes that it arrived in. Nothing of it is copied or re-encoded: what a sink writes
/// are the sender's own bytes.
public struct Event: Sendable {
    /// Nil when the server gave none, or one that is no position (not 26 decimal digits).
    public var id: MessageID?
    /// The published body, whole.
    public var body = ByteRange.absent
    public var shape = BodyShape.raw
    /// A JSON body with raw line feeds or carriage returns between its tokens.
    public var hasLineBreaks = false
    /// The object has members beside the six known ones (`module_id`, `command`, `params`, `extra`, `user_params`,
    /// `dictionary`), or one of those twice, so that the slices below do not say everything.
    public var hasOtherMembers = false
    public var channel = ChannelKind.unknown
    /// Inside the quotes, escapes as sent. Absent unless `shape` is `object`.
    public var module = ByteRange.absent
    public var command = ByteRange.absent
    /// The raw JSON value, brackets included.
    public var params = ByteRange.absent
    public var extra = ByteRange.absent
    public var sender: Sender?

    public init() {}
}

/// Events that arrived together, with the bytes they point into.
public struct EventBatch: Sendable {
    /// The operator's name of the portal.
    public var portal: String
    /// Microseconds since 1970, by this machine's clock.
    public var receivedAt: Int64
    /// The sequence number of `events[0]`; the others follow without a gap. The journal sets it.
    public var firstSequence: UInt64 = 0
    public var bytes: [UInt8]
    public var events: [Event]

    public init(portal: String, receivedAt: Int64, bytes: [UInt8], events: [Event]) {
        self.portal = portal
        self.receivedAt = receivedAt
        self.bytes = bytes
        self.events = events
    }
}

public import Events

/// How a unit came: one WebSocket message, or the body of one long poll answer.
public enum FrameKind: Sendable {
    case text
    case binary
    case longPoll
}

/// What the connection was asked for. Servers do not always comply, so units are told apart by their bytes; only a JSON-RPC
/// `ping` needs this.
public enum PayloadMode: Sendable {
    case text
    case binary
    case jsonRPC
}

/// What a unit turned out to be.
public enum UnitKind: Sendable {
    /// Nothing, or white space only.
    case empty
    /// Objects between `#!NGINXNMS!#` and `#!NGINXNME!#`.
    case envelopes
    /// The same objects without markers, alone or in an array.
    case json
    /// JSON-RPC 2.0 requests, notifications or answers.
    case jsonRPC
    /// A ResponseBatch, damaged or not.
    case protobuf
    /// The ping of the JSON-RPC mode; its answer is in `replies`.
    case ping
    /// Of no known form: a proxy's page, statistics. No sign of life of the server.
    case unknown
}

/// A part of a unit that should have been a message.
public struct MalformedPiece: Sendable, Hashable {
    /// All of it, markers included.
    public var range: ByteRange
    /// The position read from its beginning, before anything that a publisher could have written.
    public var id: MessageID?
    /// Where only the body is no JSON: that body, possibly empty. It is then also an event, see `event`.
    public var rawBody: ByteRange?
    /// Index in `DecodedUnit.events` of the event that delivers `rawBody`.
    public var event: Int?

    public init(range: ByteRange, id: MessageID? = nil, rawBody: ByteRange? = nil, event: Int? = nil) {
        self.range = range
        self.id = id
        self.rawBody = rawBody
        self.event = event
    }
}

/// Bytes that no protobuf decoder may accept. What stood complete before them has been decoded.
public struct Damage: Sendable, Hashable {
    /// From the end of the last complete message or response to the end of the unit; 0 if only an enclosing length was wrong.
    public var undecodedBytes: Int

    public init(undecodedBytes: Int) {
        self.undecodedBytes = undecodedBytes
    }
}

/// The position that servers without message ids give (`server.version` 1 and 2).
public struct LegacyPosition: Sendable, Hashable {
    /// Index in `DecodedUnit.events`.
    public var event: Int
    /// As written, without quotes; empty where missing.
    public var tag: String
    public var time: String
    public var channel: String
    public var id: String

    public init(event: Int, tag: String, time: String, channel: String, id: String) {
        self.event = event
        self.tag = tag
        self.time = time
        self.channel = channel
        self.id = id
    }
}

/// What one unit, or several units of one buffer, decoded to. Decoding appends, so that one value (and its memory) serves
/// for many units; `reset` empties it.
///
/// Conservation: every byte of a unit belongs to an event's message, a malformed piece, damage, `junkBytes`,
/// `truncatedBytes`, `unknownBytes`, or is white space or punctuation between those.
public struct DecodedUnit: Sendable {
    /// Of the unit decoded last.
    public var kind = UnitKind.empty
    /// In order of arrival.
    public var events: [Event] = []
    /// Bytes made up here: `params` merged from several members. To be appended to the caller's buffer before the events
    /// are used.
    public var appendix: [UInt8] = []
    public var malformed: [MalformedPiece] = []
    /// Bytes outside messages.
    public var junkBytes = 0
    /// The cut end of a truncated unit. It comes again when the server is asked again.
    public var truncatedBytes = 0
    /// Bytes of units of unknown kind.
    public var unknownBytes = 0
    public var damage: Damage?
    /// Of those events that came without any message id.
    public var legacyPositions: [LegacyPosition] = []
    /// Texts to send back at once (JSON-RPC).
    public var replies: [String] = []
    /// Texts to send back after the events are stored (JSON-RPC), for duplicates too.
    public var acknowledgements: [String] = []
    /// Where `appendix` will begin in the buffer that the events' ranges point into.
    public internal(set) var appendixOffset: Int?

    public init() {}

    /// Empties everything and keeps the memory.
    ///
    /// - Parameter appendixOffset: where the caller will put `appendix`: the length of the whole buffer if that holds several
    ///   units. Nil, for a single unit: right behind it, at `baseOffset` + its length.
    public mutating func reset(appendixOffset: Int? = nil) {
        kind = .empty
        events.removeAll(keepingCapacity: true)
        appendix.removeAll(keepingCapacity: true)
        malformed.removeAll(keepingCapacity: true)
        junkBytes = 0
        truncatedBytes = 0
        unknownBytes = 0
        damage = nil
        legacyPositions.removeAll(keepingCapacity: true)
        replies.removeAll(keepingCapacity: true)
        acknowledgements.removeAll(keepingCapacity: true)
        self.appendixOffset = appendixOffset
    }
}

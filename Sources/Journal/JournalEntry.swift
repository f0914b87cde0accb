public import Events

/// What one received unit changes, all or nothing.
public struct JournalEntry: Sendable {
    /// The operator's name of the portal.
    public var portal: String
    /// New events and gap records, in the order of arrival; nil when there are none. The journal numbers them.
    public var batch: EventBatch?
    /// One for each message that was new, service commands' included.
    public var marks: [SeenMark] = []
    /// Where to resume with a push server, as of after this entry.
    public var position: StoredPosition?
    /// Pieces of what was received that are no messages.
    public var quarantine: [QuarantinedPiece] = []
    /// Takes the place of all channel sets stored for the portal.
    public var channels: [StoredChannels]?
    /// Unix seconds at which the portal's subscription was known to work.
    public var lastContact: Double?
    /// What this entry adds to the portal's counts.
    public var counts = IntakeCounts()

    public init(portal: String, batch: EventBatch? = nil) {
        self.portal = portal
        self.batch = batch
    }
}

/// A message received: enough to recognise it when it comes again. 32 bytes.
public struct SeenMark: Hashable, Sendable {
    /// Nil for servers without ids; the hash then covers channel, number, time and body.
    public var id: MessageID?
    /// Of the body.
    public var hash: UInt64

    public init(id: MessageID?, hash: UInt64) {
        self.id = id
        self.hash = hash
    }
}

/// Where to resume with one push server: ids of one server mean nothing to another.
public struct StoredPosition: Hashable, Sendable {
    /// Host and port of the push server.
    public var server: String
    /// The highest id received.
    public var newest: MessageID?
    /// Nothing at or below it is missing. Not above `newest`.
    public var safe: MessageID?
    /// `tag;time` of servers without ids.
    public var legacy: String?

    public init(server: String, newest: MessageID? = nil, safe: MessageID? = nil, legacy: String? = nil) {
        self.server = server
        self.newest = newest
        self.safe = safe
        self.legacy = legacy
    }
}

/// A part of what was received that is no message, kept for people to look at.
public struct QuarantinedPiece: Hashable, Sendable {
    /// Microseconds since 1970.
    public var receivedAt: Int64
    /// Read from its beginning; counts as seen only together with the piece.
    public var id: MessageID?
    public var reason: String
    public var bytes: [UInt8]

    public init(receivedAt: Int64, id: MessageID? = nil, reason: String, bytes: [UInt8]) {
        self.receivedAt = receivedAt
        self.id = id
        self.reason = reason
        self.bytes = bytes
    }
}

/// One configuration of a portal's channels, in the session's own encoding. Holds signed ids: readable by the owner of
/// the state directory only.
public struct StoredChannels: Hashable, Sendable {
    /// False: replaced, and perhaps not yet drained.
    public var isCurrent: Bool
    /// Unix seconds since when it is no longer the current one; for the current one since when it is.
    public var since: Double
    public var content: [UInt8]

    public init(isCurrent: Bool, since: Double, content: [UInt8]) {
        self.isCurrent = isCurrent
        self.since = since
        self.content = content
    }
}

/// What is known of a portal from earlier runs.
public struct PortalRecord: Hashable, Sendable {
    /// At most one for each server.
    public var positions: [StoredPosition] = []
    public var channels: [StoredChannels] = []
    /// Unix seconds.
    public var lastContact: Double?
    public var counts = IntakeCounts()

    public init() {}
}

/// What has been received of a portal, in numbers, since its first event.
///
/// `received = journaled + repeated + serviceCommands` always.
public struct IntakeCounts: Hashable, Sendable {
    /// Messages decoded.
    public var received: UInt64 = 0
    public var journaled: UInt64 = 0
    public var repeated: UInt64 = 0
    public var serviceCommands: UInt64 = 0
    /// The id was known with another body: delivered, and a sign that the server's counter went back.
    public var conflicting: UInt64 = 0
    public var malformedPieces: UInt64 = 0
    public var unknownUnits: UInt64 = 0
    /// Gap records written. They have sequence numbers, as events have, and are not among `journaled`.
    public var gaps: UInt64 = 0

    public init() {}

    public var isConserved: Bool { received == journaled &+ repeated &+ serviceCommands }

    public static func += (left: inout IntakeCounts, right: IntakeCounts) {
        left.received &+= right.received
        left.journaled &+= right.journaled
        left.repeated &+= right.repeated
        left.serviceCommands &+= right.serviceCommands
        left.conflicting &+= right.conflicting
        left.malformedPieces &+= right.malformedPieces
        left.unknownUnits &+= right.unknownUnits
        left.gaps &+= right.gaps
    }
}

import Events

/// What the journal knows of itself, in the one row of `state`.
///
/// ```
///  content:  1 │ last sequence number │ transactions │ portals │ cursors   (64 bits each)
/// ```
struct StoredState: Hashable {
    private static let version: UInt8 = 1

    var lastSequence: UInt64 = 0
    /// Tells after a failure whether the transaction is in the file nevertheless.
    var transactions: UInt64 = 0
    var portals: UInt64 = 0
    var cursors: UInt64 = 0

    var content: [UInt8] {
        var writer = StoredBytesWriter(capacity: 40)
        writer.write(Self.version)
        for number in [lastSequence, transactions, portals, cursors] { writer.write(number) }
        return writer.bytes
    }

    init() {}

    init(content: [UInt8]) throws(UnreadableBytes) {
        self = try content.readStored { (reader) throws(UnreadableBytes) in
            guard try reader.byte() == Self.version else { throw UnreadableBytes() }
            var state = StoredState()
            state.lastSequence = try reader.uint64()
            state.transactions = try reader.uint64()
            state.portals = try reader.uint64()
            state.cursors = try reader.uint64()
            // Numbers stand in signed columns.
            guard state.lastSequence < UInt64(Int64.max) else { throw UnreadableBytes() }
            return state
        }
    }
}

/// A sink's cursor as it is stored.
///
/// ```
///  content:  1 │ holds events (8 bits) │ base │ sequence │ delivered │ filtered │ dead (64 bits each) │ place (text)
/// ```
struct StoredCursor: Hashable {
    private static let version: UInt8 = 1

    var cursor: SinkCursor
    /// False: the sink is not configured any more, and what it has not had may go.
    var isActive = true

    var content: [UInt8] {
        var writer = StoredBytesWriter(capacity: 64)
        writer.write(Self.version)
        writer.write(isActive ? 1 : 0 as UInt8)
        for number in [cursor.base, cursor.sequence, cursor.delivered, cursor.filtered, cursor.dead] {
            writer.write(number)
        }
        writer.write(cursor.place)
        return writer.bytes
    }

    init(_ cursor: SinkCursor, isActive: Bool = true) {
        self.cursor = cursor
        self.isActive = isActive
    }

    init(content: [UInt8]) throws(UnreadableBytes) {
        self = try content.readStored { (reader) throws(UnreadableBytes) in
            guard try reader.byte() == Self.version else { throw UnreadableBytes() }
            let isActive = try reader.byte() == 1
            var cursor = SinkCursor(base: try reader.uint64())
            cursor.sequence = try reader.uint64()
            cursor.delivered = try reader.uint64()
            cursor.filtered = try reader.uint64()
            cursor.dead = try reader.uint64()
            cursor.place = try reader.text()
            return StoredCursor(cursor, isActive: isActive)
        }
    }
}

/// What was deleted of a portal's events at the beginning of the journal.
///
/// ```
///  content:  1 │ last │ events (64 bits each) │ ids are known (8 bits) │ [lowest, highest: 16 bytes each]
/// ```
struct StoredDrop: Hashable {
    private static let version: UInt8 = 1

    /// The last sequence number deleted.
    var last: UInt64 = 0
    /// How many that some reader had not had.
    var events: UInt64 = 0
    /// Of those.
    var lowest: MessageID?
    var highest: MessageID?

    var content: [UInt8] {
        var writer = StoredBytesWriter(capacity: 64)
        writer.write(Self.version)
        writer.write(last)
        writer.write(events)
        writer.write(lowest == nil ? 0 : 1 as UInt8)
        if let lowest {
            writer.write(lowest)
            writer.write(highest ?? lowest)
        }
        return writer.bytes
    }

    init() {}

    init(content: [UInt8]) throws(UnreadableBytes) {
        self = try content.readStored { (reader) throws(UnreadableBytes) in
            guard try reader.byte() == Self.version else { throw UnreadableBytes() }
            var drop = StoredDrop()
            drop.last = try reader.uint64()
            drop.events = try reader.uint64()
            if try reader.byte() == 1 {
                drop.lowest = try reader.messageID()
                drop.highest = try reader.messageID()
            }
            return drop
        }
    }
}

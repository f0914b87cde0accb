import Events

/// What the journal keeps of a portal, in one row that changes with each transaction that the portal has a part in.
///
/// ```
///  content:  1 │ counts: 8 × 64 bits │ contact is known (8 bits) │ contact (64 bits)
///              │ checksum of the channels' row (64 bits, 0: none) │ positions (varint) │ position …
///
///  position: server (text) │ flags (8 bits) │ [newest: 16 bytes] [safe: 16 bytes] [legacy: text]
///  flags:    0 newest is there   1 safe   2 legacy
/// ```
struct StoredPortal: Hashable {
    private static let version: UInt8 = 1

    var record = PortalRecord()
    /// Of the row with the channel sets; 0 when there is none.
    var channelsChecksum: UInt64 = 0

    mutating func remember(_ position: StoredPosition) {
        if let index = record.positions.firstIndex(where: { $0.server == position.server }) {
            record.positions[index] = position
        } else {
            record.positions.append(position)
        }
    }

    /// Without the channel sets.
    var content: [UInt8] {
        var writer = StoredBytesWriter(capacity: 256)
        writer.write(Self.version)
        let counts = record.counts
        for count in [
            counts.received, counts.journaled, counts.repeated, counts.serviceCommands, counts.conflicting,
            counts.malformedPieces, counts.unknownUnits, counts.gaps,
        ] { writer.write(count) }
        writer.write(record.lastContact == nil ? 0 : 1 as UInt8)
        writer.write(record.lastContact ?? 0)
        writer.write(channelsChecksum)
        writer.writeVarint(UInt64(record.positions.count))
        for position in record.positions {
            writer.write(position.server)
            let flags: UInt8 =
                (position.newest == nil ? 0 : 1) | (position.safe == nil ? 0 : 2) | (position.legacy == nil ? 0 : 4)
            writer.write(flags)
            if let newest = position.newest { writer.write(newest) }
            if let safe = position.safe { writer.write(safe) }
            if let legacy = position.legacy { writer.write(legacy) }
        }
        return writer.bytes
    }

    init() {}

    init(content: [UInt8]) throws(UnreadableBytes) {
        self = try content.readStored { (reader) throws(UnreadableBytes) in
            guard try reader.byte() == Self.version else { throw UnreadableBytes() }
            var portal = StoredPortal()
            portal.record.counts.received = try reader.uint64()
            portal.record.counts.journaled = try reader.uint64()
            portal.record.counts.repeated = try reader.uint64()
            portal.record.counts.serviceCommands = try reader.uint64()
            portal.record.counts.conflicting = try reader.uint64()
            portal.record.counts.malformedPieces = try reader.uint64()
            portal.record.counts.unknownUnits = try reader.uint64()
            portal.record.counts.gaps = try reader.uint64()
            let isKnown = try reader.byte() == 1
            let contact = try reader.double()
            if isKnown { portal.record.lastContact = contact }
            portal.channelsChecksum = try reader.uint64()
            for _ in 0..<(try reader.count()) {
                var position = StoredPosition(server: try reader.text())
                let flags = try reader.byte()
                if flags & 1 != 0 { position.newest = try reader.messageID() }
                if flags & 2 != 0 { position.safe = try reader.messageID() }
                if flags & 4 != 0 { position.legacy = try reader.text() }
                portal.record.positions.append(position)
            }
            return portal
        }
    }

    // MARK: channel sets

    /// ```
    ///  sets (varint) │ set …        set: is current (8 bits) │ since (64 bits) │ content (blob)
    /// ```
    static func content(of channels: [StoredChannels]) -> [UInt8] {
        var writer = StoredBytesWriter()
        writer.writeVarint(UInt64(channels.count))
        for set in channels {
            writer.write(set.isCurrent ? 1 : 0 as UInt8)
            writer.write(set.since)
            writer.write(set.content)
        }
        return writer.bytes
    }

    static func channels(in content: [UInt8]) throws(UnreadableBytes) -> [StoredChannels] {
        try content.readStored { (reader) throws(UnreadableBytes) in
            var channels: [StoredChannels] = []
            for _ in 0..<(try reader.count()) {
                let isCurrent = try reader.byte() == 1
                channels.append(
                    StoredChannels(isCurrent: isCurrent, since: try reader.double(), content: try reader.blob()))
            }
            return channels
        }
    }
}

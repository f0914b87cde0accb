import Events

/// A row of `batch`, as it is written and as it is found.
struct BatchRow {
    var last: UInt64
    var first: UInt64
    var portal: Int64
    /// Microseconds since 1970.
    var received: Int64
    /// Of the columns before and the content.
    var checksum: UInt64
    var content: [UInt8]

    init(last: UInt64, first: UInt64, portal: Int64, received: Int64, checksum: UInt64, content: [UInt8]) {
        self.last = last
        self.first = first
        self.portal = portal
        self.received = received
        self.checksum = checksum
        self.content = content
    }

    init(_ batch: EventBatch, portal: Int64) {
        last = batch.lastSequence
        first = batch.firstSequence
        self.portal = portal
        received = batch.receivedAt
        content = StoredBatch.content(of: batch)
        checksum = 0
        checksum = computedChecksum
    }

    private var computedChecksum: UInt64 {
        var checksum = Checksum.of(content)
        for word in [last, first, UInt64(bitPattern: portal), UInt64(bitPattern: received)] {
            checksum = Checksum.joined(checksum, word)
        }
        return checksum
    }

    /// - Throws: the row is not what was written.
    func batch(portal name: String) throws(UnreadableBytes) -> EventBatch {
        guard checksum == computedChecksum else { throw UnreadableBytes() }
        let (events, bytes) = try StoredBatch.read(content)
        // Numbers stand in signed columns.
        guard !events.isEmpty, first <= last, last < UInt64(Int64.max), last - first == UInt64(events.count - 1) else {
            throw UnreadableBytes()
        }
        var batch = EventBatch(portal: name, receivedAt: received, bytes: bytes, events: events)
        batch.firstSequence = first
        return batch
    }
}

extension EventBatch {
    /// The number of the last event; of a batch without events the number before its first.
    var lastSequence: UInt64 { firstSequence &+ UInt64(events.count) &- 1 }

    /// In memory: the bytes, the offsets, and the objects around them.
    var memorySize: UInt64 { UInt64(bytes.count + events.count * MemoryLayout<Event>.stride + 256) }

    /// Without the events below a number.
    func trimmed(from sequence: UInt64) -> EventBatch {
        guard sequence > firstSequence else { return self }
        var result = self
        result.events.removeFirst(min(events.count, Int(clamping: sequence - firstSequence)))
        result.firstSequence = sequence
        return result
    }
}

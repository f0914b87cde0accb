import Events

/// What a batch's row holds beside its numbers.
///
/// ```
///  content:  1 │ events (varint) │ event … │ bytes of all bodies and slices, to the end
///            version
///
///  event:    flags (16 bits) │ body │ [id] │ [module] [command] [params] [extra] │ [sender's id: 16 bytes]
///
///  flags:    0     it has an id            7  module is there
///            1-2   shape                   8  command
///            3     hasLineBreaks           9  params
///            4     hasOtherMembers        10  extra
///            5-6   channel             11-12  sender: 0 none, else its kind + 1
///                                         13  the sender has an id
///  id:       generation, counter: each the signed difference to the id before it in the content (at first to 0)
///  range:    start: signed difference (of the body: to the end of the body before; of the others: to the start of
///            their body), length: varint
/// ```
///
/// A range without bytes says that nothing is there, wherever it lies, and is stored as absent.
enum StoredBatch {
    private static let version: UInt8 = 1
    /// An event takes at least its flags and an absent body.
    private static let shortestEvent = 4

    static func content(of batch: EventBatch) -> [UInt8] {
        var writer = StoredBytesWriter(capacity: batch.bytes.count + batch.events.count * 40 + 16)
        writer.write(version)
        writer.writeVarint(UInt64(batch.events.count))
        var previous = Previous()
        for event in batch.events { write(event, limit: batch.bytes.count, &previous, to: &writer) }
        writer.append(batch.bytes)
        return writer.bytes
    }

    /// Events and bytes; every range lies within the bytes.
    static func read(_ content: [UInt8]) throws(UnreadableBytes) -> (events: [Event], bytes: [UInt8]) {
        try content.readStored { (reader) throws(UnreadableBytes) in
            guard try reader.byte() == version else { throw UnreadableBytes() }
            let count = try reader.count()
            guard count <= reader.remaining / shortestEvent else { throw UnreadableBytes() }
            var events: [Event] = []
            events.reserveCapacity(count)
            var previous = Previous()
            for _ in 0..<count { events.append(try event(&reader, &previous)) }
            let bytes = [UInt8](try reader.slice(reader.remaining))
            for event in events {
                for range in event.ranges where Int(range.end) > bytes.count { throw UnreadableBytes() }
            }
            return (events, bytes)
        }
    }

    /// What differences are taken to.
    private struct Previous {
        var bodyEnd: Int64 = 0
        var generation: Int64 = 0
        var counter: Int64 = 0
    }

    // MARK: writing

    private static func write(
        _ event: Event, limit: Int, _ previous: inout Previous, to writer: inout StoredBytesWriter
    ) {
        let body = event.body.stored(limit: limit)
        let others = [event.module, event.command, event.params, event.extra].map { $0.stored(limit: limit) }
        var flags: UInt16 = event.id == nil ? 0 : 1
        flags |= UInt16(event.shape.rawValue) << 1
        flags |= event.hasLineBreaks ? 1 << 3 : 0
        flags |= event.hasOtherMembers ? 1 << 4 : 0
        flags |= UInt16(event.channel.rawValue) << 5
        for (bit, range) in others.enumerated() where !range.isEmpty { flags |= 1 << (7 + UInt16(bit)) }
        if let sender = event.sender {
            flags |= (UInt16(sender.kind.rawValue) + 1) << 11
            flags |= sender.id == nil ? 0 : 1 << 13
        }
        writer.write(flags)
        writer.writeSigned(Int64(body.start) - previous.bodyEnd)
        writer.writeVarint(UInt64(body.count))
        previous.bodyEnd = Int64(body.end)
        if let id = event.id {
            // Below 10^10 and 10^16.
            writer.writeSigned(Int64(id.generation) - previous.generation)
            writer.writeSigned(Int64(id.counter) - previous.counter)
            previous.generation = Int64(id.generation)
            previous.counter = Int64(id.counter)
        }
        for range in others where !range.isEmpty {
            writer.writeSigned(Int64(range.start) - Int64(body.start))
            writer.writeVarint(UInt64(range.count))
        }
        if let id = event.sender?.id {
            writer.write(id.high)
            writer.write(id.low)
        }
    }

    // MARK: reading

    private static func event(
        _ reader: inout StoredBytesReader, _ previous: inout Previous
    ) throws(UnreadableBytes) -> Event {
        let flags = try reader.uint16()
        guard flags >> 14 == 0, let shape = BodyShape(rawValue: UInt8(flags >> 1 & 3)),
            let channel = ChannelKind(rawValue: UInt8(flags >> 5 & 3))
        else { throw UnreadableBytes() }
        var event = Event()
        event.shape = shape
        event.channel = channel
        event.hasLineBreaks = flags & 1 << 3 != 0
        event.hasOtherMembers = flags & 1 << 4 != 0
        event.body = try range(&reader, from: previous.bodyEnd)
        previous.bodyEnd = Int64(event.body.end)
        if flags & 1 != 0 { event.id = try messageID(&reader, &previous) }
        let start = Int64(event.body.start)
        if flags & 1 << 7 != 0 { event.module = try range(&reader, from: start) }
        if flags & 1 << 8 != 0 { event.command = try range(&reader, from: start) }
        if flags & 1 << 9 != 0 { event.params = try range(&reader, from: start) }
        if flags & 1 << 10 != 0 { event.extra = try range(&reader, from: start) }
        let sender = UInt8(flags >> 11 & 3)
        if sender > 0 {
            guard let kind = Sender.Kind(rawValue: sender - 1) else { throw UnreadableBytes() }
            event.sender = Sender(kind: kind)
            if flags & 1 << 13 != 0 { event.sender?.id = (try reader.uint64(), try reader.uint64()) }
        } else if flags & 1 << 13 != 0 {
            throw UnreadableBytes()
        }
        return event
    }

    private static func range(_ reader: inout StoredBytesReader, from: Int64) throws(UnreadableBytes) -> ByteRange {
        let (start, overflow) = from.addingReportingOverflow(try reader.signed())
        let count = try reader.varint()
        guard !overflow, start >= 0, start <= Int64(UInt32.max), count <= UInt64(UInt32.max) - UInt64(start) else {
            throw UnreadableBytes()
        }
        return ByteRange(start: UInt32(start), end: UInt32(UInt64(start) + count))
    }

    private static func messageID(
        _ reader: inout StoredBytesReader, _ previous: inout Previous
    ) throws(UnreadableBytes) -> MessageID {
        let (generation, wide) = previous.generation.addingReportingOverflow(try reader.signed())
        let (counter, wider) = previous.counter.addingReportingOverflow(try reader.signed())
        guard !wide, !wider, (0..<10_000_000_000).contains(generation),
            (0..<10_000_000_000_000_000).contains(counter)
        else { throw UnreadableBytes() }
        previous.generation = generation
        previous.counter = counter
        return MessageID(generation: UInt64(generation), counter: UInt64(counter))
    }
}

extension Event {
    /// All parts of the bytes that it points to.
    var ranges: [ByteRange] { [body, module, command, params, extra] }
}

extension ByteRange {
    /// As it can be read back: within the bytes, and absent when it holds none.
    func stored(limit: Int) -> ByteRange {
        start < end && Int(end) <= limit ? self : .absent
    }
}

public import Events
import Glibc
import JSONText

/// Writes events as lines of JSON (NDJSON), members in this order, unknown ones left out:
///
/// ```
/// {"seq":41,"portal":"acme","mid":"17…42","module":"application","command":"order.paid","params":{…},"extra":{…},
///  "body":…,"channel":"private","sender":{"type":"client","id":"…"},"received_at":"2026-11-22T09:00:00.123456Z"}⏎
/// ```
///
/// `params`, `extra` and `body` are the sender's bytes; only line breaks between their tokens become blanks. `body` is
/// there when the members before it do not say everything: raw JSON, or a JSON string when the body is no JSON.
///
/// A gap record says what cannot be had any more, and nothing else:
///
/// ```
/// {"seq":42,"portal":"acme","gap":{"reason":"retention",…},"received_at":"2026-11-22T09:00:00.123456Z"}⏎
/// ```
///
/// One value serves one batch: what all its lines share is made once.
public struct EventLine: Sendable {
    /// `,"portal":"acme"`
    let portal: [UInt8]
    /// `,"received_at":"…"}` and the line feed.
    private let ending: [UInt8]
    private let batch: EventBatch

    public init(_ batch: EventBatch) {
        self.batch = batch
        var portal = Array(#","portal":"#.utf8)
        JSONEscape.appendString(batch.portal, to: &portal)
        self.portal = portal
        var ending = Array(#","received_at":""#.utf8)
        ending += Timestamp.text(microseconds: batch.receivedAt)
        ending += Array("\"}\n".utf8)
        self.ending = ending
    }

    /// Appends a line for each event that passes the filter and returns how many these were.
    public func append(where filter: EventFilter, to output: inout OutputBuffer) -> Int {
        guard filter.admits(portal: batch.portal) else { return 0 }
        if filter.passesEveryEvent {
            append(0..<batch.events.count, to: &output)
            return batch.events.count
        }
        return batch.bytes.withUnsafeBufferPointer { bytes in
            batch.events.withUnsafeBufferPointer { events in
                var count = 0
                for index in events.indices where filter.passes(events[index], in: bytes) {
                    write(events[index], index, bytes, to: &output)
                    count += 1
                }
                return count
            }
        }
    }

    /// Appends a line for each event of `range`, which must lie within the batch's events.
    public func append(_ range: Range<Int>, to output: inout OutputBuffer) {
        batch.bytes.withUnsafeBufferPointer { bytes in
            batch.events.withUnsafeBufferPointer { events in
                for index in range.clamped(to: events.indices) {
                    write(events[index], index, bytes, to: &output)
                }
            }
        }
    }

    // MARK: one event

    /// Names, quotes, digits and the sender: 243 bytes at most.
    private static let roomForFixedParts = 256

    @inline(__always)
    private func write(
        _ event: borrowing Event, _ index: Int, _ bytes: UnsafeBufferPointer<UInt8>, to output: inout OutputBuffer
    ) {
        guard let source = bytes.baseAddress else { return }
        let limit = bytes.count
        var room = Self.roomForFixedParts + portal.count + ending.count
        room += event.module.count + event.command.count + event.params.count + event.extra.count
        var text: [UInt8] = []
        if event.shape == .raw {
            text = Self.jsonString(event.body, bytes)
            room += text.count
        } else {
            room += event.body.count
        }

        var at = output.end(room: room)
        Self.put(#"{"seq":"#, &at)
        at = DecimalDigits.write(batch.firstSequence &+ UInt64(index), to: at)
        Self.copy(portal, &at)
        if event.shape == .gap {
            Self.put(#","gap":"#, &at)
            let start = at
            Self.copy(event.body, source, limit, &at)
            Self.flatten(start, at)
            Self.copy(ending, &at)
            output.commit(at)
            return
        }
        if let id = event.id {
            Self.put(#","mid":""#, &at)
            DecimalDigits.write(id, to: at)
            at += MessageID.length
            Self.put("\"", &at)
        }
        if event.shape == .object {
            if !event.module.isEmpty {
                Self.put(#","module":""#, &at)
                Self.copy(event.module, source, limit, &at)
                Self.put("\"", &at)
            }
            if !event.command.isEmpty {
                Self.put(#","command":""#, &at)
                Self.copy(event.command, source, limit, &at)
                Self.put("\"", &at)
            }
            let start = at
            if !event.params.isEmpty {
                Self.put(#","params":"#, &at)
                Self.copy(event.params, source, limit, &at)
            }
            if !event.extra.isEmpty {
                Self.put(#","extra":"#, &at)
                Self.copy(event.extra, source, limit, &at)
            }
            if event.hasOtherMembers { Self.putBody(event.body, source, limit, &at) }
            if event.hasLineBreaks { Self.flatten(start, at) }
        } else if event.shape == .json {
            let start = at
            Self.putBody(event.body, source, limit, &at)
            if event.hasLineBreaks { Self.flatten(start, at) }
        } else {
            Self.put(#","body":"#, &at)
            Self.copy(text, &at)
        }
        switch event.channel {
        case .shared: Self.put(#","channel":"shared""#, &at)
        case .private: Self.put(#","channel":"private""#, &at)
        case .unknown: break
        }
        if let sender = event.sender { Self.put(sender, &at) }
        Self.copy(ending, &at)
        output.commit(at)
    }

    private static func putBody(
        _ body: ByteRange, _ source: UnsafePointer<UInt8>, _ limit: Int, _ at: inout UnsafeMutablePointer<UInt8>
    ) {
        if body.isEmpty { return }
        put(#","body":"#, &at)
        copy(body, source, limit, &at)
    }

    private static func put(_ sender: Sender, _ at: inout UnsafeMutablePointer<UInt8>) {
        switch sender.kind {
        case .client: put(#","sender":{"type":"client""#, &at)
        case .backend: put(#","sender":{"type":"backend""#, &at)
        case .unknown:
            // Without type and id there is nothing to say.
            guard let id = sender.id else { return }
            put(#","sender":{"id":""#, &at)
            putHex(id.high, &at)
            putHex(id.low, &at)
            put(#""}"#, &at)
            return
        }
        if let id = sender.id {
            put(#","id":""#, &at)
            putHex(id.high, &at)
            putHex(id.low, &at)
            put("\"", &at)
        }
        put("}", &at)
    }

    @inline(never)
    private static func jsonString(_ range: ByteRange, _ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        let inside = range.start <= range.end && Int(range.end) <= bytes.count
        let slice = UnsafeRawBufferPointer(bytes)[inside ? range.range : 0..<0]
        JSONEscape.appendString(UnsafeRawBufferPointer(rebasing: slice), to: &text)
        return text
    }

    // MARK: bytes

    @inline(__always)
    private static func put(_ text: StaticString, _ at: inout UnsafeMutablePointer<UInt8>) {
        at.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        at += text.utf8CodeUnitCount
    }

    @inline(__always)
    private static func copy(_ bytes: [UInt8], _ at: inout UnsafeMutablePointer<UInt8>) {
        bytes.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            memcpy(at, base, buffer.count)
            at += buffer.count
        }
    }

    /// A range that does not lie within the bytes writes nothing: the line is then no JSON, but holds nobody's memory.
    @inline(__always)
    private static func copy(
        _ range: ByteRange, _ source: UnsafePointer<UInt8>, _ limit: Int, _ at: inout UnsafeMutablePointer<UInt8>
    ) {
        let (start, end) = (Int(range.start), Int(range.end))
        guard start <= end, end <= limit else { return }
        memcpy(at, source + start, end - start)
        at += end - start
    }

    private static func flatten(_ start: UnsafeMutablePointer<UInt8>, _ end: UnsafeMutablePointer<UInt8>) {
        var at = start
        while at < end {
            if at.pointee == 0x0A || at.pointee == 0x0D { at.pointee = 0x20 }
            at += 1
        }
    }

    private static func putHex(_ value: UInt64, _ at: inout UnsafeMutablePointer<UInt8>) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 0xF
            at.pointee = digit < 10 ? 0x30 + digit : 0x57 + digit
            at += 1
        }
    }
}

import Events
import PullProtocol
import TestRandom
import Testing

private typealias F = MessageFixtures

@Suite("A unit that is decoded while it comes")
struct UnitFrontTests {
    /// All that decoding has found, without offsets.
    private struct Found: Equatable {
        var events: [[String]] = []
        var malformed: [String] = []
        var left = [0, 0, 0, 0]

        mutating func add(_ decoded: DecodedUnit, _ bytes: [UInt8]) {
            let bytes = bytes + decoded.appendix
            func text(_ range: ByteRange) -> String { F.hex(bytes[range.range]) }
            events += decoded.events.map { event in
                [
                    "\(event.id.map(\.description) ?? "-") \(event.shape) \(event.hasLineBreaks) \(event.hasOtherMembers)",
                    "\(event.sender.map { "\($0)" } ?? "-")", text(event.body), text(event.module),
                    text(event.command), text(event.params), text(event.extra),
                ]
            }
            malformed += decoded.malformed.map { "\($0.id.map(\.description) ?? "-") \(text($0.range))" }
            let parts = [
                decoded.junkBytes, decoded.truncatedBytes, decoded.unknownBytes, decoded.damage?.undecodedBytes ?? 0,
            ]
            left = zip(left, parts).map(+)
        }
    }

    private static func whole(
        _ unit: [UInt8], _ kind: FrameKind, _ mode: PayloadMode, isTruncated: Bool
    ) -> Found {
        var found = Found()
        found.add(Decoded(unit, mode: mode, kind: kind, isTruncated: isTruncated).unit, unit)
        return found
    }

    /// - Returns: also how many bytes were done with before the end was there.
    private static func inPieces(
        _ unit: [UInt8], _ kind: FrameKind, _ mode: PayloadMode, isTruncated: Bool, _ random: inout SeededRandom
    ) -> (found: Found, early: Int) {
        let decoder = UnitDecoder(mode: mode)
        var found = Found()
        var place = UnitPlace.beginning
        var (begin, end) = (0, min(unit.count, 16))
        while end < unit.count {
            end = min(unit.count, end + random.below(200))
            var decoded = DecodedUnit()
            let bytes = Array(unit[begin..<end])
            let count = bytes.withUnsafeBytes { decoder.decodeFront($0, kind: kind, from: &place, into: &decoded) }
            #expect((0...bytes.count).contains(count))
            if count > 0 { found.add(decoded, bytes) }
            begin += count
        }
        var decoded = DecodedUnit()
        let rest = Array(unit[begin...])
        rest.withUnsafeBytes {
            decoder.decode($0, kind: kind, isTruncated: isTruncated, from: place, into: &decoded)
        }
        found.add(decoded, rest)
        return (found, begin)
    }

    @Test(
        "Envelopes, sound and spoiled, are the same as from the whole unit", arguments: 1...6 as ClosedRange<UInt64>)
    func envelopes(seed: UInt64) {
        var generator = UnitGenerator(seed: seed)
        for _ in 0..<400 {
            var unit = generator.unit(of: 1 + generator.random.below(12))
            if generator.random.below(2) == 0 { unit = generator.spoil(unit) }
            let isTruncated = generator.random.below(3) == 0
            let kind = generator.random.pick([FrameKind.longPoll, .text])
            let (found, _) = Self.inPieces(unit, kind, .text, isTruncated: isTruncated, &generator.random)
            #expect(found == Self.whole(unit, kind, .text, isTruncated: isTruncated), "\(kind) \(F.hex(unit))")
        }
    }

    @Test("So are the messages of batches, in one response or several", arguments: 1...6 as ClosedRange<UInt64>)
    func batches(seed: UInt64) {
        var generator = UnitGenerator(seed: seed)
        for _ in 0..<400 {
            var unit = Self.batch(&generator.random)
            if generator.random.below(2) == 0 { unit = generator.spoil(unit) }
            let isTruncated = generator.random.below(3) == 0
            let kind = generator.random.pick([FrameKind.longPoll, .binary])
            let (found, _) = Self.inPieces(unit, kind, .binary, isTruncated: isTruncated, &generator.random)
            #expect(found == Self.whole(unit, kind, .binary, isTruncated: isTruncated), "\(kind) \(F.hex(unit))")
        }
    }

    private static func batch(_ random: inout SeededRandom) -> [UInt8] {
        var batch = ProtobufWriter()
        for _ in 0...random.below(3) {
            var response = ProtobufWriter()
            for _ in 0...random.below(2) {
                var messages = ProtobufWriter()
                for _ in 0..<random.below(8) {
                    var message = ProtobufWriter()
                    message.bytes(1, [0x17, 0, 0, 0, 0] + (0..<8).map { _ in UInt8(random.below(10)) })
                    message.bytes(2, Array(random.pick(UnitGenerator.bodies).utf8))
                    message.fixed32(4, 1_700_000_000)
                    messages.bytes(1, message.bytes)
                    if random.below(6) == 0 { messages.varint(9, 300) }
                }
                response.bytes(1, messages.bytes)
                if random.below(6) == 0 { response.varint(9, 300) }
            }
            batch.bytes(1, response.bytes)
            if random.below(6) == 0 { batch.varint(9, 300) }
        }
        return batch.bytes
    }

    @Test(
        "What is whole is not kept waiting",
        arguments: [
            (PayloadMode.text, FrameKind.longPoll), (.binary, .longPoll), (.text, .text), (.binary, .binary),
        ])
    func early(mode: PayloadMode, kind: FrameKind) {
        var messages = ProtobufWriter()
        var text = ""
        for number in 0..<100 {
            let id = "1700000000" + String(1_000_000_000_000_000 + number)
            text += F.envelope(id, #"{"command":"c","module_id":"m"}"#)
            var message = ProtobufWriter()
            message.bytes(1, F.bytes(hex: id))
            message.bytes(2, Array(#"{"command":"c"}"#.utf8))
            messages.bytes(1, message.bytes)
        }
        var (response, batch) = (ProtobufWriter(), ProtobufWriter())
        response.bytes(1, messages.bytes)
        batch.bytes(1, response.bytes)
        let unit = mode == .text ? Array(text.utf8) : batch.bytes
        var random = SeededRandom(seed: 5)
        let (found, early) = Self.inPieces(unit, kind, mode, isTruncated: false, &random)
        #expect(found.events.count == 100)
        #expect(early > unit.count - 250)
    }

    @Test("Forms that have to be there as a whole are left alone")
    func others() {
        let array = #"[{"mid":"17000000000000000000000041","text":1},{"mid":"17000000000000000000000042","text":2}]"#
        for unit in [array, "<html>" + array, " ping ", "\n" + array, "xx" + F.envelope(F.a, "1")] {
            var place = UnitPlace.beginning
            var decoded = DecodedUnit()
            let count = Array(unit.utf8).withUnsafeBytes {
                UnitDecoder(mode: .binary).decodeFront($0, kind: .longPoll, from: &place, into: &decoded)
            }
            #expect(count == 0 && place == .beginning && decoded.events.isEmpty, "\(unit)")
        }
    }
}

import Events
import JSONText
import PullProtocol
import TestRandom
import Testing

private typealias F = MessageFixtures

@Suite("No unit traps the decoder, and what it says of a unit is true")
struct DecoderRobustnessTests {
    @Test("Spoiled units of every form, in every mode", arguments: [11, 12, 13] as [UInt64])
    func spoiled(seed: UInt64) {
        var generator = UnitGenerator(seed: seed)
        let units =
            EnvelopeVector.all.map { Array($0.input.utf8) }
            + ProtobufVector.all.filter { $0.frame.count < 1000 }.map { F.bytes(hex: $0.frame) }
            + [
                #"[{"mid":"17000000000000000000000041","text":1},5,{"mid":"17000000000000000000000042","text":{"command":"c"}}]"#,
                #"{"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"17000000000000000000000041","body":{"module_id":"m","command":"c","params":{"a":1}},"user_params":{"b":2},"sender":{"type":1,"id":"00"}},"id":7}"#,
            ].map { Array($0.utf8) }
        for _ in 0..<3_000 {
            let unit = generator.spoil(generator.random.pick(units))
            let decoded = Decoded(
                unit, mode: generator.random.pick([.text, .binary, .jsonRPC]),
                kind: generator.random.pick([.text, .binary, .longPoll]),
                isTruncated: generator.random.below(4) == 0, baseOffset: generator.random.pick([0, 0, 7, 1000]))
            #expect(Self.isTrue(decoded, of: unit), "\(F.hex(unit))")
        }
    }

    @Test("Random bytes")
    func random() {
        var random = SeededRandom(seed: 99)
        for _ in 0..<3_000 {
            let unit = (0..<random.below(60)).map { _ in
                random.below(2) == 0
                    ? random.pick([0x0A, 0x12, 0x08, 0x01, 0x7B, 0x7D, 0x5B, 0x22, 0x80, 0xFF])
                    : UInt8(truncatingIfNeeded: random.next())
            }
            for kind in [FrameKind.text, .binary, .longPoll] {
                #expect(Self.isTrue(Decoded(unit, mode: .jsonRPC, kind: kind), of: unit), "\(F.hex(unit))")
            }
        }
    }

    @Test("Units and offsets beyond the bounds are refused, not decoded")
    func bounds() {
        let unit = Array(F.envelope(F.a, "1").utf8)
        for offset in [-1, 1 << 31 + 1, Int.max] {
            var decoded = DecodedUnit()
            unit.withUnsafeBytes {
                UnitDecoder(mode: .text).decode($0, baseOffset: offset, kind: .text, into: &decoded)
            }
            #expect(decoded.kind == .unknown)
            #expect(decoded.unknownBytes == unit.count)
        }
        #expect(Decoded([], kind: .binary).unit.kind == .protobuf)
        #expect(Decoded([], kind: .longPoll).unit.kind == .empty)
    }

    private static func isTrue(_ decoded: Decoded, of unit: [UInt8]) -> Bool {
        let base = decoded.bytes.count - unit.count - decoded.unit.appendix.count
        let own = base...base + unit.count
        for event in decoded.unit.events {
            let parts = [event.body, event.module, event.command, event.params, event.extra].filter { !$0.isEmpty }
            guard parts.allSatisfy({ $0.start < $0.end && Int($0.start) >= base && Int($0.end) <= decoded.bytes.count })
            else { return false }
            guard event.body.isEmpty || own.contains(Int(event.body.end)) else { return false }
            if event.shape != .raw, !isValue(decoded.bytes[event.body.range]) { return false }
            for value in [event.params, event.extra] where !value.isEmpty && !isValue(decoded.bytes[value.range]) {
                return false
            }
            let bounds = decoded.bytes[event.body.range]
            if event.shape != .raw, !event.hasLineBreaks, bounds.contains(0x0A) || bounds.contains(0x0D) {
                return false
            }
        }
        var end = base
        for piece in decoded.unit.malformed {
            guard Int(piece.range.start) >= end, own.contains(Int(piece.range.end)) else { return false }
            end = Int(piece.range.end)
        }
        let counted =
            decoded.unit.junkBytes + decoded.unit.truncatedBytes + decoded.unit.unknownBytes
            + (decoded.unit.damage?.undecodedBytes ?? 0) + decoded.unit.malformed.reduce(0) { $0 + $1.range.count }
        return counted >= 0 && counted <= unit.count
    }

    private static func isValue(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBytes {
            var scanner = JSONScanner($0)
            guard scanner.skipValue() else { return false }
            scanner.skipWhitespace()
            return scanner.isAtEnd
        }
    }
}

import Events
import PullProtocol
import Testing

private typealias F = MessageFixtures

@Suite("Splitting, seen from outside")
struct SplitterPropertyTests {
    @Test(
        "Generated units, whole and spoiled, split as the plain rule says, and every byte is in one piece",
        arguments: [1, 2, 3, 4] as [UInt64])
    func reference(seed: UInt64) {
        var generator = UnitGenerator(seed: seed)
        for index in 0..<600 {
            let count = index % 50 == 0 ? 40 : 1 + index % 5
            let whole = generator.unit(of: count)
            let unit = index % 3 == 0 ? whole : generator.spoil(whole)
            let decoded = Decoded(unit)
            guard decoded.unit.kind == .envelopes else { continue }
            let first = Self.beginning(unit)
            let pieces = ReferenceSplitter.pieces(of: unit, from: first)
            #expect(Self.isGapless(pieces, from: first, to: unit.count))
            Self.compare(decoded, pieces, unit)
        }
    }

    private static func compare(_ decoded: Decoded, _ pieces: [ReferenceSplitter.Piece], _ unit: [UInt8]) {
        var messages: [Range<Int>] = []
        var malformed: [Range<Int>] = []
        var junk = 0
        for piece in pieces {
            switch piece {
            case .message(let range): messages.append(range)
            case .malformed(let range): malformed.append(range)
            case .junk(let range): junk += range.count
            case .blank: break
            }
        }
        let shown = String(decoding: unit, as: UTF8.self).debugDescription
        #expect(decoded.unit.malformed.map { $0.range.range } == malformed, "\(shown)")
        #expect(decoded.unit.junkBytes == junk, "\(shown)")
        let raw = Set(decoded.unit.malformed.compactMap(\.event))
        let bodies = decoded.unit.events.enumerated().filter { !raw.contains($0.offset) }.map(\.element.body)
        #expect(bodies.count == messages.count, "\(shown)")
        for (body, message) in zip(bodies, messages) where !body.isEmpty {
            #expect(message.contains(body.range.lowerBound) && body.range.upperBound < message.upperBound, "\(shown)")
        }
    }

    private static func isGapless(_ pieces: [ReferenceSplitter.Piece], from first: Int, to end: Int) -> Bool {
        var at = first
        for piece in pieces {
            switch piece {
            case .message(let range), .malformed(let range), .junk(let range), .blank(let range):
                if range.lowerBound != at || range.isEmpty { return false }
                at = range.upperBound
            }
        }
        return at == end
    }

    private static func beginning(_ unit: [UInt8]) -> Int {
        unit.firstIndex { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } ?? unit.count
    }

    @Test("Several units in one buffer decode as one unit of the same bytes")
    func units() {
        let bodies = [
            "1", #"{"command":"c","params":{"a":1}}"#, "message", #"{"command":"c","user_params":{"b":2}}"#, "[]",
        ]
        let texts = bodies.enumerated().map { F.envelope("170000000000000000000000\(40 + $0)", $1) }
        let buffer = Array(texts.joined().utf8)
        let whole = Decoded(buffer)
        var parts = DecodedUnit()
        parts.reset(appendixOffset: buffer.count)
        var offset = 0
        for text in texts {
            Array(text.utf8).withUnsafeBytes {
                UnitDecoder(mode: .text).decode($0, baseOffset: offset, kind: .text, into: &parts)
            }
            offset += text.utf8.count
        }
        #expect(parts.appendix == whole.unit.appendix)
        #expect(parts.malformed == whole.unit.malformed)
        #expect(
            parts.events.map { [$0.body, $0.params, $0.command] }
                == whole.unit.events.map { [$0.body, $0.params, $0.command] })
        #expect(whole.text(parts.events[3].params) == #"{"b":2}"#)
        parts.reset()
        #expect(
            parts.events.isEmpty && parts.malformed.isEmpty && parts.appendix.isEmpty && parts.appendixOffset == nil)
    }

    @Test("A byte order mark is passed")
    func byteOrderMark() {
        #expect(Decoded("\u{FEFF} " + F.envelope(F.a, "1")).pieces == ["msg(41, 1)"])
        #expect(Decoded("\u{FEFF}").unit.kind == .empty)
    }

    @Test("After 16 malformed pieces each further one ends at the next marker, and whole ones still count")
    func bound() {
        let open = ##"#!NGINXNMS!#{"text":""##
        let decoded = Decoded(
            String(repeating: open, count: 50_000) + F.envelope(F.a, ##""#!NGINXNMS!#""##) + F.envelope(F.b, "2"))
        #expect(decoded.unit.malformed.count == 50_002)
        #expect(decoded.unit.events.map { $0.id?.description } == [F.b])
        let few = Decoded(String(repeating: open, count: 15) + F.envelope(F.a, ##""#!NGINXNMS!#""##))
        #expect(few.unit.malformed.count == 15)
        #expect(few.unit.events.map { $0.id?.description } == [F.a])
    }
}

@Suite("A unit that was cut in transport")
struct TruncatedUnitTests {
    @Test("L10: 200 of 270 bytes give the whole envelope, and nothing for quarantine")
    func cutLongPoll() {
        let first = F.envelope(F.a, "1")
        let second = { (length: Int) in
            #"#!NGINXNMS!#{"mid":"\#(F.b)","text":"\#(String(repeating: "x", count: length))"}#!NGINXNME!#"#
        }
        let body = Array((first + second(270 - first.utf8.count - second(0).utf8.count)).utf8)
        #expect(body.count == 270)
        let cut = Array(body.prefix(200))
        let decoded = Decoded(cut, kind: .longPoll, isTruncated: true)
        #expect(decoded.pieces == ["msg(41, 1)"])
        #expect(decoded.unit.malformed.isEmpty)
        #expect(decoded.unit.truncatedBytes == 200 - first.utf8.count)
        #expect(Decoded(cut, kind: .longPoll).pieces == ["msg(41, 1)", "malformed(42)"])
    }

    @Test("Wherever envelopes are cut, whole ones are delivered and the rest is counted")
    func everyCut() {
        let envelopes = [F.envelope(F.a, "1"), F.envelope(F.b, #"{"command":"c"}"#), F.envelope(F.c, "[]")]
        let unit = Array(envelopes.joined().utf8)
        var ends: [Int] = []
        for envelope in envelopes { ends.append((ends.last ?? 0) + envelope.utf8.count) }
        for count in 1...unit.count {
            let decoded = Decoded(Array(unit.prefix(count)), kind: .longPoll, isTruncated: true)
            let whole = ends.filter { $0 <= count }
            #expect(decoded.unit.malformed.isEmpty && decoded.unit.junkBytes == 0)
            #expect(decoded.unit.events.count == whole.count)
            #expect(decoded.unit.truncatedBytes + decoded.unit.unknownBytes == count - (whole.last ?? 0))
        }
    }

    @Test("Wherever a batch is cut, whole messages are delivered and the rest is counted, truncated or damaged")
    func everyCutOfBatch() {
        let messages = (0..<4).map {
            OutgoingMessage(id: OutgoingMessage.packedID(F.a) ?? [], body: Array("\($0)".utf8))
        }
        let unit = ResponseBatch.encode([Array(messages[0...1]), Array(messages[2...3])])
        let ends = [0, 24, 44, 68, 88]
        #expect(ends.last == unit.count)
        for count in 2..<unit.count where count != 44 {
            let cut = Array(unit.prefix(count))
            let whole = ends.filter { $0 <= count }.count - 1
            let damaged = Decoded(cut, kind: .binary)
            #expect(damaged.unit.events.count == whole)
            #expect(damaged.unit.damage?.undecodedBytes == count - ends[whole])
            let truncated = Decoded(cut, mode: .binary, kind: .longPoll, isTruncated: true)
            #expect(truncated.unit.damage == nil || whole == 0)
            #expect(truncated.unit.events.count == whole)
            #expect(truncated.unit.truncatedBytes == count - ends[whole], "\(count)")
        }
    }

    @Test("Wherever an array is cut, whole elements are delivered")
    func everyCutOfArray() {
        let unit = Array(
            #"[{"mid":"17000000000000000000000041","text":1},{"mid":"17000000000000000000000042","text":2}]"#.utf8)
        for count in 60..<unit.count {
            let decoded = Decoded(Array(unit.prefix(count)), kind: .longPoll, isTruncated: true)
            #expect(decoded.unit.events.first?.id?.description == F.a)
            #expect(decoded.unit.malformed.isEmpty)
            #expect(decoded.unit.truncatedBytes <= count - 47)
        }
    }
}

import Events
import PullProtocol
import TestRandom
import Testing

private typealias F = MessageFixtures

@Suite("Fields of protobuf messages")
struct ProtobufFieldTests {
    @Test("P1: what the decoder does not hand on can be read field by field")
    func fields() {
        F.bytes(hex: String(ProtobufVector.p1.dropFirst(12))).withUnsafeBytes { message in
            var reader = ProtobufReader(message)
            var seen: [String] = []
            while let tag = reader.tag() {
                switch tag {
                case ProtobufTag.varint(3): seen.append("expiry \(reader.varint())")
                case ProtobufTag.fixed32(4): seen.append("created \(reader.fixed32())")
                case ProtobufTag.bytes(1): seen.append("id \(reader.lengthDelimited().map(\.count) ?? -1)")
                default:
                    reader.skip(tag)
                    seen.append("\(tag >> 3)")
                }
            }
            #expect(seen == ["id 13", "2", "expiry 86400", "created 1700000001"])
            #expect(!reader.isDamaged)
        }
    }

    @Test(
        "Varints of every length come back",
        arguments: (0...64).map { $0 == 64 ? UInt64.max : 1 << UInt64($0) } + [0, 127, 128, 300])
    func varints(value: UInt64) {
        var writer = ProtobufWriter()
        writer.varint(5, value)
        writer.bytes.withUnsafeBytes { bytes in
            var reader = ProtobufReader(bytes)
            let tag = reader.tag()
            #expect(tag == 40)
            let read = reader.varint()
            #expect(read == value)
            let end = reader.tag()
            #expect(end == nil && !reader.isDamaged)
        }
    }

    @Test(
        "What no decoder may accept",
        arguments: [
            "00", "02", "0b", "0c", "0e", "0f", "08", "0880", "08ffffffffffffffffffff01", "09010203", "0d0102", "0a",
            "0a01", "0a8080",
            "0affffffffffffffffff01", "8080808010", "ffffffffffffffffff01",
        ])
    func damage(hex: String) {
        F.bytes(hex: hex).withUnsafeBytes { bytes in
            var reader = ProtobufReader(bytes)
            while let tag = reader.tag() { reader.skip(tag) }
            #expect(reader.isDamaged)
            let rest = (reader.tag(), reader.varint(), reader.lengthDelimited(), reader.fixed32())
            #expect(rest.0 == nil && rest.1 == 0 && rest.2 == nil && rest.3 == 0)
        }
    }

    @Test("Unknown fields of every wire type are passed")
    func unknownFields() {
        F.bytes(hex: "78017901020304050607087a0361626378ffffffffffffffffff017d01020304").withUnsafeBytes { bytes in
            var reader = ProtobufReader(bytes)
            var count = 0
            while let tag = reader.tag() {
                reader.skip(tag)
                count += 1
            }
            #expect(count == 5)
            #expect(!reader.isDamaged)
        }
    }

    @Test("Packed ids are 26 hexadecimal digits; those with a letter are no positions")
    func packedIDs() {
        #expect(OutgoingMessage.packedID(F.a).map { F.hex($0) } == F.a)
        #expect(OutgoingMessage.packedID("17") == nil)
        #expect(OutgoingMessage.packedID(String(repeating: "g", count: 26)) == nil)
        for id in ["1700000000000000000000004f", "a7000000000000000000000042", "170000000000000000000000a2"] {
            let message = OutgoingMessage(id: OutgoingMessage.packedID(id) ?? [], body: [0x31])
            #expect(Decoded(ResponseBatch.encode([[message]]), kind: .binary).pieces == ["msg(-, 1)"])
        }
    }

    @Test("Generated batches come back message by message", arguments: [21, 22] as [UInt64])
    func generated(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<400 {
            let responses = (0..<random.below(4)).map { _ in
                (0..<random.below(5)).map { _ in Self.message(&random) }
            }
            let messages = responses.flatMap { $0 }
            let decoded = Decoded(ResponseBatch.encode(responses), kind: .binary)
            #expect(decoded.unit.damage == nil)
            #expect(decoded.unit.events.map { Array(decoded.bytes[$0.body.range]) } == messages.map(\.body))
            #expect(
                decoded.unit.events.map { $0.id?.description }
                    == messages.map { $0.id.count == 13 ? F.hex($0.id) : nil })
            #expect(
                decoded.unit.events.map { $0.sender?.kind.rawValue } == messages.map { $0.senderType.map { UInt8($0) } }
            )
            #expect(
                decoded.unit.events.map { $0.sender?.id != nil }
                    == messages.map { $0.senderType != nil && $0.senderID.count == 16 })
        }
    }

    private static func message(_ random: inout SeededRandom) -> OutgoingMessage {
        let bodies = UnitGenerator.bodies.map { Array($0.utf8) } + [[0xFF, 0x00], Array(repeating: 0x20, count: 200)]
        let digits =
            String(1_000_000_000_000 + random.below(1 << 40)) + String(1_000_000_000_000 + random.below(1 << 40))
        return OutgoingMessage(
            id: random.pick([OutgoingMessage.packedID(digits) ?? [], [], [1, 2, 3]]), body: random.pick(bodies),
            expiry: random.pick([0, 60, .max]), created: random.pick([0, 1_700_000_001, .max]),
            senderType: random.pick([nil, 0, 1, 2]),
            senderID: random.pick([[], Array(repeating: 7, count: 16), [1]]))
    }
}

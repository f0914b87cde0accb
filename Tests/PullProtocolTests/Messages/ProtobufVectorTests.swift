import Events
import PullProtocol
import Testing

private typealias F = MessageFixtures

/// A frame in hexadecimal digits and what must come out of it.
struct ProtobufVector: Sendable, CustomTestStringConvertible {
    var name: String
    var frame: String
    var pieces: [String] = []
    /// Undecoded bytes; nil: no damage.
    var damage: Int?

    var testDescription: String { name }

    static let p1 = "0a250a230a210a0d1700000000000000000000004212077b2261223a317d1880a3052501f15365"
    static let p2 = "0a2d0a2b0a290a0d17000000000000000000000042120268692a1408011210ffeeddccbbaa99887766554433221100"

    static let all: [ProtobufVector] = [
        ProtobufVector(name: "P1", frame: p1, pieces: [#"msg(42, {"a":1})"#]),
        ProtobufVector(name: "P2", frame: p2, pieces: ["msg(42, hi)"]),
        ProtobufVector(
            name: "P3",
            frame:
                "0a160a140a120a0d170000000000000000000000421201310a160a140a120a0d17000000000000000000000041120132",
            pieces: ["msg(42, 1)", "msg(41, 2)"]),
        ProtobufVector(
            name: "P4",
            frame: "0a2a0a280a120a0d170000000000000000000000411201300a120a0d17000000000000000000000042120130",
            pieces: ["msg(41, 0)", "msg(42, 0)"]),
        ProtobufVector(name: "P5", frame: "0a1812160a140a10ffeeddccbbaa998877665544332211001801"),
        ProtobufVector(name: "P6", frame: "0a061a040a027b7d"),
        ProtobufVector(name: "P7", frame: ""),
        ProtobufVector(
            name: "P8", frame: "0a1e0a170a150a0d1700000000000000000000004212027b7d78014a03616263",
            pieces: ["msg(42, {})"]),
        ProtobufVector(name: "P9", frame: "0a200a1e0a1c0a0d1700000000000000000000004212027b7d1880a305", damage: 29),
        ProtobufVector(name: "P10", frame: p1 + "0a05", pieces: [#"msg(42, {"a":1})"#], damage: 2),
        ProtobufVector(name: "P11", frame: "0affffffffffffffffffff01", damage: 12),
        ProtobufVector(name: "P12 group", frame: "0b", damage: 1),
        ProtobufVector(name: "P12 length", frame: "0a05", damage: 2),
        ProtobufVector(name: "P12 inside", frame: "0a020a05", damage: 4),
        ProtobufVector(name: "P12 unknown varint", frame: "0801"),
        ProtobufVector(
            name: "P13",
            frame: "0ae0010add010ada010a0d1700000000000000000000004212c80122" + String(repeating: "78", count: 198)
                + "22",
            pieces: ["msg(42, \"" + String(repeating: "x", count: 198) + "\")"]),
        ProtobufVector(
            name: "P14",
            frame: "0abd9c010ab99c010ab59c010a0d1700000000000000000000004212a29c0122"
                + String(repeating: "78", count: 20_000)
                + "22", pieces: ["msg(42, \"" + String(repeating: "x", count: 20_000) + "\")"]),
        ProtobufVector(
            name: "P15", frame: "0a230a210a1f0a0d17000000000000000000000042120e7b2274223a22d096f09f9880227d",
            pieces: [#"msg(42, {"t":"Ж😀"})"#]),
        ProtobufVector(
            name: "P16", frame: p1.replacing("2501f15365", with: "25636ce5cf"), pieces: [#"msg(42, {"a":1})"#]),
        ProtobufVector(name: "P20", frame: "0a150a130a110a0c170000000000000000000000120130", pieces: ["msg(-, 0)"]),
    ]
}

@Suite("Units of protobuf")
struct ProtobufVectorTests {
    @Test("The vectors P1 to P20", arguments: ProtobufVector.all)
    func vector(vector: ProtobufVector) {
        let frame = F.bytes(hex: vector.frame)
        for kind in [FrameKind.binary, .longPoll] where kind == .binary || frame.first == 0x0A {
            let decoded = Decoded(frame, mode: .binary, kind: kind)
            #expect(decoded.pieces == vector.pieces)
            #expect(decoded.unit.events.map { decoded.text($0.body) }.count == vector.pieces.count)
            #expect(decoded.unit.damage?.undecodedBytes == vector.damage)
            #expect(decoded.unit.kind == .protobuf)
        }
    }

    @Test("P3: messages keep the order of arrival, not of their ids")
    func order() {
        #expect(
            Decoded(F.bytes(hex: ProtobufVector.all[2].frame), kind: .binary).unit.events.map { $0.id?.counter } == [
                42, 41,
            ])
    }

    @Test("P2, P15b: a sender's kind is unknown unless it says otherwise")
    func senders() {
        let id: (UInt64, UInt64) = (0xffee_ddcc_bbaa_9988, 0x7766_5544_3322_1100)
        let publicID = "1210ffeeddccbbaa99887766554433221100"
        let cases: [(String?, Sender?)] = [
            (nil, nil), ("0801" + publicID, Sender(kind: .client, id: id)), (publicID, Sender(kind: .unknown, id: id)),
            ("0802", Sender(kind: .backend)), ("0807", Sender(kind: .unknown)), ("", Sender(kind: .unknown)),
            ("08011202ffee", Sender(kind: .client)), ("08810201", nil),
        ]
        for (content, expected) in cases {
            var batch = ProtobufWriter()
            batch.message(1) {
                $0.message(1) {
                    $0.message(1) { message in
                        message.bytes(2, Array("1".utf8))
                        if let content { message.bytes(5, F.bytes(hex: content)) }
                    }
                }
            }
            let events = Decoded(batch.bytes, kind: .binary).unit.events
            let isDamaged = content == "08810201"
            #expect(events.map(\.sender) == (isDamaged ? [] : [expected]), "\(content ?? "none")")
        }
    }

    @Test("P13, P14: the frames are those of the vectors")
    func longFrames() {
        let sums = [
            "P13": (227, "8690a8ca9019cc1c18c41db1368d7f3d7669c73b"),
            "P14": (20_033, "559146ffd5553b4a8ab8b67323a4d734d8f63998"),
        ]
        for vector in ProtobufVector.all {
            guard let (length, sum) = sums[vector.name] else { continue }
            let count = vector.name == "P13" ? 198 : 20_000
            let body = [0x22] + [UInt8](repeating: 0x78, count: count) + [0x22]
            let encoded = ResponseBatch.encode([[OutgoingMessage(id: OutgoingMessage.packedID(F.b) ?? [], body: body)]])
            #expect(encoded == F.bytes(hex: vector.frame))
            #expect(encoded.count == length)
            #expect(F.sha1(encoded) == sum)
        }
    }

    @Test("P1, P2, P3: a server's encoder writes the vectors")
    func encoder() {
        let b = OutgoingMessage.packedID(F.b) ?? []
        let a = OutgoingMessage.packedID(F.a) ?? []
        let p1 = OutgoingMessage(id: b, body: Array(#"{"a":1}"#.utf8), expiry: 86_400, created: 1_700_000_001)
        #expect(F.hex(ResponseBatch.encode([[p1]])) == ProtobufVector.p1)
        let p2 = OutgoingMessage(
            id: b, body: Array("hi".utf8), senderType: 1, senderID: F.bytes(hex: "ffeeddccbbaa99887766554433221100"))
        #expect(F.hex(ResponseBatch.encode([[p2]])) == ProtobufVector.p2)
        let p3 = [[OutgoingMessage(id: b, body: [0x31])], [OutgoingMessage(id: a, body: [0x32])]]
        #expect(F.hex(ResponseBatch.encode(p3)) == ProtobufVector.all[2].frame)
    }

    @Test("P17: an envelope and a protobuf message of the same publication give the same event")
    func textEquivalent() {
        let binary = Decoded(F.bytes(hex: ProtobufVector.p1), kind: .binary)
        let text = Decoded(F.envelope(F.b, #"{"a":1}"#))
        #expect(binary.pieces == text.pieces)
        #expect(binary.unit.events.map(\.shape) == text.unit.events.map(\.shape))
    }

    @Test("P18: publishing")
    func publish() {
        let body = #"{"module_id":"application","command":"t","params":{},"extra":{}}"#
        #expect(
            F.hex(RequestBatch.publish(Array(body.utf8), to: [Self.receiver], expiry: 60))
                == "0a720a700a6e0a280a10ffeeddccbbaa998877665544332211001a14dad6e6f9ec1789999926454d3ee6fc6851f5fc381a40"
                + "7b226d6f64756c655f6964223a226170706c69636174696f6e222c22636f6d6d616e64223a2274222c22706172616d73223a7b7d"
                + "2c226578747261223a7b7d7d203c")
    }

    @Test("P19: asking for statistics")
    func statistics() {
        #expect(
            F.hex(RequestBatch.channelStatistics([Self.receiver]))
                == "0a2c122a0a280a10ffeeddccbbaa998877665544332211001a14dad6e6f9ec1789999926454d3ee6fc6851f5fc38")
    }

    @Test("Of a response that says two things the last counts")
    func oneof() {
        let message = "0a140a120a0d17000000000000000000000042120131"
        #expect(Decoded(F.bytes(hex: "0a18" + message + "1200"), kind: .binary).pieces == [])
        #expect(Decoded(F.bytes(hex: "0a18" + "1200" + message), kind: .binary).pieces == ["msg(42, 1)"])
    }

    @Test("A binary body of a long poll is told from text that begins with a line feed")
    func longPoll() {
        let p1 = F.bytes(hex: ProtobufVector.p1)
        #expect(Decoded(p1, mode: .text, kind: .longPoll).unit.kind == .protobuf)
        #expect(Decoded("\n" + F.envelope(F.a, "1"), mode: .binary, kind: .longPoll).pieces == ["msg(41, 1)"])
        #expect(Decoded("\n[{\"mid\":\"\(F.a)\",\"text\":1}]", mode: .binary, kind: .longPoll).pieces == ["msg(41, 1)"])
        #expect(Decoded("\n \n", mode: .binary, kind: .longPoll).unit.kind == .empty)
        #expect(Decoded("\n<html>", mode: .binary, kind: .longPoll).unit.damage?.undecodedBytes == 7)
        #expect(Decoded("\n<html>", mode: .text, kind: .longPoll).unit.kind == .unknown)
    }

    private static let receiver = ChannelAddress(
        id: F.bytes(hex: "ffeeddccbbaa99887766554433221100"),
        signature: F.bytes(hex: "dad6e6f9ec1789999926454d3ee6fc6851f5fc38"))
}

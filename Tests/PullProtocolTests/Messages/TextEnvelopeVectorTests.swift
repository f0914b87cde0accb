import PullProtocol
import Testing

private typealias F = MessageFixtures

/// One input and what must come out of it.
struct EnvelopeVector: Sendable, CustomTestStringConvertible {
    var name: String
    var input: String
    var length: Int
    /// First ten digits.
    var sha1: String
    var pieces: [String]
    var kind = UnitKind.envelopes
    var junk = 0

    var testDescription: String { name }

    static let all: [EnvelopeVector] = [
        EnvelopeVector(
            name: "E1", input: F.envelope(F.a, #"{"module_id":"m","command":"c","params":{},"extra":{}}"#), length: 195,
            sha1: "a6dbc406b1", pieces: [#"msg(41, {"module_id":"m","command":"c","params":{},"extra":{}})"#]),
        EnvelopeVector(
            name: "E2", input: F.envelope(F.a, "1") + F.envelope(F.b, #""s""#) + F.envelope(F.c, "[]"), length: 429,
            sha1: "e1b59dd89d", pieces: ["msg(41, 1)", #"msg(42, "s")"#, "msg(43, [])"]),
        EnvelopeVector(
            name: "E3", input: "\n" + F.envelope(F.a, "null") + "\r\n" + F.envelope(F.b, "true") + "\n", length: 294,
            sha1: "dba13ff873", pieces: ["msg(41, null)", "msg(42, true)"]),
        EnvelopeVector(
            name: "E4", input: F.envelope(F.a, ##"{"s":"#!NGINXNME!##!NGINXNMS!#"}"##) + F.envelope(F.b, "2"),
            length: 315,
            sha1: "115c2ecbdb", pieces: [##"msg(41, {"s":"#!NGINXNME!##!NGINXNMS!#"})"##, "msg(42, 2)"]),
        EnvelopeVector(
            name: "E5", input: F.envelope(F.a, ##"{"s":"a\"}#!NGINXNME!#\\"}"##) + F.envelope(F.b, "2"), length: 309,
            sha1: "0967b1eab5", pieces: [##"msg(41, {"s":"a\"}#!NGINXNME!#\\"})"##, "msg(42, 2)"]),
        EnvelopeVector(
            name: "E6", input: F.envelope(F.a, "message") + F.envelope(F.b, "2"), length: 290, sha1: "410c1b55fa",
            pieces: ["malformed(41, message)", "msg(42, 2)"]),
        EnvelopeVector(
            name: "E7", input: F.envelope(F.a, #"he said "hi"#) + F.envelope(F.b, "2"), length: 294, sha1: "50596f969c",
            pieces: [#"malformed(41, he said "hi)"#, "msg(42, 2)"]),
        EnvelopeVector(
            name: "E8", input: F.envelope(F.a, "1") + String(F.envelope(F.b, #"{"a":1}"#).dropLast(20)), length: 270,
            sha1: "4d00c324a6", pieces: ["msg(41, 1)", "malformed(42)"]),
        EnvelopeVector(name: "E9", input: "", length: 0, sha1: "da39a3ee5e", pieces: [], kind: .empty),
        EnvelopeVector(name: "E10", input: " \r\n", length: 3, sha1: "cbb8391cb6", pieces: [], kind: .empty),
        EnvelopeVector(
            name: "E11", input: "<html>502</html>", length: 16, sha1: "50964c7652", pieces: [], kind: .unknown),
        EnvelopeVector(
            name: "E12",
            input: F.envelope(F.a, ##"1}#!NGINXNME!##!NGINXNMS!#{"mid":"99999999999999999999999999","text":2"##),
            length: 211, sha1: "d599d5b3b4", pieces: ["msg(41, 1)", "msg(99999999999999999999999999, 2)"]),
        EnvelopeVector(
            name: "E13",
            input: "#!NGINXNMS!#{\n      "
                + #""id":5,"tag":"1","time":"Tue, 14 Nov 2023 22:13:21 GMT","text":{"a":1}}#!NGINXNME!#"#,
            length: 103, sha1: "f23bf1919d", pieces: [#"msg(-, {"a":1})"#]),
        EnvelopeVector(
            name: "E14", input: F.envelope(F.a, "1") + "xx" + F.envelope(F.b, "2"), length: 286, sha1: "3e692d82a4",
            pieces: ["msg(41, 1)", "msg(42, 2)"], junk: 2),
        EnvelopeVector(
            name: "E15", input: F.envelope(F.a, "") + F.envelope(F.b, "2"), length: 283, sha1: "3073ff41dc",
            pieces: ["malformed(41, )", "msg(42, 2)"]),
        EnvelopeVector(
            name: "E16", input: F.envelope(F.a, "{\"a\":\n1}"), length: 149, sha1: "77f7b785d3",
            pieces: ["msg(41, {\"a\":\n1})"]),
        EnvelopeVector(
            name: "E17", input: F.envelope(F.a, "\"a\nb\"") + F.envelope(F.b, "2"), length: 288, sha1: "237457510e",
            pieces: ["malformed(41, \"a\nb\")", "msg(42, 2)"]),
        EnvelopeVector(
            name: "E18", input: "#!NGINXNMS!#[1]#!NGINXNME!#" + F.envelope(F.b, "2"), length: 169, sha1: "8b234d54b9",
            pieces: ["malformed(-)", "msg(42, 2)"]),
        EnvelopeVector(
            name: "E19", input: F.envelope(F.a, #"{"s":"\ud83d"}"#), length: 155, sha1: "1921eb37a7",
            pieces: [#"msg(41, {"s":"\ud83d"})"#]),
        EnvelopeVector(
            name: "E20",
            input: ##"#!NGINXNMS!#{"mid":"17000000000000000000000041","text":{"command":"c"},"##
                + ##""extra":{"sender":{"type":2}}}#!NGINXNME!#"##,
            length: 113, sha1: "5808ab1a16", pieces: [#"msg(41, {"command":"c"})"#]),
        EnvelopeVector(
            name: "E21", input: "#!NGINXNMS!#", length: 12, sha1: "b1d16bcd8f", pieces: ["malformed(-)"]),
        EnvelopeVector(
            name: "E22", input: F.envelope(F.a, #"{"a":1"#) + F.envelope(F.b, "2"), length: 289, sha1: "54ad65d311",
            pieces: [#"malformed(41, {"a":1)"#, "msg(42, 2)"]),
        EnvelopeVector(
            name: "E23", input: F.envelope(F.a, "1}") + F.envelope(F.b, "2"), length: 285, sha1: "5754d261b7",
            pieces: ["malformed(41, 1})", "msg(42, 2)"]),
        EnvelopeVector(
            name: "E24", input: F.envelope(F.a, "x") + "zz" + F.envelope(F.b, "2"), length: 286, sha1: "51322d7e51",
            pieces: ["malformed(41)", "msg(42, 2)"]),
    ]
}

@Suite("Units of text envelopes are split by structure, not by their markers alone")
struct TextEnvelopeVectorTests {
    @Test("The vectors E1 to E24", arguments: EnvelopeVector.all)
    func vector(vector: EnvelopeVector) {
        let input = Array(vector.input.utf8)
        #expect(input.count == vector.length)
        #expect(F.sha1(input).prefix(10) == vector.sha1)
        for kind in [FrameKind.text, .longPoll] {
            for mode in [PayloadMode.text, .binary] {
                let decoded = Decoded(input, mode: mode, kind: kind)
                #expect(decoded.pieces == vector.pieces)
                #expect(decoded.unit.kind == vector.kind)
                #expect(decoded.unit.junkBytes == vector.junk)
                #expect(decoded.unit.unknownBytes == (vector.kind == .unknown ? vector.length : 0))
                #expect(decoded.unit.damage == nil)
            }
        }
    }

    @Test("E6, E15: a body that is no JSON is also delivered, raw, in its place")
    func rawBodies() {
        let decoded = Decoded(F.envelope(F.a, "message") + F.envelope(F.b, "") + F.envelope(F.c, "3"))
        #expect(decoded.unit.events.map { decoded.text($0.body) } == ["message", "", "3"])
        #expect(decoded.unit.events.map(\.shape) == [.raw, .raw, .json])
        #expect(decoded.unit.events.map { $0.id?.description } == [F.a, F.b, F.c])
        #expect(decoded.unit.malformed.map(\.event) == [0, 1])
    }

    @Test("E12: a forged message is known by the first ten digits of its id")
    func forged() {
        let ids = Decoded(EnvelopeVector.all[11].input).unit.events.map { $0.id?.generation }
        #expect(ids == [1_700_000_000, 9_999_999_999])
    }

    @Test("E13: without an id, the old servers' position is kept")
    func legacyPosition() {
        let decoded = Decoded(F.envelope(F.a, "1") + EnvelopeVector.all[12].input)
        #expect(
            decoded.unit.legacyPositions == [
                LegacyPosition(event: 1, tag: "1", time: "Tue, 14 Nov 2023 22:13:21 GMT", channel: "", id: "5")
            ])
    }

    @Test("E16: line breaks between a body's tokens are told, others not")
    func lineBreaks() {
        #expect(Decoded(F.envelope(F.a, "{\"a\":\n1}")).unit.events.map(\.hasLineBreaks) == [true])
        #expect(Decoded(F.envelope(F.a, #"{"a":"\n"}"#)).unit.events.map(\.hasLineBreaks) == [false])
        #expect(
            Decoded("#!NGINXNMS!#{\n\"text\":\r\n{\"command\":\"c\"}\n}\n#!NGINXNME!#").unit.events.map(\.hasLineBreaks)
                == [false])
    }

    @Test("E20: the envelope's own extra counts where the body has none")
    func siblingExtra() {
        let outer = Decoded(EnvelopeVector.all[19].input)
        #expect(outer.unit.events.map { outer.text($0.extra) } == [#"{"sender":{"type":2}}"#])
        #expect(outer.unit.events.map(\.sender) == [nil])
        let inner = Decoded(#"#!NGINXNMS!#{"extra":{"o":1},"text":{"command":"c","extra":{"i":1}}}#!NGINXNME!#"#)
        #expect(inner.unit.events.map { inner.text($0.extra) } == [#"{"i":1}"#])
    }

    @Test("Of several ids and texts in one envelope the first counts, since the server wrote it")
    func firstMemberCounts() {
        let forged = F.envelope(F.a, #"1,"mid":"99999999999999999999999999","text":2,"mid":null"#)
        #expect(Decoded(forged).pieces == ["msg(41, 1)"])
    }

    @Test(
        "Ids that are no positions are dropped, and their messages delivered",
        arguments: [
            "1700000000000000000000004f", "1700000000000000000000004", "170000000000000000000000411", "",
            " 1700000000000000000000041",
        ])
    func foreignIDs(id: String) {
        let decoded = Decoded(#"#!NGINXNMS!#{"mid":"\#(id)","text":1}#!NGINXNME!#"#)
        #expect(decoded.pieces == ["msg(-, 1)"])
        #expect(decoded.unit.legacyPositions.isEmpty)
    }

    @Test(
        "The extremes of an id survive",
        arguments: ["00000000000000000000000000", "99999999999999999999999999", "12345678909876543210123456"])
    func extremeIDs(id: String) {
        #expect(Decoded(F.envelope(id, "1")).unit.events.map { $0.id?.description } == [id])
    }

    @Test("An id behind the beginning of a body is not taken for the server's")
    func salvageStopsAtBody() {
        let piece = ##"#!NGINXNMS!#{"id":[,"text":{"mid":"17000000000000000000000041"}}#!NGINXNME!#"##
        #expect(Decoded(piece).pieces == ["malformed(-)"])
        #expect(
            Decoded(##"#!NGINXNMS!#{"mid":"17000000000000000000000041",,"text":1}#!NGINXNME!#"##).pieces == [
                "malformed(41)"
            ])
    }

    @Test("An id that is longer than an id is not salvaged in part")
    func salvageIsWhole() {
        #expect(
            Decoded(##"#!NGINXNMS!#{"mid":"170000000000000000000000411",,"text":1}#!NGINXNME!#"##).pieces == [
                "malformed(-)"
            ])
    }

    @Test("Bodies that are not UTF-8, or deeper than any JSON, come raw")
    func rawBytes() {
        let head = Array(F.envelope(F.a, "\"").dropLast(13).utf8)
        let decoded = Decoded(head + [0xFF, 0xFE] + Array("\"}#!NGINXNME!#".utf8))
        #expect(decoded.unit.events.map(\.shape) == [.raw])
        #expect(decoded.unit.events.map { Array(decoded.bytes[$0.body.range]) } == [[0x22, 0xFF, 0xFE, 0x22]])
        let deep = String(repeating: "[", count: 20_000) + String(repeating: "]", count: 20_000)
        #expect(Decoded(F.envelope(F.a, deep) + F.envelope(F.b, "2")).unit.events.map(\.shape) == [.raw, .json])
    }
}

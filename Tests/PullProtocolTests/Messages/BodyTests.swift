import Events
import PullProtocol
import Testing

private typealias F = MessageFixtures

@Suite("A body is the same in every mode")
struct BodyTests {
    /// The body decoded from an envelope, from protobuf and from JSON.
    private static func everyWay(_ body: String) -> [(decoded: Decoded, event: Event)] {
        let message = OutgoingMessage(id: OutgoingMessage.packedID(F.a) ?? [], body: Array(body.utf8))
        let decoded = [
            Decoded(F.envelope(F.a, body)), Decoded(ResponseBatch.encode([[message]]), kind: .binary),
            Decoded(#"[{"mid":"\#(F.a)","text":\#(body)}]"#),
        ]
        return decoded.flatMap { one in one.unit.events.map { (one, $0) } }
    }

    @Test(
        "The usual object is one with a string command, and a string module if any",
        arguments: [
            (#"{"command":"c"}"#, BodyShape.object), (#"{"module_id":"m","command":""}"#, .object),
            (#"{ "command" : "c" }"#, .object),
            (#"{}"#, .json), (#"{"module_id":"m"}"#, .json), (#"{"command":1}"#, .json),
            (#"{"command":null,"module_id":"m"}"#, .json),
            (#"{"command":"c","module_id":1}"#, .json), (#"{"comm\u0061nd":"c"}"#, .json), ("[]", .json), ("1", .json),
            (#""s""#, .json),
            (#"{"params":{"command":"c"}}"#, .json), (#"{"command":"c","command":5}"#, .json),
        ])
    func shape(body: String, expected: BodyShape) {
        let all = Self.everyWay(body)
        #expect(all.count == 3)
        for (decoded, event) in all {
            #expect(event.shape == expected)
            #expect(decoded.text(event.body) == body)
            #expect(event.command.isEmpty || expected == .object)
            #expect(event.id?.description == F.a)
        }
    }

    @Test("Slices are the sender's own bytes")
    func slices() {
        let body = #"{"module_id":"m\/x","command":"c","params": {"a" : [1, "}"]} ,"extra":[],"more":1}"#
        for (decoded, event) in Self.everyWay(body) {
            #expect(decoded.text(event.module) == #"m\/x"#)
            #expect(decoded.text(event.command) == "c")
            #expect(decoded.text(event.params) == #"{"a" : [1, "}"]}"#)
            #expect(decoded.text(event.extra) == "[]")
            #expect(event.hasOtherMembers)
            #expect(!event.hasLineBreaks)
        }
    }

    @Test(
        "Members beside the known ones are told, and known ones given twice",
        arguments: [
            (#"{"command":"c","params":{"x":1},"extra":{},"module_id":"m"}"#, false),
            (#"{"command":"c","user_params":[],"dictionary":{}}"#, false),
            (#"{"command":"c","other":1}"#, true), (#"{"command":"c","extra":{},"extra":{}}"#, true),
            (#"{"command":"b","command":"c"}"#, true),
            (#"{"command":"c","Params":1}"#, true), (#"{"command":"c","par\u0061ms":1}"#, true),
        ])
    func otherMembers(body: String, expected: Bool) {
        for (_, event) in Self.everyWay(body) { #expect(event.hasOtherMembers == expected) }
    }

    @Test("Of a member given twice the last counts")
    func lastCounts() {
        for (decoded, event) in Self.everyWay(#"{"command":"b","params":1,"command":"c","params":2}"#) {
            #expect(decoded.text(event.command) == "c")
            #expect(decoded.text(event.params) == "2")
        }
    }

    @Test(
        "Parameters in three members become one object",
        arguments: [
            (
                #"{"command":"c","params":{"a":1,"b":1},"user_params":{"b":2,"c":2},"dictionary":{"c":3}}"#,
                #"{"a":1,"b":2,"c":3}"#, false
            ),
            (#"{"command":"c","params":[],"user_params":{"b": [2] }}"#, #"{"b":[2]}"#, false),
            (#"{"command":"c","dictionary":{"\"":1}}"#, #"{"\"":1}"#, false),
            (#"{"command":"c","params":{"a":1},"user_params":[ ]}"#, #"{"a":1}"#, false),
            (#"{"command":"c","params":"p","user_params":{"b":2}}"#, #""p""#, true),
            (#"{"command":"c","params":{"a":1},"dictionary":5}"#, #"{"a":1}"#, true),
        ])
    func merged(body: String, expected: String, isMore: Bool) {
        for (decoded, event) in Self.everyWay(body) {
            #expect(decoded.text(event.params) == expected)
            #expect(event.hasOtherMembers == isMore)
            #expect(decoded.text(event.body) == body)
        }
    }

    @Test("In protobuf, white space around a body belongs to it")
    func whitespaceAround() {
        let message = OutgoingMessage(id: [], body: Array("\n {\"command\":\"c\"}\t".utf8))
        let decoded = Decoded(ResponseBatch.encode([[message]]), kind: .binary)
        #expect(decoded.unit.events.map { decoded.text($0.body) } == ["\n {\"command\":\"c\"}\t"])
        #expect(decoded.unit.events.map(\.shape) == [.object])
        #expect(decoded.unit.events.map(\.hasLineBreaks) == [true])
    }

    @Test(
        "What follows a JSON value makes a protobuf body raw",
        arguments: ["{\"command\":\"c\"}x", "1 2", "", "{", "\u{FEFF}1"])
    func rawInProtobuf(body: String) {
        let decoded = Decoded(ResponseBatch.encode([[OutgoingMessage(id: [], body: Array(body.utf8))]]), kind: .binary)
        #expect(decoded.unit.events.map { decoded.text($0.body) } == [body])
        #expect(decoded.unit.events.map(\.shape) == [.raw])
        #expect(decoded.unit.events.map(\.command.isEmpty) == [true])
    }
}

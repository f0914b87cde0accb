import Events
import PullProtocol
import Testing

private typealias F = MessageFixtures

@Suite("Units without markers")
struct JSONFormTests {
    @Test(
        "J1 to J4: objects alone and in arrays",
        arguments: [
            (
                "J1",
                #"[{"id":41,"mid":"17000000000000000000000041","channel":"-","tag":"1","time":"Tue, 14 Nov 2023 22:13:21 GMT","text":{"command":"c"}}]"#,
                [#"msg(41, {"command":"c"})"#]
            ),
            ("J2", "[]", []), ("J2 with blanks", " [ ] \n", []),
            ("J3", #"{"mid":"17000000000000000000000041","text":1}"#, ["msg(41, 1)"]),
            (
                "J4",
                #"[{"mid":"17000000000000000000000041","text":1},5,{"mid":"17000000000000000000000042","text":2}]"#,
                ["msg(41, 1)", "malformed(-)", "msg(42, 2)"]
            ),
            (
                "an element that is no JSON",
                #"[{"mid":"17000000000000000000000041","text":x,"y"},{"mid":"17000000000000000000000042","text":2}]"#,
                [#"malformed(41, x,"y")"#, "msg(42, 2)"]
            ),
            (
                "an element with an open end",
                #"[{"mid":"17000000000000000000000042","text":2}, {"mid":"17000000000000000000000041","text":"x}]"#,
                ["msg(42, 2)", "malformed(41)"]
            ),
            ("text alone", #"{"text":message}"#, ["malformed(-, message)"]),
            (
                "quotes and brackets in a string of an element that is no JSON",
                #"[{"mid":"17000000000000000000000041","text":x,"y":"\"},]"},{"mid":"17000000000000000000000042","text":2}]"#,
                [#"malformed(41, x,"y":"\"},]")"#, "msg(42, 2)"]
            ),
        ] as [(String, String, [String])])
    func envelopes(name: String, input: String, expected: [String]) {
        for kind in [FrameKind.text, .longPoll] {
            let decoded = Decoded(input, kind: kind)
            #expect(decoded.pieces == expected)
            #expect(decoded.unit.kind == .json)
        }
    }

    @Test(
        "JSON of other kinds is unknown, and nothing of it counts",
        arguments: [
            "{}", "[5]", "[[]]", #"{"channels":[{"id":1}]}"#, #"[{"a":1},{"b":2}]"#, "{", "[", #"{"a":"#, "[x]", "[1,2",
            "nul", "5",
            ##"{"error":"#!NGINXNM"}"##,
        ])
    func otherJSON(input: String) {
        let decoded = Decoded(input)
        #expect(decoded.pieces.isEmpty)
        #expect(decoded.unit.kind == .unknown)
        #expect(decoded.unit.unknownBytes == input.utf8.count)
    }

    @Test("Brackets before markers are junk")
    func junkBeforeMarkers() {
        let decoded = Decoded("[{" + F.envelope(F.a, "1"))
        #expect(decoded.pieces == ["msg(41, 1)"])
        #expect(decoded.unit.kind == .envelopes)
        #expect(decoded.unit.junkBytes == 2)
    }

    @Test("J5: a ping of JSON-RPC is answered; K11: the same text on version 4 is unknown and not answered")
    func ping() {
        let expected = Decoded("ping", mode: .jsonRPC)
        #expect(expected.unit.kind == .ping)
        #expect(expected.unit.replies == ["pong"])
        for mode in [PayloadMode.text, .binary] {
            let unexpected = Decoded("ping", mode: mode)
            #expect(unexpected.unit.kind == .unknown)
            #expect(unexpected.unit.replies.isEmpty)
        }
        #expect(Decoded("pings", mode: .jsonRPC).unit.kind == .unknown)
    }

    @Test("J6: parameters are merged, and the acknowledgement waits")
    func incomingMessage() {
        let decoded = Decoded(
            #"{"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"17000000000000000000000041","body":{"module_id":"m","command":"c","params":{"a":1}},"user_params":{"b":2}},"id":7}"#,
            mode: .jsonRPC)
        #expect(decoded.unit.kind == .jsonRPC)
        #expect(decoded.pieces == [#"msg(41, {"module_id":"m","command":"c","params":{"a":1}})"#])
        #expect(decoded.unit.events.map { decoded.text($0.params) } == [#"{"a":1,"b":2}"#])
        #expect(decoded.unit.events.map { decoded.text($0.module) + "/" + decoded.text($0.command) } == ["m/c"])
        #expect(decoded.unit.events.map(\.hasOtherMembers) == [false])
        #expect(decoded.unit.acknowledgements == ["mack:17000000000000000000000041"])
        #expect(decoded.unit.replies.isEmpty)
    }

    @Test("J7: an unknown method is refused if the call has an id")
    func unknownMethod() {
        let called = Decoded(#"{"jsonrpc":"2.0","method":"nope","id":8}"#, mode: .jsonRPC)
        #expect(
            called.unit.replies == [#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":8}"#])
        #expect(Decoded(#"{"jsonrpc":"2.0","method":"nope"}"#, mode: .jsonRPC).unit.replies.isEmpty)
        #expect(Decoded(#"{"jsonrpc":"2.0","result":true,"id":8}"#, mode: .jsonRPC).unit.replies.isEmpty)
        #expect(
            Decoded(#"{"jsonrpc":"2.0","id":"x"}"#, mode: .jsonRPC).unit.replies.map { $0.contains("-32600") } == [true]
        )
        #expect(Decoded(#"{"jsonrpc":"2.0","method":"nope","id":{}}"#, mode: .jsonRPC).unit.replies.isEmpty)
    }

    @Test("Many false calls are not answered without end")
    func manyFalseCalls() {
        let calls = Array(repeating: #"{"jsonrpc":"2.0","method":"nope","id":8}"#, count: 1_000).joined(separator: ",")
        #expect(Decoded("[\(calls)]", mode: .jsonRPC).unit.replies.count == 64)
    }

    @Test("J8: calls come in arrays too")
    func batch() {
        let calls = [F.a, F.b].map {
            #"{"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"\#($0)","body":\#($0.suffix(2))}}"#
        }
        let decoded = Decoded("[" + calls.joined(separator: " , ") + "]", mode: .jsonRPC)
        #expect(decoded.pieces == ["msg(41, 41)", "msg(42, 42)"])
        #expect(decoded.unit.acknowledgements == ["mack:" + F.a, "mack:" + F.b])
    }

    @Test("A call without a body is malformed, and told so")
    func missingBody() {
        let decoded = Decoded(
            #"{"jsonrpc":"2.0","method":"incoming.message","params":{"mid":"17000000000000000000000041"},"id":"q"}"#,
            mode: .jsonRPC)
        #expect(decoded.pieces == ["malformed(41)"])
        #expect(decoded.unit.replies.map { $0.contains("-32602") && $0.contains(#""id":"q""#) } == [true])
        #expect(decoded.unit.acknowledgements.isEmpty)
    }

    @Test("A sender told in JSON is kept")
    func sender() {
        let decoded = Decoded(
            #"{"jsonrpc":"2.0","method":"incoming.message","params":{"body":{"command":"c"},"sender":{"type":1,"id":"ffeeddccbbaa99887766554433221100"}}}"#,
            mode: .jsonRPC)
        #expect(
            decoded.unit.events.map(\.sender) == [
                Sender(kind: .client, id: (0xffee_ddcc_bbaa_9988, 0x7766_5544_3322_1100))
            ])
        #expect(decoded.unit.acknowledgements.isEmpty)
    }
}

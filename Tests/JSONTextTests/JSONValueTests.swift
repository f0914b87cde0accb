import JSONText
import Testing

@Suite("Small documents become trees")
struct JSONValueTests {
    @Test("Members keep their order, and of two of a name the last counts")
    func members() {
        let value = JSONValue.parse(Array(#" {"b":1,"a":[true,null,"x"],"b":2.5} "#.utf8))
        #expect(value?["b"] == .number("2.5"))
        #expect(value?["a"]?.array == [.bool(true), .null, .string("x")])
        #expect(value?.object?.map(\.key) == ["b", "a", "b"])
        #expect(value?["c"] == nil)
    }

    @Test(
        "Escapes are resolved",
        arguments: [
            (#""\u0041\n\t\"\\\/\b\f\r""#, "A\n\t\"\\/\u{8}\u{C}\r"), (#""\ud83d\ude00""#, "😀"),
            (#""x\ud83dy""#, "x\u{FFFD}y"),
            (#""\ude00""#, "\u{FFFD}"), (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
            ("\"Жé\"", "Жé"),
        ])
    func escapes(text: String, expected: String) {
        #expect(JSONValue.parse(Array(text.utf8))?.string == expected)
    }

    @Test("What is too large, too deep or no JSON is refused")
    func bounds() {
        #expect(JSONValue.parse([]) == nil)
        #expect(JSONValue.parse(Array("[1,]".utf8)) == nil)
        #expect(JSONValue.parse(Array("[1]x".utf8)) == nil)
        #expect(JSONValue.parse(Array("[12345]".utf8), maximumSize: 6) == nil)
        let deep = { (levels: Int) in
            Array(repeating: UInt8(ascii: "["), count: levels) + Array(repeating: UInt8(ascii: "]"), count: levels)
        }
        #expect(JSONValue.parse(deep(512)) != nil)
        #expect(JSONValue.parse(deep(513)) == nil)
        #expect(JSONValue.parse([0xEF, 0xBB, 0xBF] + Array("1".utf8)) == .number("1"))
    }

    @Test(
        "Integers are taken from numbers and strings",
        arguments: [
            ("12", 12), (#""12""#, 12), ("-3", -3), ("1.9", 1), ("-1.9", -1), ("1e3", 1000),
            ("1700000000.5", 1_700_000_000),
            (#""""#, nil), (#""x""#, nil), (#""0x10""#, nil), (#""nan""#, nil), ("1e400", nil), ("1e30", nil),
            ("true", nil), ("null", nil),
            ("[]", nil),
        ] as [(String, Int?)])
    func lenientInt(text: String, expected: Int?) {
        #expect(JSONValue.parse(Array(text.utf8))?.lenientInt == expected)
    }

    @Test(
        "Truth is taken from all of PHP's ways to write it",
        arguments: [
            ("true", true), ("1", true), (#""1""#, true), (#""Y""#, true), (#""y""#, true), (#""true""#, true),
            ("false", false),
            ("0", false), (#""0""#, false), (#""N""#, false), (#""""#, false), ("null", false), (#""false""#, false),
            ("2", nil),
            (#""maybe""#, nil), ("[]", nil), ("{}", nil),
        ] as [(String, Bool?)])
    func lenientBool(text: String, expected: Bool?) {
        #expect(JSONValue.parse(Array(text.utf8))?.lenientBool == expected)
    }

    @Test("Written and read again, a tree is the same")
    func roundTrip() {
        var generator = DocumentGenerator(seed: 77)
        for _ in 0..<2_000 {
            let document = generator.document()
            let value = JSONValue.parse(document)
            #expect(value != nil)
            #expect(value.flatMap { JSONValue.parse($0.serialized()) } == value)
        }
        #expect(
            JSONValue.object([("a\"", .array([.number("1"), .bool(false), .null])), ("", .string("\n"))]).serialized()
                == Array(#"{"a\"":[1,false,null],"":"\n"}"#.utf8))
    }
}

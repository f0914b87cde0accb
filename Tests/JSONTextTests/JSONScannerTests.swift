import JSONText
import Testing

@Suite("The scanner takes RFC 8259 to the letter")
struct JSONScannerTests {
    @Test(
        "Legal documents",
        arguments: [
            "0", "-0", "10", "1.0", "1e5", "1E-5", "1.25e+5", "123456789012345678901234567890", "true", "false", "null",
            #""""#, #""a""#, #""\"\\\/\b\f\n\r\t\u00Ff""#, "[]", "{}", " [ ] ", "\r\n{\t}\n", "[1,2]",
            #"{"a":{"b":[{}]}}"#,
            #"{"a":1,"a":2}"#, #""\ud83d""#, "\"\u{7F}\"", "\"Ж😀é€\"", "\"ЖЖЖЖЖЖЖЖЖЖЖЖ\"", #""1234567\"""#,
            #""12345678\"""#,
        ])
    func legal(text: String) {
        #expect(isJSON(Array(text.utf8)))
    }

    @Test(
        "Illegal documents",
        arguments: [
            "", " ", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x1", "NaN", "Infinity", "tru", "truE", "nul", "fals",
            "falsy",
            "True", "\"", "\"a", #""\x""#, #""\u12g4""#, #""\u12"#, #""\"#, "\"a\nb\"", "\"\u{0}\"", "\"\u{1F}\"", "[",
            "]", "{",
            "[1", "[1,]", "[,1]", "[1 2]", "[1}", "{]", #"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, "{a:1}", "{1:1}",
            #"{"a" 1}"#,
            #"{"a":1 "b":2}"#, "1 2", "'a'", "/* */1", "\u{FEFF}1", "\u{A0}1", "[\u{B}]",
        ])
    func illegal(text: String) {
        #expect(!isJSON(Array(text.utf8)))
    }

    @Test(
        "Ill-formed UTF-8 in a string is refused wherever it stands",
        arguments: [
            [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xE0, 0x80, 0x80], [0xE0, 0x9F, 0xBF],
            [0xE2, 0x82],
            [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x80, 0x80, 0x80], [0xF0, 0x9F, 0x98],
            [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80], [0xFF],
        ] as [[UInt8]])
    func illFormedUTF8(sequence: [UInt8]) {
        for before in 0..<20 {
            for after in [0, 1, 7, 8, 20] {
                let filler = Array(repeating: UInt8(ascii: "x"), count: before)
                let tail = Array(repeating: UInt8(ascii: "y"), count: after)
                #expect(!isJSON([0x22] + filler + sequence + tail + [0x22]))
            }
            let pairs = Array(String(repeating: "Ж", count: before).utf8)
            #expect(!isJSON([0x22] + pairs + sequence + pairs + [0x22]))
        }
    }

    @Test("Every byte has its place in a string, at every distance from a word's end")
    func bytesInStrings() {
        for byte in UInt8.min...UInt8.max {
            for before in 0..<18 {
                let content = Array(repeating: UInt8(ascii: "x"), count: before) + [byte] + Array("yyyyyyyyyyyy".utf8)
                let isPlain = byte >= 0x20 && byte < 0x80 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
                #expect(isJSON([0x22] + content + [0x22]) == isPlain, "byte \(byte) at \(before)")
            }
        }
    }

    @Test(
        "Nesting is as deep as allowed and no deeper, across every multiple of the register",
        arguments: [1, 63, 64, 65, 128, 129, 10_000])
    func depth(levels: Int) {
        let kinds = (0..<levels).map { $0 % 3 == 0 }
        let open = kinds.map { $0 ? "{\"k\":" : "[" }.joined()
        let close = kinds.reversed().map { $0 ? "}" : "]" }.joined()
        let document = Array((open + "1" + close).utf8)
        #expect(accepts(document, depth: levels))
        #expect(!accepts(document, depth: levels - 1))
        #expect(!accepts(Array((open + "1" + close.dropLast() + "!").utf8), depth: levels))
    }

    @Test("A million open brackets cost neither the stack nor a trap")
    func hostileDepth() {
        #expect(!isJSON(Array(repeating: UInt8(ascii: "["), count: 1_000_000)))
        #expect(!accepts(Array(repeating: UInt8(ascii: "["), count: 1_000_000), depth: .max))
    }

    @Test("Line breaks between tokens are seen, escaped ones are not")
    func lineBreaks() {
        #expect(seesLineBreak("{\"a\":\n1}"))
        #expect(seesLineBreak("[1,\r2]"))
        #expect(seesLineBreak("[\n]"))
        #expect(!seesLineBreak(#"{"a": "\n\r"}"#))
        #expect(!seesLineBreak("[1,\t2 ]\n"))
    }

    @Test("Ranges of strings are offsets between the quotes")
    func ranges() {
        let text = Array(#"  {"key" : "va\"lue"}"#.utf8)
        text.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes)
            scanner.skipWhitespace()
            #expect(scanner.position == 2)
            let noString = scanner.string()
            #expect(noString == nil)
            let isBrace = scanner.pass(UInt8(ascii: "{"))
            #expect(isBrace)
            let key = scanner.string()
            #expect(key == 4..<7)
            scanner.skipWhitespace()
            let isColon = scanner.pass(UInt8(ascii: ":"))
            #expect(isColon)
            scanner.skipWhitespace()
            let value = scanner.string()
            #expect(value == 12..<19)
            #expect(scanner.next == UInt8(ascii: "}"))
        }
    }

    private func accepts(_ document: [UInt8], depth: Int) -> Bool {
        document.withUnsafeBytes {
            var scanner = JSONScanner($0, maximumDepth: depth)
            return scanner.skipValue() && scanner.isAtEnd
        }
    }

    private func seesLineBreak(_ text: String) -> Bool {
        Array(text.utf8).withUnsafeBytes {
            var scanner = JSONScanner($0)
            return scanner.skipValue() && scanner.sawLineBreak
        }
    }
}

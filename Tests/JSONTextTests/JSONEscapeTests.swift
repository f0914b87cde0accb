import JSONText
import TestRandom
import Testing

@Suite("Any bytes can be written as a JSON string")
struct JSONEscapeTests {
    @Test(
        "What must be escaped is, and nothing else",
        arguments: [
            ("", #""""#), ("plain / text", #""plain / text""#), ("a\"b\\c", #""a\"b\\c""#),
            ("\n\r\t\u{8}\u{C}", #""\n\r\t\b\f""#),
            ("\u{0}\u{1}\u{1F}\u{7F}", "\"\\u0000\\u0001\\u001f\u{7F}\""), ("Жé€😀", "\"Жé€😀\""),
            ("0123456789\"0123456789", #""0123456789\"0123456789""#),
        ])
    func escapes(text: String, expected: String) {
        var output: [UInt8] = []
        JSONEscape.appendString(text, to: &output)
        #expect(String(decoding: output, as: UTF8.self) == expected)
    }

    @Test("Random bytes become legal strings that say what Swift's own repair says")
    func randomBytes() {
        var random = SeededRandom(seed: 5)
        let alphabet: [UInt8] = [
            0x00, 0x0A, 0x20, 0x22, 0x41, 0x5C, 0x7F, 0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xC3, 0xD0, 0xE0, 0xE2, 0xED, 0xF0,
            0xF4, 0xF5, 0xFF,
        ]
        for _ in 0..<5_000 {
            let bytes = (0..<random.below(24)).map { _ in
                random.below(2) == 0 ? alphabet[random.below(alphabet.count)] : UInt8(truncatingIfNeeded: random.next())
            }
            var output: [UInt8] = []
            bytes.withUnsafeBytes { JSONEscape.appendString($0, to: &output) }
            #expect(isJSON(output))
            #expect(JSONValue.parse(output)?.string == String(decoding: bytes, as: UTF8.self), "\(bytes)")
        }
    }
}

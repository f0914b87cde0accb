import TestRandom

/// Makes legal JSON documents of every construct, and spoils them.
struct DocumentGenerator {
    private var random: SeededRandom
    private var bytes: [UInt8] = []
    private var keys = 0

    private static let blanks = ["", "", "", "", " ", "\n", "\t", "\r\n", "  "].map { Array($0.utf8) }
    private static let numbers = [
        "0", "-0", "1", "-1", "42", "1.5", "-0.25", "1e3", "1E+2", "12e-1", "9007199254740993", "0.1e0",
        "100000000000000000000",
    ].map { Array($0.utf8) }
    private static let fragments = [
        "a", "key", "text", "hello world", "#!NGINXNME!#", "\\n", "\\\"", "\\\\", "\\/", "\\u0041", "\\u00e9",
        "\\ud83d\\ude00",
        "\\u0000", "é", "Ж", "Жизнь и судьба", "€", "😀", "\u{7F}", "0123456789abcdef", "", "{", "]", ",",
    ].map { Array($0.utf8) }
    private static let spoilers =
        Array("{}[]\",:\\ eE+-.0159tfnu/\n\u{1}x".utf8) + [0x00, 0x80, 0xC0, 0xC3, 0xE2, 0xED, 0xF0, 0xF8, 0xFF]

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    mutating func document() -> [UInt8] {
        bytes.removeAll(keepingCapacity: true)
        keys = 0
        blank()
        value(depth: 0)
        blank()
        return bytes
    }

    /// A document with one to three bytes changed, added, taken out, or its end cut off.
    mutating func spoiledDocument() -> [UInt8] {
        var result = document()
        for _ in 0...random.below(3) {
            let at = random.below(result.count + 1)
            let byte = Self.spoilers[random.below(Self.spoilers.count)]
            switch random.below(4) {
            case 0: result.insert(byte, at: at)
            case 1 where at < result.count: result[at] = byte
            case 2 where at < result.count: result.remove(at: at)
            case 3 where random.below(4) == 0: result.removeSubrange(at...)
            default: break
            }
        }
        return result
    }

    private mutating func value(depth: Int) {
        switch random.below(depth > 3 ? 6 : 10) {
        case 0: bytes += Array("true".utf8)
        case 1: bytes += Array("false".utf8)
        case 2: bytes += Array("null".utf8)
        case 3: bytes += Self.numbers[random.below(Self.numbers.count)]
        case 4, 5: string()
        case 6, 7: list(from: "[", to: "]") { $0.value(depth: depth + 1) }
        default:
            list(from: "{", to: "}") {
                $0.key()
                $0.blank()
                $0.bytes.append(UInt8(ascii: ":"))
                $0.blank()
                $0.value(depth: depth + 1)
            }
        }
    }

    private mutating func list(from open: String, to close: String, _ element: (inout DocumentGenerator) -> Void) {
        bytes += Array(open.utf8)
        blank()
        for index in 0..<random.below(4) {
            if index > 0 {
                bytes.append(UInt8(ascii: ","))
                blank()
            }
            element(&self)
            blank()
        }
        bytes += Array(close.utf8)
    }

    private mutating func string() {
        bytes.append(UInt8(ascii: "\""))
        for _ in 0..<random.below(4) { bytes += Self.fragments[random.below(Self.fragments.count)] }
        bytes.append(UInt8(ascii: "\""))
    }

    /// Keys differ: Foundation's decoder does not look at the value of a key's second member.
    private mutating func key() {
        string()
        bytes.removeLast()
        keys += 1
        bytes += Array("\(keys)\"".utf8)
    }

    private mutating func blank() {
        bytes += Self.blanks[random.below(Self.blanks.count)]
    }
}

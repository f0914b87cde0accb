extension JSONValue {
    public static let defaultMaximumSize = 16 * 1024 * 1024
    /// Trees are built, compared and freed by recursion, so they may not be as deep as scanned text.
    public static let maximumDepth = 512

    /// Reads a document of at most `maximumSize` bytes and 512 levels. Nil: larger, deeper, or not JSON. A UTF-8 byte order
    /// mark and white space around the value are passed; a lone surrogate escape becomes U+FFFD.
    public static func parse(_ bytes: [UInt8], maximumSize: Int = defaultMaximumSize) -> JSONValue? {
        bytes.withUnsafeBytes { parse($0, maximumSize: maximumSize) }
    }

    /// The same for bytes held by somebody else.
    public static func parse(_ bytes: UnsafeRawBufferPointer, maximumSize: Int = defaultMaximumSize) -> JSONValue? {
        guard bytes.count <= maximumSize else { return nil }
        let hasMark = bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF
        // Checked first as a whole: what follows may then trust the text.
        var check = JSONScanner(bytes, from: hasMark ? 3 : 0, maximumDepth: maximumDepth)
        guard check.skipValue() else { return nil }
        check.skipWhitespace()
        guard check.isAtEnd else { return nil }
        var reader = JSONValueReader(bytes: bytes, scanner: JSONScanner(bytes, from: hasMark ? 3 : 0))
        return reader.value()
    }
}

/// Builds the tree from text that is known to be legal and not too deep.
private struct JSONValueReader {
    let bytes: UnsafeRawBufferPointer
    var scanner: JSONScanner

    mutating func value() -> JSONValue? {
        scanner.skipWhitespace()
        switch scanner.next {
        case UInt8(ascii: "{"): return object()
        case UInt8(ascii: "["): return array()
        case UInt8(ascii: "\""): return scanner.string().map { .string(text($0)) }
        default: return scalar()
        }
    }

    private mutating func object() -> JSONValue? {
        var members: [(key: String, value: JSONValue)] = []
        guard scanner.pass(UInt8(ascii: "{")) else { return nil }
        scanner.skipWhitespace()
        if scanner.pass(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            scanner.skipWhitespace()
            guard let key = scanner.string() else { return nil }
            scanner.skipWhitespace()
            guard scanner.pass(UInt8(ascii: ":")), let value = value() else { return nil }
            members.append((text(key), value))
            scanner.skipWhitespace()
        } while scanner.pass(UInt8(ascii: ","))
        return scanner.pass(UInt8(ascii: "}")) ? .object(members) : nil
    }

    private mutating func array() -> JSONValue? {
        var elements: [JSONValue] = []
        guard scanner.pass(UInt8(ascii: "[")) else { return nil }
        scanner.skipWhitespace()
        if scanner.pass(UInt8(ascii: "]")) { return .array(elements) }
        repeat {
            guard let value = value() else { return nil }
            elements.append(value)
            scanner.skipWhitespace()
        } while scanner.pass(UInt8(ascii: ","))
        return scanner.pass(UInt8(ascii: "]")) ? .array(elements) : nil
    }

    private mutating func scalar() -> JSONValue? {
        let start = scanner.position
        guard scanner.skipValue() else { return nil }
        let written = UnsafeRawBufferPointer(rebasing: bytes[start..<scanner.position])
        switch written.first {
        case UInt8(ascii: "t"): return .bool(true)
        case UInt8(ascii: "f"): return .bool(false)
        case UInt8(ascii: "n"): return .null
        default: return .number(String(decoding: written, as: UTF8.self))
        }
    }

    private func text(_ range: Range<Int>) -> String {
        JSONEscape.text(of: UnsafeRawBufferPointer(rebasing: bytes[range]))
    }
}

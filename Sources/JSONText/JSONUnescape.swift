extension JSONEscape {
    /// The text that a JSON string stands for, from the bytes between its quotes, which must be legal. A surrogate escape
    /// without its other half becomes U+FFFD, since a `String` cannot hold it.
    public static func text(of content: UnsafeRawBufferPointer) -> String {
        guard content.contains(UInt8(ascii: "\\")) else { return String(decoding: content, as: UTF8.self) }
        var result: [UInt8] = []
        result.reserveCapacity(content.count)
        var index = 0
        while index < content.count {
            let byte = content[index]
            guard byte == UInt8(ascii: "\\"), index + 1 < content.count else {
                result.append(byte)
                index += 1
                continue
            }
            let letter = content[index + 1]
            index += 2
            guard letter == UInt8(ascii: "u") else {
                result.append(character(escapedBy: letter))
                continue
            }
            var scalar = unit(in: content, at: index)
            index += 4
            if scalar & 0xFC00 == 0xD800, index + 6 <= content.count, content[index] == UInt8(ascii: "\\"),
                content[index + 1] == UInt8(ascii: "u")
            {
                let low = unit(in: content, at: index + 2)
                if low & 0xFC00 == 0xDC00 {
                    scalar = 0x10000 + (scalar & 0x3FF) << 10 + (low & 0x3FF)
                    index += 6
                }
            }
            result.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func character(escapedBy letter: UInt8) -> UInt8 {
        switch letter {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: letter
        }
    }

    private static func unit(in content: UnsafeRawBufferPointer, at index: Int) -> UInt32 {
        guard index + 4 <= content.count else { return 0xFFFD }
        var unit: UInt32 = 0
        for digit in content[index..<index + 4] {
            unit = unit << 4 | UInt32(digit & 0x0F) + (digit > 0x39 ? 9 : 0)
        }
        return unit
    }
}

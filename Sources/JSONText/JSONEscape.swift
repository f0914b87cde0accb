/// Writes JSON strings, and reads them.
public enum JSONEscape {
    /// Appends any bytes as a JSON string, quotes included. `"`, `\` and control characters are escaped; each ill-formed
    /// UTF-8 sequence becomes U+FFFD; everything else, slashes too, stays as it is.
    public static func appendString(_ bytes: UnsafeRawBufferPointer, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        if let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) {
            appendContent(base, base + bytes.count, to: &output)
        }
        output.append(UInt8(ascii: "\""))
    }

    public static func appendString(_ text: String, to output: inout [UInt8]) {
        var text = text
        text.withUTF8 { appendString(UnsafeRawBufferPointer($0), to: &output) }
    }

    private static func appendContent(
        _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>, to output: inout [UInt8]
    ) {
        var at = start
        // Bytes from here to `at` are clean and not yet written.
        var clean = start
        while at < limit {
            while limit - at >= 8 {
                let hits = JSONScanner.specialBytes(at)
                at += hits == 0 ? 8 : hits.trailingZeroBitCount &>> 3
                if hits != 0 { break }
            }
            guard at < limit else { break }
            let byte = at.pointee
            if byte >= 0x80 {
                let length = UTF8Sequence.length(at, limit)
                if length > 0 {
                    at += length
                    continue
                }
                output.append(contentsOf: UnsafeBufferPointer(start: clean, count: at - clean))
                output.append(contentsOf: [0xEF, 0xBF, 0xBD])
                at += UTF8Sequence.illFormedLength(at, limit)
                clean = at
            } else if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                output.append(contentsOf: UnsafeBufferPointer(start: clean, count: at - clean))
                appendEscape(of: byte, to: &output)
                at += 1
                clean = at
            } else {
                at += 1
            }
        }
        output.append(contentsOf: UnsafeBufferPointer(start: clean, count: limit - clean))
    }

    private static func appendEscape(of byte: UInt8, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: output.append(UInt8(ascii: "b"))
        case 0x09: output.append(UInt8(ascii: "t"))
        case 0x0A: output.append(UInt8(ascii: "n"))
        case 0x0C: output.append(UInt8(ascii: "f"))
        case 0x0D: output.append(UInt8(ascii: "r"))
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): output.append(byte)
        default:
            let digit = byte & 0x0F
            output.append(contentsOf: [
                UInt8(ascii: "u"), 0x30, 0x30, 0x30 + byte >> 4, digit + (digit < 10 ? 0x30 : 0x57),
            ])
        }
    }
}

/// Finds the end of an array's element that is no legal JSON, by brackets and strings alone, so that its neighbours can still
/// be read.
enum BracketWalk {
    /// The comma or closing bracket that ends the element at `start`; nil if brackets do not match or the unit ends first.
    static func endOfElement(in bytes: UnitBytes, from start: Int) -> Int? {
        var open: [UInt8] = []
        var at = start
        while at < bytes.count {
            let byte = bytes.byte(at)
            switch byte {
            case UInt8(ascii: "\""):
                guard let end = endOfString(in: bytes, from: at + 1) else { return nil }
                at = end
            case UInt8(ascii: "{"):
                open.append(UInt8(ascii: "}"))
            case UInt8(ascii: "["):
                open.append(UInt8(ascii: "]"))
            case UInt8(ascii: "]") where open.isEmpty, UInt8(ascii: ",") where open.isEmpty:
                return at
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard open.popLast() == byte else { return nil }
            default:
                break
            }
            at += 1
        }
        return nil
    }

    private static func endOfString(in bytes: UnitBytes, from start: Int) -> Int? {
        var at = start
        while at < bytes.count {
            switch bytes.byte(at) {
            case UInt8(ascii: "\""): return at
            case UInt8(ascii: "\\"): at += 2
            default: at += 1
            }
        }
        return nil
    }
}

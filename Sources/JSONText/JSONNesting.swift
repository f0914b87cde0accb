extension JSONScanner {
    /// Passes one value of any kind that begins at `position`, or after white space. False: it is not legal, or nested deeper
    /// than `maximumDepth`.
    ///
    /// Open brackets are kept as bits, 64 in a register and the rest in an array, so nesting costs no stack.
    @inlinable
    public mutating func skipValue() -> Bool {
        var at = cursor
        let limit = limit
        var depth = 0
        // The lowest bit is the innermost open bracket: 1 for `{`, 0 for `[`.
        var brackets: UInt64 = 0
        var outer: [UInt64] = []
        var lineBreak = sawLineBreak
        defer {
            cursor = at
            sawLineBreak = lineBreak
        }

        value: while true {
            if at < limit, at.pointee <= 0x20 { at = Self.afterWhitespace(at, limit, &lineBreak) }
            guard at < limit else { return false }
            switch at.pointee {
            case 0x22:
                guard let quote = Self.closingQuote(at + 1, limit) else { return false }
                at = quote + 1
            case 0x7B, 0x5B:
                guard depth < maximumDepth else { return false }
                let isObject = at.pointee == 0x7B
                at += 1
                if at < limit, at.pointee <= 0x20 { at = Self.afterWhitespace(at, limit, &lineBreak) }
                guard at < limit else { return false }
                if at.pointee == (isObject ? 0x7D : 0x5D) {
                    at += 1
                    break
                }
                if depth & 63 == 0, depth > 0 { outer.append(brackets) }
                depth &+= 1
                brackets = brackets &<< 1 | (isObject ? 1 : 0)
                if isObject {
                    guard let colon = Self.afterKey(at, limit, &lineBreak) else { return false }
                    at = colon
                }
                continue value
            case 0x2D, 0x30...0x39:
                guard let end = Self.afterNumber(at, limit) else { return false }
                at = end
            default:
                guard let end = Self.afterLiteral(at, limit) else { return false }
                at = end
            }

            // A value has ended: go on in the bracket around it, or close brackets.
            while true {
                if depth == 0 { return true }
                if at < limit, at.pointee <= 0x20 { at = Self.afterWhitespace(at, limit, &lineBreak) }
                guard at < limit else { return false }
                let isObject = brackets & 1 == 1
                if at.pointee == 0x2C {
                    at += 1
                    if isObject {
                        if at < limit, at.pointee <= 0x20 { at = Self.afterWhitespace(at, limit, &lineBreak) }
                        guard let colon = Self.afterKey(at, limit, &lineBreak) else { return false }
                        at = colon
                    }
                    continue value
                }
                guard at.pointee == (isObject ? 0x7D : 0x5D) else { return false }
                at += 1
                depth &-= 1
                brackets = brackets &>> 1
                if depth & 63 == 0, let word = outer.popLast() { brackets = word }
            }
        }
    }

    /// Behind `"key" :`.
    @inlinable @inline(__always)
    static func afterKey(
        _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>, _ lineBreak: inout Bool
    ) -> UnsafePointer<UInt8>? {
        guard start < limit, start.pointee == 0x22, let quote = closingQuote(start + 1, limit) else { return nil }
        var at = quote + 1
        if at < limit, at.pointee <= 0x20 { at = afterWhitespace(at, limit, &lineBreak) }
        guard at < limit, at.pointee == 0x3A else { return nil }
        return at + 1
    }

    @inlinable @inline(__always)
    static func afterLiteral(
        _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>
    ) -> UnsafePointer<UInt8>? {
        guard limit - start >= 4 else { return nil }
        let word = UInt32(littleEndian: UnsafeRawPointer(start).loadUnaligned(as: UInt32.self))
        switch word {
        case 0x6575_7274, 0x6C6C_756E:  // "true", "null", read as little-endian words
            return start + 4
        case 0x736C_6166 where limit - start >= 5 && start[4] == 0x65:  // "fals", "e"
            return start + 5
        default:
            return nil
        }
    }
}

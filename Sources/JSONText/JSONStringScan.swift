extension JSONScanner {
    /// The closing quote of a string whose content begins at `start`; nil if the string is not legal.
    ///
    /// Eight bytes a step. In each byte of the sums below the highest bit comes out as 1 for a control character, `"`, `\` or
    /// a byte outside ASCII. A borrow can only spoil bytes above one that is such itself, so the lowest one found is right.
    @inlinable @inline(__always)
    static func closingQuote(
        _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>
    ) -> UnsafePointer<UInt8>? {
        var at = start
        while true {
            while limit - at >= 8 {
                let hits = specialBytes(at)
                if hits == 0 {
                    at += 8
                    continue
                }
                at += hits.trailingZeroBitCount &>> 3
                break
            }
            guard at < limit else { return nil }
            if at.pointee == 0x22 { return at }
            guard let next = afterSpecials(at, limit) else { return nil }
            at = next
        }
    }

    /// The highest bit of every byte of the eight at `at` that needs a look; exact up to the first such byte.
    @inlinable @inline(__always)
    static func specialBytes(_ at: UnsafePointer<UInt8>) -> UInt64 {
        let word = UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
        let control = word &- 0x2020_2020_2020_2020
        let quote = (word ^ 0x2222_2222_2222_2222) &- 0x0101_0101_0101_0101
        let backslash = (word ^ 0x5C5C_5C5C_5C5C_5C5C) &- 0x0101_0101_0101_0101
        return (control | quote | backslash | word) & 0x8080_8080_8080_8080
    }

    /// Passes escapes, UTF-8 sequences and single plain characters among them, up to a quote or to two plain characters in a
    /// row. Nil: an illegal byte or the end of the text.
    @inlinable @inline(never)
    static func afterSpecials(
        _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>
    ) -> UnsafePointer<UInt8>? {
        var at = start
        var wasPlain = false
        while at < limit {
            let byte = at.pointee
            if byte >= 0x80 {
                while limit - at >= 8, isFourPairs(at) { at += 8 }
                guard at < limit else { return nil }
                if at.pointee >= 0x80 {
                    let length = UTF8Sequence.length(at, limit)
                    guard length > 0 else { return nil }
                    at += length
                }
                wasPlain = false
            } else if byte == 0x5C {
                guard let next = afterEscape(at, limit) else { return nil }
                at = next
                wasPlain = false
            } else if byte == 0x22 {
                return at
            } else if byte < 0x20 {
                return nil
            } else {
                at += 1
                if wasPlain { return at }
                wasPlain = true
            }
        }
        return nil
    }

    /// Eight bytes that are four UTF-8 sequences of two bytes: most alphabets outside Latin.
    @inlinable @inline(__always)
    static func isFourPairs(_ at: UnsafePointer<UInt8>) -> Bool {
        let word = UInt64(littleEndian: UnsafeRawPointer(at).loadUnaligned(as: UInt64.self))
        guard word & 0xC0E0_C0E0_C0E0_C0E0 == 0x80C0_80C0_80C0_80C0 else { return false }
        // C0 and C1 would be overlong: one of the four bits 1...4 of each leading byte must be set.
        let leads = (word & 0x001E_001E_001E_001E) &+ 0x00FE_00FE_00FE_00FE
        return leads & 0x0100_0100_0100_0100 == 0x0100_0100_0100_0100
    }

    @inlinable @inline(__always)
    static func afterEscape(
        _ start: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>
    ) -> UnsafePointer<UInt8>? {
        guard limit - start >= 2 else { return nil }
        switch start[1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74:
            return start + 2
        case 0x75:
            guard limit - start >= 6 else { return nil }
            for index in 2..<6 where !isHexDigit(start[index]) { return nil }
            return start + 6
        default:
            return nil
        }
    }

    @inlinable @inline(__always)
    static func isHexDigit(_ byte: UInt8) -> Bool {
        byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 6
    }
}

/// UTF-8 byte sequences beyond ASCII, by the table of well-formed sequences (Unicode 16, table 3-7).
@usableFromInline
enum UTF8Sequence {
    /// Bytes of the well-formed sequence at `at`, whose first byte is 0x80 or above; 0 if it is not well-formed.
    @inlinable @inline(__always)
    static func length(_ at: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>) -> Int {
        let lead = at.pointee
        let available = limit - at
        if lead < 0xE0 {
            return lead >= 0xC2 && available >= 2 && isTrail(at[1]) ? 2 : 0
        }
        if lead < 0xF0 {
            return available >= 3 && isSecond(at[1], after: lead) && isTrail(at[2]) ? 3 : 0
        }
        return available >= 4 && isSecond(at[1], after: lead) && isTrail(at[2]) && isTrail(at[3]) ? 4 : 0
    }

    /// Bytes to replace by one U+FFFD where `length` is 0: the longest beginning of a well-formed sequence, at least one byte.
    static func illFormedLength(_ at: UnsafePointer<UInt8>, _ limit: UnsafePointer<UInt8>) -> Int {
        guard at.pointee >= 0xE0, limit - at >= 2, isSecond(at[1], after: at.pointee) else { return 1 }
        return at.pointee >= 0xF0 && limit - at >= 3 && isTrail(at[2]) ? 3 : 2
    }

    @inlinable @inline(__always)
    static func isTrail(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// Leaves out overlong forms, surrogates and what is above U+10FFFF.
    @inlinable @inline(__always)
    static func isSecond(_ byte: UInt8, after lead: UInt8) -> Bool {
        switch lead {
        case 0xE0: byte >= 0xA0 && byte <= 0xBF
        case 0xED: byte >= 0x80 && byte <= 0x9F
        case 0xF0: byte >= 0x90 && byte <= 0xBF
        case 0xF4: byte >= 0x80 && byte <= 0x8F
        case 0xF5...: false
        default: isTrail(byte)
        }
    }
}

import Events

/// Message ids from their digits, eight at a time: this stands in the way of every message.
enum DecimalDigits {
    /// From 26 ASCII digits; nil if one is none.
    @inline(__always)
    static func messageID(_ digits: UnsafePointer<UInt8>) -> MessageID? {
        let first = digits[0] &- 0x30
        let second = digits[1] &- 0x30
        guard first < 10, second < 10, let seconds = eight(digits + 2), let high = eight(digits + 10),
            let low = eight(digits + 18)
        else { return nil }
        return MessageID(
            generation: (UInt64(first) * 10 + UInt64(second)) * 100_000_000 + seconds, counter: high * 100_000_000 + low
        )
    }

    /// From 13 bytes whose hexadecimal form is the 26 digits; nil if a half-byte is above 9.
    @inline(__always)
    static func messageID(packed bytes: UnsafePointer<UInt8>) -> MessageID? {
        var generation: UInt64 = 0
        var counter: UInt64 = 0
        var invalid = false
        for index in 0..<5 {
            invalid = invalid || !isPair(bytes[index])
            generation = generation &* 100 &+ pair(bytes[index])
        }
        for index in 5..<13 {
            invalid = invalid || !isPair(bytes[index])
            counter = counter &* 100 &+ pair(bytes[index])
        }
        return invalid ? nil : MessageID(generation: generation, counter: counter)
    }

    @inline(__always)
    private static func isPair(_ byte: UInt8) -> Bool { byte &>> 4 < 10 && byte & 15 < 10 }

    @inline(__always)
    private static func pair(_ byte: UInt8) -> UInt64 { UInt64(byte &>> 4) &* 10 &+ UInt64(byte & 15) }

    /// Neighbours are joined three times: to pairs, to fours, to the eight.
    @inline(__always)
    private static func eight(_ digits: UnsafePointer<UInt8>) -> UInt64? {
        var word = UInt64(littleEndian: UnsafeRawPointer(digits).loadUnaligned(as: UInt64.self))
        let zeros: UInt64 = 0x3030_3030_3030_3030
        let highHalves: UInt64 = 0xF0F0_F0F0_F0F0_F0F0
        guard word & highHalves == zeros, (word &+ 0x0606_0606_0606_0606) & highHalves == zeros else { return nil }
        word = ((word & 0x0F0F_0F0F_0F0F_0F0F) &* (10 << 8 + 1)) &>> 8
        word = ((word & 0x00FF_00FF_00FF_00FF) &* (100 << 16 + 1)) &>> 16
        return ((word & 0x0000_FFFF_0000_FFFF) &* (10000 << 32 + 1)) &>> 32
    }
}

import Events

/// Writes decimal numbers eight digits at a time, all of them in one machine word: a position of 26 digits costs three
/// such steps and not 26 divisions one after the other.
enum DecimalDigits {
    /// The eight ASCII digits of `value` (below 10^8), the first in the lowest byte.
    ///
    /// Two numbers below 10^4 stand side by side in one word, then four below 10^2, then eight below 10; a division by
    /// 100 or 10 is a multiplication and a shift, exact for numbers that small.
    @inline(__always)
    static func eight(_ value: UInt64) -> UInt64 {
        let fours = (value / 10_000) | ((value % 10_000) << 32)
        let hundreds = ((fours &* 10_486) >> 20) & 0x0000_007F_0000_007F
        let twos = hundreds | ((fours &- hundreds &* 100) << 16)
        let tens = ((twos &* 103) >> 10) & 0x000F_000F_000F_000F
        let ones = tens | ((twos &- tens &* 10) << 8)
        return (ones | 0x3030_3030_3030_3030).littleEndian
    }

    @inline(__always)
    private static func store(_ word: UInt64, _ target: UnsafeMutablePointer<UInt8>) {
        UnsafeMutableRawPointer(target).storeBytes(of: word, as: UInt64.self)
    }

    /// Writes `value` without leading zeros and returns the place behind it. Needs room for 24 bytes, although at most
    /// 20 count.
    @inline(__always)
    static func write(_ value: UInt64, to target: UnsafeMutablePointer<UInt8>) -> UnsafeMutablePointer<UInt8> {
        if value < 100_000_000 { return writeShort(value, to: target) }
        let high = value / 100_000_000
        var at: UnsafeMutablePointer<UInt8>
        if high < 100_000_000 {
            at = writeShort(high, to: target)
        } else {
            at = writeShort(high / 100_000_000, to: target)
            store(eight(high % 100_000_000), at)
            at += 8
        }
        store(eight(value % 100_000_000), at)
        return at + 8
    }

    @inline(__always)
    private static func writeShort(_ value: UInt64, to target: UnsafeMutablePointer<UInt8>)
        -> UnsafeMutablePointer<UInt8>
    {
        let digits = UInt64(littleEndian: eight(value))
        // Of zero one digit remains.
        let leading = min(7, (digits & 0x0F0F_0F0F_0F0F_0F0F).trailingZeroBitCount / 8)
        store((digits >> UInt64(leading * 8)).littleEndian, target)
        return target + (8 - leading)
    }

    /// Writes the 26 digits of a position. Needs room for 26 bytes.
    @inline(__always)
    static func write(_ id: MessageID, to target: UnsafeMutablePointer<UInt8>) {
        let generation = id.generation
        let top = generation / 100_000_000
        target[0] = 0x30 &+ UInt8(truncatingIfNeeded: top / 10)
        target[1] = 0x30 &+ UInt8(truncatingIfNeeded: top % 10)
        store(eight(generation % 100_000_000), target + 2)
        store(eight(id.counter / 100_000_000), target + 10)
        store(eight(id.counter % 100_000_000), target + 18)
    }
}

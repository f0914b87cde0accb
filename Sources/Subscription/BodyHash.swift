/// A 64-bit hash of a message body, to tell a repeated message from another one with the same id. The same on every
/// machine and in every run. Not for secrets and not against an adversary who can choose both bodies: a server decides the
/// ids.
enum BodyHash {
    @inline(__always)
    private static func mix(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    /// Folds 16 bytes a step by a 64 × 64 → 128 bit product; the tail overlaps bytes already taken.
    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var state: UInt64 = 0xA076_1D64_78BD_642F ^ UInt64(bytes.count)
        let count = bytes.count
        guard count >= 16, let base = bytes.baseAddress else {
            var low: UInt64 = 0
            var high: UInt64 = 0
            for index in 0..<count {
                if index < 8 {
                    low |= UInt64(bytes[index]) << (8 * UInt64(index))
                } else {
                    high |= UInt64(bytes[index]) << (8 * UInt64(index - 8))
                }
            }
            return mix(mix(low ^ 0xE703_7ED1_A0B4_28DB, high ^ state), 0x8EBC_6AF0_9C88_C6E3)
        }
        var offset = 0
        while offset &+ 16 <= count {
            state = step(base, offset, state)
            offset &+= 16
        }
        if offset < count { state = step(base, count &- 16, state) }
        return mix(state, 0x8EBC_6AF0_9C88_C6E3)
    }

    @inline(__always)
    private static func step(_ base: UnsafeRawPointer, _ offset: Int, _ state: UInt64) -> UInt64 {
        let low = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        let high = base.loadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self)
        return mix(UInt64(littleEndian: low) ^ 0xE703_7ED1_A0B4_28DB, UInt64(littleEndian: high) ^ state)
    }
}

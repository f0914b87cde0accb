/// Appends one whole frame as a client sends it: final, masked, its length in the shortest form (RFC 6455 5.2, 5.3).
/// The key's most significant byte is the first on the wire.
func appendFrame(_ opcode: Opcode, payload: UnsafeRawBufferPointer, maskingKey: UInt32, to output: inout [UInt8]) {
    let count = payload.count
    output.append(0x80 | opcode.rawValue)
    switch count {
    case ..<126:
        output.append(0x80 | UInt8(truncatingIfNeeded: count))
    case ..<65536:
        output.append(0x80 | 126)
        output.append(UInt8(truncatingIfNeeded: count >> 8))
        output.append(UInt8(truncatingIfNeeded: count))
    default:
        output.append(0x80 | 127)
        withUnsafeBytes(of: UInt64(count).bigEndian) { output.append(contentsOf: $0) }
    }
    let key = maskingKey.bigEndian
    withUnsafeBytes(of: key) { output.append(contentsOf: $0) }
    let start = output.count
    output.append(contentsOf: payload)
    let wideKey = UInt64(key) | UInt64(key) << 32
    output.withUnsafeMutableBytes { bytes in
        var index = start
        while index + 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            bytes.storeBytes(of: word ^ wideKey, toByteOffset: index, as: UInt64.self)
            index += 8
        }
        // Whole words went before, so the key starts anew here.
        var rest = key.littleEndian
        while index < bytes.count {
            bytes[index] ^= UInt8(truncatingIfNeeded: rest)
            rest = rest >> 8 | rest << 24
            index += 1
        }
    }
}

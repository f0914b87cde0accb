/// Frames as a server sends them, right or wrong: every field can be given.
enum Server {
    enum LengthForm { case shortest, short, two, eight }

    static func frame(
        _ opcode: UInt8, _ payload: [UInt8] = [], fin: Bool = true, rsv: UInt8 = 0, mask: [UInt8]? = nil,
        form: LengthForm = .shortest, length announced: UInt64? = nil
    ) -> [UInt8] {
        let length = announced ?? UInt64(payload.count)
        var bytes: [UInt8] = [(fin ? 0x80 : 0) | rsv << 4 | opcode]
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        switch (form, length) {
        case (.short, _), (.shortest, ..<126): bytes.append(maskBit | UInt8(truncatingIfNeeded: length))
        case (.two, _), (.shortest, ..<65536): bytes += [maskBit | 126] + bigEndian(length, size: 2)
        default: bytes += [maskBit | 127] + bigEndian(length, size: 8)
        }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    static func text(_ text: String, fin: Bool = true) -> [UInt8] { frame(0x1, Array(text.utf8), fin: fin) }
    static func text(_ bytes: [UInt8], fin: Bool = true) -> [UInt8] { frame(0x1, bytes, fin: fin) }
    static func binary(_ bytes: [UInt8], fin: Bool = true) -> [UInt8] { frame(0x2, bytes, fin: fin) }
    static func rest(_ text: String, fin: Bool = true) -> [UInt8] { frame(0x0, Array(text.utf8), fin: fin) }
    static func rest(_ bytes: [UInt8], fin: Bool = true) -> [UInt8] { frame(0x0, bytes, fin: fin) }
    static func ping(_ payload: String = "") -> [UInt8] { frame(0x9, Array(payload.utf8)) }
    static func ping(_ payload: [UInt8]) -> [UInt8] { frame(0x9, payload) }
    static func pong(_ payload: String = "") -> [UInt8] { frame(0xA, Array(payload.utf8)) }
    static func close(_ code: UInt16, _ reason: String = "") -> [UInt8] { close(code, Array(reason.utf8)) }
    static func close(_ code: UInt16, _ reason: [UInt8]) -> [UInt8] {
        frame(0x8, bigEndian(UInt64(code), size: 2) + reason)
    }
    static func close() -> [UInt8] { frame(0x8) }

    /// One message in frames of `size` bytes (the last may be shorter); `size` 0 or more than the payload: one frame.
    static func fragmented(_ opcode: UInt8, _ payload: [UInt8], size: Int) -> [UInt8] {
        guard size > 0, payload.count > size else { return frame(opcode, payload) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(payload.count + payload.count / size * 4 + 16)
        for start in stride(from: 0, to: payload.count, by: size) {
            let end = min(start + size, payload.count)
            bytes += frame(start == 0 ? opcode : 0, Array(payload[start..<end]), fin: end == payload.count)
        }
        return bytes
    }

    static func bigEndian(_ value: UInt64, size: Int) -> [UInt8] {
        (0..<size).reversed().map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
}

/// A frame that the client under test has sent, read by rules written for this purpose alone.
struct ClientFrame: Equatable, CustomStringConvertible {
    var opcode: UInt8
    var key: [UInt8] = []
    var payload: [UInt8]
    /// Bytes of the frame's length field: 1, 3 or 9.
    var lengthSize = 1

    /// All frames in `bytes`; nil unless these are whole, final, masked frames without reserved bits.
    static func parse(_ bytes: [UInt8]) -> [ClientFrame]? {
        var frames: [ClientFrame] = []
        var rest = bytes[...]
        func take(_ count: Int) -> [UInt8]? {
            guard rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        while !rest.isEmpty {
            guard let start = take(2), start[0] & 0xF0 == 0x80, start[1] & 0x80 != 0 else { return nil }
            var length = Int(start[1] & 0x7F)
            var lengthSize = 1
            if length >= 126 {
                lengthSize = length == 126 ? 3 : 9
                guard let field = take(lengthSize - 1) else { return nil }
                length = field.reduce(0) { $0 << 8 | Int($1) }
            }
            guard let key = take(4), var payload = take(length) else { return nil }
            for index in payload.indices { payload[index] ^= key[index % 4] }
            frames.append(
                ClientFrame(opcode: start[0] & 0x0F, key: key, payload: payload, lengthSize: lengthSize))
        }
        return frames
    }

    /// The code of a Close frame; 1005 when it has none.
    var closeCode: UInt16 {
        payload.count >= 2 ? UInt16(payload[0]) << 8 | UInt16(payload[1]) : 1005
    }

    var description: String { "opcode \(opcode), \(payload.count) bytes" }
}

/// The kinds of frame there are (RFC 6455 5.2, 11.8).
enum Opcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    var isControl: Bool { rawValue >= 0x8 }
}

/// The beginning of a frame that a server sent (RFC 6455 5.2):
///
/// ```
///  byte 0                  byte 1             bytes 2…
///  ┌───┬────────┬────────┐ ┌──────┬─────────┐ ┌──────────────────────────────────────┐
///  │FIN│RSV1…3=0│ opcode │ │MASK=0│ length  │ │ 126: length in 2 bytes, big-endian   │
///  │ 1 │   3    │   4    │ │  1   │    7    │ │ 127: length in 8 bytes, top bit clear│
///  └───┴────────┴────────┘ └──────┴─────────┘ └──────────────────────────────────────┘
/// ```
struct FrameHeader: Sendable {
    /// Bytes in the longest header of an unmasked frame.
    static let maximumSize = 10
    /// Bytes of payload that a control frame may have (RFC 6455 5.5).
    static let maximumControlPayload = 125

    var isFinal: Bool
    var opcode: Opcode
    /// Bytes of payload, below 2^63.
    var length: Int
    /// Bytes of the header itself.
    var size: Int

    /// Nil when more bytes are needed. Faults are named in the order of the bytes, so that it makes no difference in
    /// which pieces they arrive.
    init?(_ bytes: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        guard bytes.count >= 1 else { return nil }
        let first = bytes[0]
        guard first & 0x70 == 0 else { throw .framing("frame with reserved bits set", "5.2") }
        guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .framing("frame of a reserved opcode", "5.2") }
        let isFinal = first & 0x80 != 0
        guard isFinal || !opcode.isControl else { throw .framing("fragmented control frame", "5.5") }

        guard bytes.count >= 2 else { return nil }
        guard bytes[1] & 0x80 == 0 else { throw .framing("masked frame from a server", "5.1") }
        let short = Int(bytes[1])
        guard short <= Self.maximumControlPayload || !opcode.isControl else {
            throw .framing("control frame of more than 125 bytes", "5.5")
        }

        self.isFinal = isFinal
        self.opcode = opcode
        switch short {
        case 126:
            guard bytes.count >= 4 else { return nil }
            length = Int(bytes[2]) << 8 | Int(bytes[3])
            size = 4
            guard length >= 126 else { throw .framing("frame length not in its shortest form", "5.2") }
        case 127:
            guard bytes.count >= 10 else { return nil }
            let wide = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard let fitting = Int(exactly: wide) else { throw .framing("frame length with its top bit set", "5.2") }
            guard fitting >= 65536 else { throw .framing("frame length not in its shortest form", "5.2") }
            length = fitting
            size = 10
        default:
            length = short
            size = 2
        }
    }
}

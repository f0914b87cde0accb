/// What a Close frame says (RFC 6455 5.5.1).
///
/// ```
///  ┌──────────────┬──────────────────────────┐
///  │ code, 2 bytes│ reason, 0…123 bytes UTF-8│   or nothing at all
///  │ big-endian   │                          │
///  └──────────────┴──────────────────────────┘
/// ```
public struct CloseFrame: Sendable, Equatable {
    /// "No status code present" (RFC 6455 7.4.1): stands for an empty frame and is never on the wire.
    public static let noCode: UInt16 = 1005
    /// Bytes of UTF-8: a control frame's 125 less the code.
    public static let maximumReasonSize = 123

    /// `noCode` when the frame had none.
    public var code: UInt16
    /// Empty when there was none.
    public var reason: String

    public init(code: UInt16, reason: String = "") {
        self.code = code
        self.reason = reason
    }

    /// Whether a code may stand in a frame: RFC 6455 7.4.1 and 7.4.2 with the later codes 1012 to 1014 of the IANA
    /// registry. 1004 is reserved; 1005, 1006 and 1015 are names for things that happen without a frame.
    public static func isAllowedOnWire(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    /// Reads the payload of a received Close frame.
    init(payload: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        guard payload.count > 0 else {
            self.init(code: Self.noCode)
            return
        }
        guard payload.count >= 2 else { throw .framing("Close frame with half a code", "5.5.1") }
        let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
        guard Self.isAllowedOnWire(code) else { throw .framing("Close frame with a code that must not be sent", "7.4") }
        let reason = UnsafeRawBufferPointer(rebasing: payload[2...])
        guard UTF8Validator.isValid(reason) else { throw .notUTF8("reason of a Close frame is not UTF-8") }
        self.init(code: code, reason: String(decoding: reason, as: UTF8.self))
    }

    /// What can be sent of this frame: no code that must not be on the wire (then no reason either), and a reason cut
    /// to 123 bytes between characters.
    var sendable: CloseFrame {
        guard Self.isAllowedOnWire(code) else { return CloseFrame(code: Self.noCode) }
        guard reason.utf8.count > Self.maximumReasonSize else { return self }
        var cut = ""
        var size = 0
        for scalar in reason.unicodeScalars {
            size += UTF8.width(scalar)
            if size > Self.maximumReasonSize { break }
            cut.unicodeScalars.append(scalar)
        }
        return CloseFrame(code: code, reason: cut)
    }

    /// The payload of `sendable`.
    var payload: [UInt8] {
        if code == Self.noCode { return [] }
        return [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8)
    }
}

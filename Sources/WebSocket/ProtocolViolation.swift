/// What the other side did against RFC 6455. The connection is of no use after it.
public struct ProtocolViolation: Error, Sendable, Equatable {
    /// 1002 (framing), 1007 (not UTF-8) or 1009 (too big), as in the Close frame that answers it. 1006 for a failed
    /// opening handshake, where nothing is sent (RFC 6455 7.1.5).
    public var closeCode: UInt16
    /// For people and logs: a constant ASCII text of at most 123 bytes that repeats nothing of what was received.
    public var message: String
    /// The section of RFC 6455 that was broken, such as "5.2".
    public var section: String

    public init(closeCode: UInt16, message: String, section: String) {
        self.closeCode = closeCode
        self.message = message
        self.section = section
    }

    static func framing(_ message: String, _ section: String) -> ProtocolViolation {
        ProtocolViolation(closeCode: 1002, message: message, section: section)
    }

    static func notUTF8(_ message: String) -> ProtocolViolation {
        ProtocolViolation(closeCode: 1007, message: message, section: "8.1")
    }

    static let tooBig = ProtocolViolation(
        closeCode: 1009, message: "message is larger than this client's limit", section: "7.4.1")

    static func handshake(_ message: String, _ section: String = "4.1") -> ProtocolViolation {
        ProtocolViolation(closeCode: 1006, message: message, section: section)
    }
}

extension ProtocolViolation: CustomStringConvertible {
    public var description: String { "\(message) (RFC 6455 section \(section))" }
}

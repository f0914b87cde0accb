public import Events

/// Where to resume in the push server's stream.
public enum Position: Sendable, Hashable {
    case none
    case message(MessageID)
    /// Servers of versions 1 and 2: tag and time of the last message received.
    case legacy(tag: String, time: String)

    /// Everything that the server still holds.
    public static let retained = Position.message(.zero)

    /// The position in a stored text, see `stored`. Texts that are none are unusable and mean `.none`: a server would
    /// ignore them silently and send no history. No text at all is usable, and means `.none` too.
    public static func stored(_ text: String) -> (position: Position, isUsable: Bool) {
        if text.isEmpty { return (.none, true) }
        if let id = MessageID(text) { return (.message(id), true) }
        let parts = text.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, isTag(parts[0]), isTime(parts[1]) else { return (.none, false) }
        return (.legacy(tag: String(parts[0]), time: String(parts[1])), true)
    }

    /// A tag and a time as they came with a message; nil unless they have the form that servers use.
    public init?(tag: String, time: String) {
        guard Self.isTag(tag[...]), Self.isTime(time[...]) else { return nil }
        self = .legacy(tag: tag, time: time)
    }

    /// The text to store: 26 digits, or `tag;time`, or nothing.
    public var stored: String {
        switch self {
        case .none: ""
        case .message(let id): id.description
        case .legacy(let tag, let time): "\(tag);\(time)"
        }
    }

    private static func isTag(_ text: Substring) -> Bool {
        1...20 ~= text.utf8.count && text.utf8.allSatisfy { $0 &- 0x30 <= 9 }
    }

    private static func isTime(_ text: Substring) -> Bool {
        1...64 ~= text.utf8.count && text.utf8.allSatisfy { 0x20...0x7E ~= $0 && $0 != UInt8(ascii: ";") }
    }
}

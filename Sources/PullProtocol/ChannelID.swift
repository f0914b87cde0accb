public import Secrets

/// A channel's id, signed: who has it can read the channel. Opaque, never changed, never printed.
public struct ChannelID: Hashable, Sendable {
    /// Longest id taken, in bytes.
    public static let maximumLength = 512

    /// The id, for the one place that sends it.
    public let secret: Secret

    /// Nil unless `text` can stand in a list of ids: not empty, no white space, no control characters, none of `/ ? #
    /// &`, at most 512 bytes. Nothing more is asked: the length of signatures and the letters in ids differ between
    /// servers.
    public init?(_ text: String) {
        guard 1...Self.maximumLength ~= text.utf8.count else { return nil }
        let isClean = text.unicodeScalars.allSatisfy { scalar in
            !scalar.properties.isWhitespace && scalar.properties.generalCategory != .control && scalar != "/"
                && scalar != "?" && scalar != "#" && scalar != "&"
        }
        guard isClean else { return nil }
        secret = Secret(text)
    }

    /// Whether `other` names the same channel: the same first 32 hexadecimal digits. Service commands write a private
    /// channel without its public half, and with another signature.
    public func matches(_ other: String) -> Bool {
        let own = Self.stem(of: secret.exposed)
        return !own.isEmpty && own == Self.stem(of: other)
    }

    public func matches(_ other: Secret) -> Bool {
        matches(other.exposed)
    }

    /// Six hexadecimal digits that tell ids apart in logs.
    public var correlation: String { secret.correlation }

    /// What stands before the first `:` or `.`, at most 32 characters.
    static func stem(of id: String) -> Substring {
        id.prefix(32).prefix { $0 != ":" && $0 != "." }
    }
}

extension ChannelID: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

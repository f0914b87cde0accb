/// A text that must never be shown: a token, a signed channel id, a URL that holds one. It cannot print: descriptions,
/// dumps, mirrors and string interpolation give `***`.
public struct Secret: Hashable, Sendable {
    /// The text itself, for the one place that sends it.
    public let exposed: String

    public init(_ exposed: String) {
        self.exposed = exposed
    }

    public var isEmpty: Bool { exposed.isEmpty }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Secret: ExpressibleByStringLiteral {
    public init(stringLiteral value: String) {
        self.init(value)
    }
}

/// One sink of `sinks:`.
public struct SinkSettings: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// Lines appended to the file at this absolute path.
        case file(path: String, rotation: RotationSettings? = nil)
        /// Requests to a program.
        case webhook(WebhookSettings)
        /// Lines on standard output.
        case standardOutput
    }

    /// The operator's name for it: `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`.
    public var name: String
    public var kind: Kind
    /// Names of portals; nil: all of them.
    public var portals: Set<String>?
    /// Globs over `module/command`; empty: every event.
    public var include: [String]
    /// As `include`; wins over it.
    public var exclude: [String]

    public init(
        name: String, kind: Kind, portals: Set<String>? = nil, include: [String] = [], exclude: [String] = []
    ) {
        self.name = name
        self.kind = kind
        self.portals = portals
        self.include = include
        self.exclude = exclude
    }
}

/// `rotate:` of a file: when a new one is begun. At least one of `size` and `age` is there.
public struct RotationSettings: Hashable, Sendable {
    /// Bytes that a file does not exceed; at least 4 KiB. A single longer line gets a file of its own.
    public var size: UInt64?
    /// 1 min to 1 year.
    public var age: Duration?
    /// Former files that stay, named `.1`, the youngest, to this: 1 to 1000.
    public var keep: Int

    public init(size: UInt64? = nil, age: Duration? = nil, keep: Int = 10) {
        self.size = size
        self.age = age
        self.keep = keep
    }
}

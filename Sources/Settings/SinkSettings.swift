/// One sink of `sinks:`.
public struct SinkSettings: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// Lines appended to the file at this absolute path.
        case file(path: String)
        /// One POST an event, to a loopback host.
        case webhook(url: String, secret: SecretSource?)
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

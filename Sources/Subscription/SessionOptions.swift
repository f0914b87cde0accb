public import Events
public import Transport

/// What a session is given.
public struct SessionOptions: Sendable {
    /// The operator's name of the portal: labels events and log lines.
    public var name: String
    public var rules: SessionRules
    /// Channels to subscribe to; the others of the configuration are left out.
    public var channels: Set<ChannelKind>
    public var network: NetworkOptions
    /// What the very first connection asks for.
    public var start: StartPolicy
    /// Portals of version 5 and up speak JSON-RPC, which nobody here has seen live.
    public var allowsJSONRPC: Bool
    /// From one heartbeat to the next; nil: none. For applications only: nobody else may publish.
    public var heartbeat: Duration?

    public init(
        name: String, rules: SessionRules = SessionRules(), channels: Set<ChannelKind> = [.private, .shared],
        network: NetworkOptions = NetworkOptions(), start: StartPolicy = .now, allowsJSONRPC: Bool = false
    ) {
        self.name = name
        self.rules = rules
        self.channels = channels
        self.network = network
        self.start = start
        self.allowsJSONRPC = allowsJSONRPC
    }
}

public import Events

/// What a session can tell of itself at any time. Moments are Unix seconds; counts begin with the session.
public struct SessionFigures: Hashable, Sendable {
    public struct ChannelEnd: Hashable, Sendable {
        public var channel: ChannelKind
        /// By the portal's clock.
        public var end: Double
    }

    public var status = SessionStatus.starting
    public var liveSince: Double?
    /// The last bytes from the push server; of an earlier run as long as there are none in this.
    public var lastContact: Double?
    public var channels: [ChannelEnd] = []
    /// How often the subscription came up again after a loss.
    public var reconnects: UInt64 = 0
    /// Connections that broke, and attempts that failed.
    public var connectionFailures: UInt64 = 0
    public var configurationRequests: UInt64 = 0
    public var configurationFailures: UInt64 = 0
    public var audits: UInt64 = 0
    /// Messages that an audit brought before any connection did.
    public var auditRecovered: UInt64 = 0
    /// Nil: none is wanted.
    public var heartbeat: HeartbeatFigures?

    public init() {}
}

/// How the heartbeats of a session went.
public struct HeartbeatFigures: Hashable, Sendable {
    public var interval: Duration
    public var sent: UInt64 = 0
    public var returned: UInt64 = 0
    /// Refused by the portal, or not back in time.
    public var lost: UInt64 = 0
    /// Unix seconds; nil as long as none could be sent.
    public var firstSent: Double?
    /// Unix seconds.
    public var lastReturn: Double?
    public var roundTrip: Duration?

    public init(interval: Duration) {
        self.interval = interval
    }
}

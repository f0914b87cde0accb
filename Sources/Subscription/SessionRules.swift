public import PullProtocol

/// The times and limits of one portal's session. Seconds as Double where they are added to wall-clock times.
public struct SessionRules: Sendable {
    public var transport = TransportChoice.automatic
    /// The first request comes at a random time within so many seconds, for the sake of machines with many sessions.
    public var startSpread = 0.0
    /// Ask for the configuration this long before the earliest `end`. Asking early makes no new channels: it shows
    /// early that the portal cannot be reached or that the authorisation is gone.
    public var refreshMargin = 600.0
    /// Portals make new channels at the first request after `end`, so ask then, a random time later.
    public var refreshAfterEnd = 2.0...10.0
    /// And again while the ids are still the old ones (clocks differ).
    public var repeatsAfterEnd = [5.0, 10.0, 30.0, 60.0]
    /// After a channel_expire; and again while the ids are still the old ones.
    public var refreshAfterExpire = 0.5...3.0
    public var repeatsAfterExpire = [5.0, 15.0, 60.0]
    /// After a config_expire or server_restart, which reach everybody at the same moment.
    public var refreshAfterBroadcast = 10.0...120.0
    /// The regular look at the configuration.
    public var regularRefresh = 14_400.0
    /// One request per so many seconds, and per so many after three that changed nothing.
    public var minimumRefreshInterval = 5.0
    public var fruitlessRefreshInterval = 60.0

    /// The old connection stays beside the new one for this long.
    public var overlap = Duration.seconds(120)
    /// A WebSocket counts as proven after this long without a Close, since some servers accept a wrong channel and
    /// close afterwards; a long poll after it has been pending for as long.
    public var proof = Duration.seconds(5)
    /// A connection that has worked for this long starts the schedule of reconnects anew.
    public var recovery = Duration.seconds(30)
    /// Silence after which the server is pinged, and the wait for any frame after that.
    public var pingInterval = Duration.seconds(30)
    public var pongLimit = Duration.seconds(15)
    /// Silence that ends a connection in any case (the server pings every 120 s).
    public var idleLimit = Duration.seconds(300)
    /// The longest wait between two attempts to connect.
    public var maximumBackoff = Duration.seconds(600)

    public init() {}
}

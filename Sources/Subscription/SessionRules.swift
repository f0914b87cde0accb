public import PullProtocol

/// The times and limits of one portal's session. Seconds as Double where they are added to wall-clock times.
public struct SessionRules: Sendable {
    public var transport = TransportChoice.automatic
    /// The first run fetches what the server holds from before it, too.
    public var startsWithRetained = false
    /// The first request comes at a random time within so many seconds, for the sake of machines with many sessions.
    public var startSpread = 0.0
    /// Ask for the configuration this long before the earliest `end`. Asking early makes no new channels: it shows
    /// early that the portal cannot be reached or that the authorisation is gone.
    public var refreshMargin = 600.0
    /// Portals make new channels at the first request after `end`, so ask then, a random time later.
    public var refreshAfterEnd = 2.0...10.0
    /// And again while the ids are still the old ones (clocks differ).
    public var repeatsAfterEnd = [5.0, 10.0, 30.0, 60.0]
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
    /// The longest wait between two attempts to connect.
    public var maximumBackoff = Duration.seconds(600)

    /// Audits (the store is asked for what no connection brought). How far back they ask: servers number messages before
    /// they store and send them, so a higher number can come before a lower one. At least two minutes.
    public var auditLag = Duration.seconds(300)
    /// One after each connection that is proven, one after each ping of the server (which drops what it would send
    /// between its ping and the answer), and one after each so many seconds without.
    public var auditAfterConnect = 2.0...5.0
    public var auditAfterPing = 1.0...3.0
    public var auditInterval = 300.0
    public var auditIntervalLongPolling = 120.0
    /// None begins sooner than this after the one before.
    public var auditSpacing = 30.0
    /// Under load: one after each so many messages. Servers give at most 100 a channel.
    public var auditAfterMessages = 50
    /// An audit that is not answered for this long found nothing; servers answer at once when they have anything.
    public var auditPatience = Duration.seconds(5)
    /// The pause after a refusal for too many connections.
    public var auditRefusedPause = 600.0
    /// Off: what the server drops is lost.
    public var auditsAreOn = true

    /// WebSocket counts as blocked after so many failures in a row in the handshake or within `blockedWindow` of it.
    public var blockedAttempts = 4
    public var blockedWindow = Duration.seconds(5)
    /// Then it is tried again beside long polling, after the first, the second… wait, the last one repeated; or, where it
    /// has never worked, after `webSocketTrialIfNeverWorked`. A trial that has worked for `webSocketTrialProof` takes over.
    public var webSocketTrials = [600.0, 1200, 1800]
    public var webSocketTrialIfNeverWorked = 43_200.0
    public var webSocketTrialProof = Duration.seconds(30)

    public init() {}
}

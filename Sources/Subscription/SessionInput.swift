public import PullProtocol

/// A connection or poll loop of a session. A number is used once; what comes from an older one is stale.
public struct LinkID: Hashable, Sendable {
    public let number: UInt64
}

/// What happens to a session.
public enum SessionInput: Sendable {
    case start
    /// Before `start`: the configurations of an earlier run whose messages may not all have been fetched, its last one
    /// among them, and when the push server was last heard of (Unix seconds; nil: never).
    case restored(former: [PullConfiguration], lastContact: Double?)
    /// `skew`: portal clock minus own clock, in seconds.
    case configured(PullConfiguration, skew: Double)
    case configurationFailed(ConfigurationFailure)
    /// The WebSocket is open, or the poll has been pending for a while.
    case opened(LinkID)
    /// The server has sent something that only a subscriber gets.
    case proven(LinkID)
    case ended(LinkID, LinkEnd)
    /// When the last frame of a WebSocket came, on the monotonic clock, and how often the server has pinged on it: control
    /// frames up to version 4, the text `ping` from version 5 on. Leads to no action: tell it of all connections before
    /// each `tick`, which judges their silence. Tell it, and a `tick`, as soon as the server has pinged, too.
    case activity(LinkID, lastBytesAt: Duration, serverPings: UInt64)
    /// Nothing is read from a WebSocket for want of room. Leads to no action: tell it before each `tick` while it is so.
    case unread(LinkID)
    /// Messages came in one unit, new or not. `isHistory`: the first unit of a connection that asked with a position. Not
    /// for the answer to an audit.
    case received(LinkID, count: Int, isHistory: Bool)
    /// What came of an audit, after its messages were taken.
    case audited(AuditID, AuditOutcome)
    case command(ServiceCommand)
    /// Time has passed. Nothing else judges silence, since nothing else knows when the last frame came.
    case tick
    case stop
}

/// Why there is no configuration, and when to ask again.
public struct ConfigurationFailure: Sendable {
    public enum Retry: Sendable, Equatable {
        /// On a schedule of REST failures.
        case schedule(RESTPolicy.Schedule)
        case after(seconds: Double)
    }

    public var message: String
    public var cure: String
    public var retry: Retry

    public init(message: String, cure: String, retry: Retry) {
        self.message = message
        self.cure = cure
        self.retry = retry
    }
}

/// How a connection ended.
public struct LinkEnd: Sendable {
    public enum Kind: Sendable {
        /// A WebSocket close; 1006 without a Close frame, 1015 for a TLS failure.
        case closed(code: Int, reason: String)
        /// The upgrade was answered by plain HTTP.
        case refusedUpgrade(status: Int, answer: String, retryAfter: Int?)
        /// The answer to a poll that is none of the good ones.
        case refusedPoll(status: Int, headers: [(name: String, value: String)], body: [UInt8])
        /// No poll was answered in time, several in a row.
        case pollTimeout
        /// The answers hold nothing that can be read.
        case unreadable
        /// No address can be made of the configuration.
        case unusable
    }

    public var kind: Kind
    /// For people, without secrets.
    public var cause: String
    public var cure: String

    public init(_ kind: Kind, cause: String, cure: String = "") {
        self.kind = kind
        self.cause = cause
        self.cure = cure
    }

    /// What it means for a connection made by `configuration`.
    func verdict(_ configuration: PullConfiguration, repeats: Int) -> Verdict {
        let (mode, version) = (configuration.mode, configuration.version)
        return switch kind {
        case .closed(let code, let reason):
            CloseMeaning.of(
                code: code, reason: reason, requestedByUs: false, mode: mode, version: version, repeats: repeats)
        case .refusedUpgrade(let status, let answer, let retryAfter):
            HandshakeMeaning.of(
                status: status, body: answer, retryAfter: retryAfter, mode: mode, version: version, repeats: repeats)
        case .refusedPoll(let status, let headers, let body):
            PollMeaning.of(
                status: status, headers: headers, body: body, mode: mode, version: version, repeats: repeats)
        case .pollTimeout: PollMeaning.ofTimeout(repeats: 2)
        case .unreadable: PollMeaning.ofUnknownUnit()
        case .unusable:
            CloseMeaning.of(
                code: 4010, reason: "", requestedByUs: false, mode: mode, version: version, repeats: repeats)
        }
    }
}

/// What the driver has to do.
public enum SessionAction: Sendable {
    case fetchConfiguration
    case open(LinkID, PushTransport, PullConfiguration)
    case ping(LinkID)
    /// A sign of life where no ping can be read.
    case pong(LinkID)
    case close(LinkID, code: UInt16, reason: String)
    /// Messages may be in the store that no connection brings, so the position must not move on: a channel has passed its
    /// `end`, or may have, and its successor is not known yet; no connection to the channels of the configuration is proven;
    /// channels that were replaced have not been read to their end.
    case holdPosition
    case releasePosition
    /// Ask the store once, with the resume position, for what is there of the configuration's channels, by a request of
    /// its own or a second WebSocket that is closed after its history. `channel`: an index into the configuration's
    /// channels; nil: all of them. Answered by `audited`.
    case audit(AuditID, PullConfiguration, channel: Int?, via: PushTransport)
    /// The next poll of that loop asks from the resume position instead of the loop's own, once, and is an audit: answered
    /// by `audited`.
    case pollFromSafe(LinkID, AuditID)
    /// Everything up to what was the newest position at that time (monotonic), less the lag, has been received.
    case confirmPosition(asOf: Duration)
    /// Messages are gone: write that down.
    case recordGap(SessionGap)
    /// Store these sets of channels in place of the ones stored: the present one, and the former ones that may still
    /// hold messages. They come back as `restored`.
    case remember(current: PullConfiguration, former: [PullConfiguration])
    case status(SessionStatus)
    case note(SessionNote)
    /// Everything is closed; the session is over.
    case finish
}

/// What a session can say of itself.
public enum SessionStatus: Sendable, Hashable {
    case starting
    case live(PushTransport)
    /// Not subscribed; why, in words.
    case waiting(String)
    case stopped
}

/// What is worth a line in the log. Holds no secrets.
public enum SessionNote: Sendable {
    case askingForConfiguration(reason: RefreshReason)
    case configured(PullConfiguration, isChanged: Bool)
    case noConfiguration(ConfigurationFailure, retryIn: Double)
    case connecting(PushTransport, channels: String)
    case live(PushTransport)
    case rotated(from: String, to: String)
    /// `alarm`: a sentence for the operator, once it is due.
    case lost(LinkEnd, retryIn: Double, alarm: String?)
    case retired
    case stuck(silentFor: Duration)
    case serviceCommand(ServiceCommand)
    /// The push server refused an audit as one too many.
    case auditsPaused(code: Int, seconds: Double)
    /// More was waiting than one answer holds: each channel is asked by itself.
    case historyCut
    case gap(SessionGap)
    /// Something on the way does not let WebSocket through.
    case webSocketBlocked
    case webSocketWorksAgain
    /// The wall clock was set, or the machine has slept.
    case clockJumped(seconds: Double)
    /// Everything that the former channels held has been fetched.
    case formerChannelsDrained(channels: String)
    /// It could not be fetched: refused too often, or for too long.
    case formerChannelsGivenUp(channels: String)
}

/// Why the configuration is asked for.
public enum RefreshReason: String, Sendable, Hashable {
    case start = "start"
    case beforeEnd = "before the channels end"
    case afterEnd = "a channel has ended"
    case expired = "channel_expire"
    case broadcast = "config_expire or server_restart"
    case refused = "the push server refused the channels"
    case failing = "the push server cannot be reached"
    case regular = "regular look"
    case clock = "the clock was set or the machine slept"
}

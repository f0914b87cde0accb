public import Events

/// What to do next after a close, a refused handshake or the answer to a poll.
public enum Decision: Sendable, Hashable {
    /// Long polling: ask again with the newest position. Not an error.
    case poll
    /// Connect again with the same configuration.
    case reconnect
    /// Ask the portal for the configuration, then connect. Always rate-limited by whoever does it: asking does not make
    /// new channels.
    case refetch
    /// A message was larger than what a WebSocket can take. Connecting again would bring it again, so go on with long polling,
    /// whose answers are taken while they come, and never move the position past it.
    case fallBackToPolling
    /// Nothing follows from this end: it was asked for, and who asked for it knows what comes next.
    case stop
}

/// The meaning of one end or answer of a push connection, as plain values.
public struct Verdict: Sendable, Hashable {
    public var action: Decision
    /// Seconds to wait before it, to be drawn evenly. Nil: no wait of its own.
    public var delay: ClosedRange<Double>?
    /// The wait is not shorter than the next step of the reconnect schedule.
    public var obeysSchedule: Bool
    /// Counts as a failure for the schedule.
    public var isFailure: Bool
    /// When it came in the handshake or within 5 s of it: a sign that something on the way does not let WebSocket
    /// through.
    public var countsAsBlocked: Bool
    /// A sentence for the operator, once it is due.
    public var alarm: String?
    /// What it was: a WebSocket close code, a code of the push server (4010…) or an HTTP status. Two in a row with the
    /// same code are a repetition.
    public var code: Int
    /// The body holds messages, to be split and stored before the next request.
    public var hasMessages: Bool
    /// The position to take over. Nil in all cases but one: the stored position stays as it is.
    public var adopts: MessageID?

    init(
        _ action: Decision, code: Int, delay: ClosedRange<Double>? = nil, obeysSchedule: Bool = false,
        isFailure: Bool = true, countsAsBlocked: Bool = false, alarm: String? = nil, hasMessages: Bool = false,
        adopts: MessageID? = nil
    ) {
        self.action = action
        self.code = code
        self.delay = delay
        self.obeysSchedule = obeysSchedule
        self.isFailure = isFailure
        self.countsAsBlocked = countsAsBlocked
        self.alarm = alarm
        self.hasMessages = hasMessages
        self.adopts = adopts
    }

    /// Connect again on the schedule: the answer to everything that passes.
    static func onSchedule(_ code: Int, blocked: Bool = false, alarm: String? = nil) -> Verdict {
        Verdict(.reconnect, code: code, obeysSchedule: true, countsAsBlocked: blocked, alarm: alarm)
    }

    /// At least `seconds`, and up to a fifth more so that many programs do not come back at once.
    static func atLeast(_ seconds: Double) -> ClosedRange<Double> {
        seconds...(seconds * 1.2)
    }
}

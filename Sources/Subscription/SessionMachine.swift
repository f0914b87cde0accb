import PullProtocol
import Secrets
public import Timing

/// The life of one portal's session: pure rules, (state, input, time) → actions. Every input is legal in every state;
/// what belongs to a connection that is gone is ignored.
///
/// ```
///            configuration ──► connection ──► proven ──► lost ──► wait ──► connection …
///                 ▲                 │            │
///   end, expire,  │                 │            └─ audits: the store is asked for what was not sent
///   refusals ─────┘                 ├─ channels changed: a successor comes up beside it; the old one is
///                                   │  closed when the store has been asked for its last messages
///                                   └─ WebSocket blocked: long polling, with trials of WebSocket beside it
/// ```
public struct SessionMachine: Sendable {
    struct Link: Sendable {
        var id: LinkID
        var transport: PushTransport
        var configuration: PullConfiguration
        /// Of the machine's configurations that differ from the one before: which one this is.
        var revision: Int
        var openedAt: Duration?
        var isProven = false
        var lastBytesAt: Duration?
        var pingedAt: Duration?
        /// When nothing was last read from it, for want of room.
        var unreadAt: Duration?
        /// When a pong last went out that answers nothing.
        var pongedAt: Duration?
        /// How often the server has pinged.
        var serverPings: UInt64 = 0
        /// Retiring links only: when it is closed at the latest.
        var closesAt: Duration?
    }

    let rules: SessionRules
    var random: SeededRandom
    var configuration: PullConfiguration?
    var revision = 0
    var skew = 0.0

    // Links
    var serving: Link?
    var successor: Link?
    /// A WebSocket on trial beside a poll loop.
    var trial: Link?
    var retiring: [Link] = []
    /// Some connection has been open, in this run or an earlier one, or everything is wanted: channels that are replaced may
    /// hold messages of ours.
    var mayMissMessages = false
    var reconnectAt: Duration?
    /// The next connection waits for the answer to a request.
    var awaitsConfiguration = false
    var connectionBackoff: Backoff
    /// The code that the last end had, and how many ends before it had the same.
    var lastEndCode: Int?
    var repeatedEnds = 0
    var fallback = Fallback()
    private var lastLink: UInt64 = 0

    // What the store may hold
    var audits = Audits()
    var formers: [Former] = []
    var lastFormer = 0
    /// Sets of an earlier run, until the first answer of this one tells which of them are former.
    var restored: [PullConfiguration] = []
    /// When channels were replaced, Unix seconds by the portal's clock, as their subscribers were told. By the first 32
    /// digits of their ids.
    var replacements: [Secret: Int64] = [:]
    /// Messages of former channels are older than what servers keep.
    var owesRetentionGap = false
    /// When the push server was last heard of, Unix seconds.
    var lastContact: Double?
    var holdsPosition = false
    private var remembered: Remembered?

    // Refreshing the configuration
    var isFetching = false
    var fetchReason = RefreshReason.start
    var fetchAt: Duration?
    var lastFetchAt: Duration?
    /// Set by a failure: the portal must not be asked sooner, whatever the reason.
    var refusedUntil: Duration?
    var fruitless = 0
    var restBackoff = Backoff.rest
    var restSchedule = RESTPolicy.Schedule.rest
    /// Portal time. Nil once asked for, until an answer names an `end` that is ahead.
    var beforeEndAt: Double?
    var afterEndAt: Double?
    var repeatsSinceEnd = 0
    var regularAt: Duration?
    /// First 32 digits of ids that are said to have ended while they were ours.
    var expiredIDs: Set<Secret> = []
    var repeatsSinceExpire = 0
    /// Commands that anybody could have sent bring no request before this.
    var limitedUntil: Duration?

    var lastMoment: Moment?
    /// It has jumped since the portal last told its time: channels may have ended.
    var isClockInDoubt = false
    var status = SessionStatus.starting
    var isStopping = false

    public init(rules: SessionRules, seed: UInt64) {
        self.rules = rules
        random = SeededRandom(seed: seed)
        connectionBackoff = .connection(maximum: rules.maximumBackoff)
        mayMissMessages = rules.startsWithRetained
    }

    public mutating func handle(_ input: SessionInput, at now: Moment) -> [SessionAction] {
        if isStopping { return stopping(input) }
        var actions: [SessionAction] = []
        switch input {
        case .activity(let id, let lastBytesAt, let serverPings):
            note(id, lastBytesAt: lastBytesAt, serverPings: serverPings, at: now)
            return actions
        case .unread(let id):
            noteUnread(id, at: now)
            return actions
        default: watchClock(at: now, &actions)
        }
        switch input {
        case .start: requestFetch(.start, in: 0...rules.startSpread, at: now)
        case .restored(let former, let lastContact): restore(former, lastContact: lastContact)
        case .configured(let configuration, let skew): configured(configuration, skew: skew, at: now, &actions)
        case .configurationFailed(let failure): configurationFailed(failure, at: now, &actions)
        case .opened(let id): opened(id, at: now)
        case .proven(let id): proven(id, at: now, &actions)
        case .ended(let id, let end): ended(id, end, at: now, &actions)
        case .received(let id, let count, let isHistory):
            received(id, count: count, isHistory: isHistory, at: now, &actions)
        case .audited(let id, let outcome): audited(id, outcome, at: now, &actions)
        case .command(let command): obey(command, at: now, &actions)
        case .tick: judgeSilence(at: now, &actions)
        case .stop:
            stop(&actions)
            return actions
        case .activity, .unread: break
        }
        dueFetches(at: now, &actions)
        dueLinks(at: now, &actions)
        dueTrials(at: now, &actions)
        forgetAgedFormers(at: now, &actions)
        dueAudits(at: now, &actions)
        if isServed, owesRetentionGap {
            owesRetentionGap = false
            record(SessionGap(reason: .retention, channel: .unknown), &actions)
        }
        if holdsPosition != isIncomplete(at: now) {
            holdsPosition.toggle()
            actions.append(holdsPosition ? .holdPosition : .releasePosition)
        }
        remember(&actions)
        return actions
    }

    /// A proven connection has the channels of the configuration.
    var isServed: Bool {
        guard let serving else { return false }
        return serving.isProven && serving.revision == revision
    }

    /// Messages may be in the store that no connection brings.
    func isIncomplete(at now: Moment) -> Bool {
        guard let configuration, isServed, formers.isEmpty, !isClockInDoubt else { return true }
        return Double(configuration.earliestEnd) <= portalTime(at: now)
    }

    private mutating func stop(_ actions: inout [SessionAction]) {
        isStopping = true
        settleLooksCut(of: configuration, &actions)
        for link in links { actions.append(.close(link.id, code: 1000, reason: "")) }
        change(.stopped, &actions)
        if links.isEmpty { actions.append(.finish) }
    }

    private mutating func stopping(_ input: SessionInput) -> [SessionAction] {
        guard case .ended(let id, _) = input, links.contains(where: { $0.id == id }) else { return [] }
        forget(id)
        return links.isEmpty ? [.finish] : []
    }

    var links: [Link] { [serving, successor, trial].compactMap { $0 } + retiring }

    mutating func forget(_ id: LinkID) {
        if serving?.id == id { serving = nil }
        if successor?.id == id { successor = nil }
        if trial?.id == id { trial = nil }
        retiring.removeAll { $0.id == id }
    }

    mutating func nextLinkID() -> LinkID {
        lastLink += 1
        return LinkID(number: lastLink)
    }

    mutating func change(_ new: SessionStatus, _ actions: inout [SessionAction]) {
        guard new != status else { return }
        status = new
        actions.append(.status(new))
    }

    func record(_ gap: SessionGap, _ actions: inout [SessionAction]) {
        actions.append(.note(.gap(gap)))
        actions.append(.recordGap(gap))
    }

    mutating func draw(_ range: ClosedRange<Double>) -> Double {
        Double.random(in: range, using: &random)
    }

    /// When `handle(.tick)` has something to do at the latest. Wall-clock times are translated anew at each call, so ask
    /// again after at most a minute: the clock may have been set, the machine may have slept.
    public func deadline(at now: Moment) -> Duration? {
        var times: [Duration] = []
        if !isFetching {
            times = [fetchAt, reconnectAt, regularAt].compactMap { $0 }
            for wall in [beforeEndAt, afterEndAt].compactMap({ $0 }) {
                times.append(now.monotonic + .seconds(max(0, wall - portalTime(at: now))))
            }
        }
        if let configuration, !holdsPosition {
            let left = Double(configuration.earliestEnd) - portalTime(at: now)
            times.append(now.monotonic + .seconds(max(0, left)))
        }
        for link in links { times += linkDeadlines(link) }
        times += [trialDeadline, auditDeadline].compactMap { $0 }
        return times.min()
    }

    func portalTime(at now: Moment) -> Double { now.wall + skew }
}

/// The sets of channels that the next run has to know of.
extension SessionMachine {
    private struct Remembered: Sendable {
        var current: PullConfiguration
        var formers: [PullConfiguration]

        /// Whether the next run would be no wiser.
        func isSame(as other: Remembered) -> Bool {
            current.makesSameConnections(as: other.current) && current.earliestEnd == other.current.earliestEnd
                && current.channels == other.current.channels && formers == other.formers
        }
    }

    /// Before that, nothing that was sent is this session's.
    private mutating func remember(_ actions: inout [SessionAction]) {
        guard mayMissMessages, let configuration else { return }
        let known = Remembered(
            current: withReplacements(configuration), formers: formers.map { withReplacements($0.configuration) })
        if let remembered, remembered.isSame(as: known) { return }
        remembered = known
        actions.append(.remember(current: known.current, former: known.formers))
    }
}

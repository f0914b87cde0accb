import PullProtocol
import Secrets
public import Timing

/// The life of one portal's session: pure rules, (state, input, time) → actions. Every input is legal in every state;
/// what belongs to a connection that is gone is ignored.
///
/// ```
///            configuration ──► connection ──► proven ──► lost ──► wait ──► connection …
///                 ▲                 │
///   end, expire,  │                 └─ channels changed: a successor comes up beside it,
///   refusals ─────┘                    then the old one retires after an overlap
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
        var lastFrameAt: Duration?
        var pingedAt: Duration?
        /// Retiring links only.
        var retiresAt: Duration?
        /// It fetches a leftover.
        var isCatchingUp = false
    }

    let rules: SessionRules
    var random: SeededRandom
    var configuration: PullConfiguration?
    var revision = 0
    var skew = 0.0

    // Links
    var serving: Link?
    var successor: Link?
    var retiring: [Link] = []
    var leftovers: [Leftover] = []
    /// Some connection has been proven.
    var wasLive = false
    var reconnectAt: Duration?
    /// The next connection waits for the answer to a request.
    var awaitsConfiguration = false
    var connectionBackoff: Backoff
    /// The code that the last end had, and how many ends before it had the same.
    var lastEndCode: Int?
    var repeatedEnds = 0
    private var lastLink: UInt64 = 0

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
    /// Portal time. Nil once asked for, until there is another `end`.
    var beforeEndAt: Double?
    var afterEndAt: Double?
    var repeatsSinceEnd = 0
    var regularAt: Duration?
    /// First 32 digits of ids that are said to have ended while they were ours.
    var expiredIDs: Set<Secret> = []
    var repeatsSinceExpire = 0
    var holdsPosition = false

    var status = SessionStatus.starting
    var isStopping = false

    public init(rules: SessionRules, seed: UInt64) {
        self.rules = rules
        random = SeededRandom(seed: seed)
        connectionBackoff = .connection(maximum: rules.maximumBackoff)
    }

    public mutating func handle(_ input: SessionInput, at now: Moment) -> [SessionAction] {
        if isStopping { return stopping(input) }
        var actions: [SessionAction] = []
        switch input {
        case .start: requestFetch(.start, in: 0...rules.startSpread, at: now)
        case .configured(let configuration, let skew): configured(configuration, skew: skew, at: now, &actions)
        case .configurationFailed(let failure): configurationFailed(failure, at: now, &actions)
        case .opened(let id): opened(id, at: now)
        case .proven(let id):
            leftoverFetched(id)
            proven(id, at: now, &actions)
        case .ended(let id, let end): ended(id, end, at: now, &actions)
        case .activity(let id, let lastFrameAt):
            note(id, lastFrameAt: lastFrameAt)
            return actions
        case .command(let command): obey(command, at: now, &actions)
        case .tick: judgeSilence(at: now, &actions)
        case .stop:
            stop(&actions)
            return actions
        }
        dueFetches(at: now, &actions)
        dueLinks(at: now, &actions)
        dueLeftovers(at: now, &actions)
        if holdsPosition != isIncomplete(at: now) {
            holdsPosition.toggle()
            actions.append(holdsPosition ? .holdPosition : .releasePosition)
        }
        return actions
    }

    /// Messages may be in the store that no connection brings.
    private func isIncomplete(at now: Moment) -> Bool {
        guard let configuration, let serving, serving.isProven, serving.revision == revision, leftovers.isEmpty else {
            return true
        }
        return Double(configuration.earliestEnd) <= portalTime(at: now)
    }

    private mutating func stop(_ actions: inout [SessionAction]) {
        isStopping = true
        for link in links { actions.append(.close(link.id, code: 1000, reason: "")) }
        change(.stopped, &actions)
        if links.isEmpty { actions.append(.finish) }
    }

    private mutating func stopping(_ input: SessionInput) -> [SessionAction] {
        guard case .ended(let id, _) = input, links.contains(where: { $0.id == id }) else { return [] }
        forget(id)
        return links.isEmpty ? [.finish] : []
    }

    var links: [Link] { [serving, successor].compactMap { $0 } + retiring }

    mutating func forget(_ id: LinkID) {
        if serving?.id == id { serving = nil }
        if successor?.id == id { successor = nil }
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
        if let leftoversDueAt { times.append(leftoversDueAt) }
        for link in links { times += linkDeadlines(link) }
        return times.min()
    }

    func portalTime(at now: Moment) -> Double { now.wall + skew }
}

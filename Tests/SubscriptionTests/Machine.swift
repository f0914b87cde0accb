import Events
import PullProtocol
import Testing
import Timing

@testable import Subscription

/// A session machine under test: a clock that only moves when told, and the actions of each step.
struct Machine {
    var machine: SessionMachine
    var now = Moment(monotonic: .seconds(1000), wall: 1_700_000_000)
    private(set) var last: [SessionAction] = []
    /// All notes, statuses and so on since the beginning.
    private(set) var all: [SessionAction] = []
    /// What `run` answers every request with, if anything.
    var answer: PullConfiguration?
    /// What `run` answers every audit with, if anything.
    var auditOutcome: AuditOutcome? = .complete
    /// Whether `run` lets every open connection have heard something just before each tick.
    var hears = false

    init(seed: UInt64 = 1, _ edit: (inout SessionRules) -> Void = { _ in }) {
        var rules = SessionRules()
        edit(&rules)
        machine = SessionMachine(rules: rules, seed: seed)
    }

    @discardableResult
    mutating func send(_ input: SessionInput) -> [SessionAction] {
        last = machine.handle(input, at: now)
        all += last
        return last
    }

    mutating func pass(_ seconds: Double) {
        now.monotonic += .seconds(seconds)
        now.wall += seconds
    }

    /// Ticks at each deadline for `seconds`; the actions of all of them, with the times since the call.
    @discardableResult
    mutating func run(for seconds: Double) -> [(at: Double, action: SessionAction)] {
        let start = now
        let end = now.monotonic + .seconds(seconds)
        var happened: [(at: Double, action: SessionAction)] = []
        var steps = 0
        if let audit = machine.audits.running, let auditOutcome {
            happened += send(.audited(audit.id, auditOutcome)).map { (0, $0) }
        }
        while let deadline = machine.deadline(at: now), deadline <= end, steps < 100_000 {
            steps += 1
            pass(max(0.001, (deadline - now.monotonic).inSeconds))
            let at = (now.monotonic - start.monotonic).inSeconds
            if hears { hear() }
            happened += send(.tick).map { (at, $0) }
            if fetches, let answer { happened += send(.configured(answer, skew: 0)).map { (at, $0) } }
            while let audit = machine.audits.running, let auditOutcome {
                happened += send(.audited(audit.id, auditOutcome)).map { (at, $0) }
            }
        }
        if now.monotonic < end { pass((end - now.monotonic).inSeconds) }
        return happened
    }

    /// All open connections have just heard something.
    mutating func hear() {
        for link in machine.links where link.openedAt != nil {
            send(.activity(link.id, lastBytesAt: now.monotonic, serverPings: link.serverPings))
        }
    }

    /// The next audit of channels that `configuration(name)` makes, other audits being complete. Time stands still then.
    mutating func nextAudit(
        of name: Character, within seconds: Double
    ) -> (id: AuditID, channel: Int?, via: PushTransport, at: Double)? {
        let begin = now.monotonic
        if let audit = machine.audits.running, case .present = audit.subject { send(.audited(audit.id, .complete)) }
        (auditOutcome, hears) = (nil, true)
        defer { (auditOutcome, hears) = (.complete, false) }
        while (now.monotonic - begin).inSeconds < seconds {
            for happened in run(for: 0.1) {
                if case .pollFromSafe(_, let id) = happened.action { send(.audited(id, .complete)) }
                if case .audit(let id, let audited, let channel, let transport) = happened.action {
                    if audited.makesSameConnections(as: configuration(name)) {
                        return (id, channel, transport, (now.monotonic - begin).inSeconds)
                    }
                    send(.audited(id, .complete))
                }
            }
        }
        return nil
    }

    /// The same where it has to come.
    mutating func audit(
        of name: Character, within seconds: Double
    ) throws -> (id: AuditID, channel: Int?, via: PushTransport, at: Double) {
        let audit = nextAudit(of: name, within: seconds)
        return try #require(audit)
    }

    var opened: [LinkID] {
        last.compactMap { if case .open(let id, _, _) = $0 { id } else { nil } }
    }

    var closed: [LinkID] {
        last.compactMap { if case .close(let id, _, _) = $0 { id } else { nil } }
    }

    var audits: [AuditID] { last.compactMap(\.auditID) }
    var gaps: [SessionGap] {
        all.compactMap { if case .recordGap(let gap) = $0 { gap } else { nil } }
    }

    var fetches: Bool { last.contains { if case .fetchConfiguration = $0 { true } else { false } } }

    /// Starts, gets `configuration` and proves the first connection.
    mutating func goLive(_ configuration: PullConfiguration) -> LinkID? {
        send(.start)
        send(.configured(configuration, skew: 0))
        guard let id = opened.first else { return nil }
        send(.opened(id))
        send(.proven(id))
        return id
    }

    /// The same where the connection is needed.
    mutating func live(_ configuration: PullConfiguration) throws -> LinkID {
        let id = goLive(configuration)
        return try #require(id)
    }
}

extension SessionAction {
    var isFetch: Bool { if case .fetchConfiguration = self { true } else { false } }
    var openedLink: LinkID? { if case .open(let id, _, _) = self { id } else { nil } }
    var openedTransport: PushTransport? { if case .open(_, let transport, _) = self { transport } else { nil } }
    var confirmed: Duration? { if case .confirmPosition(let time) = self { time } else { nil } }
    var auditID: AuditID? {
        switch self {
        case .audit(let id, _, _, _): id
        case .pollFromSafe(_, let id): id
        default: nil
        }
    }
}

/// A configuration with the two usual channels; `name` makes the ids differ.
func configuration(
    _ name: Character = "0", end: Int64 = 1_700_043_205, version: Int = 4, webSocket: Bool = true
) -> PullConfiguration {
    let ids = ["a", "b"].map { String(repeating: name, count: 31) + $0 + ".0123456789" }
    let channels = zip([ChannelKind.private, .shared], ids).compactMap { kind, id in
        ChannelID(id).map { Channel(kind: kind, id: $0, end: end) }
    }
    return PullConfiguration(
        version: version, webSocketURL: webSocket ? "wss://rt.example.test/subws/" : nil,
        longPollingURL: "https://rt.example.test/sub/", channels: channels, earliestEnd: end)
}

let lost = LinkEnd(.closed(code: 1006, reason: ""), cause: "the connection ended without a Close")

/// What a refusal with one of the push server's codes, or an HTTP status, means for an audit.
func refusal(_ code: Int) -> Verdict {
    PollMeaning.of(status: code < 1000 ? code : 400, headers: [], body: code < 1000 ? [] : Array("\(code): no".utf8))
}

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
    mutating func run(for seconds: Double) -> [(at: Double, action: SessionAction)] {
        let start = now
        let end = now.monotonic + .seconds(seconds)
        var happened: [(at: Double, action: SessionAction)] = []
        var steps = 0
        while let deadline = machine.deadline(at: now), deadline <= end, steps < 100_000 {
            steps += 1
            pass(max(0.001, (deadline - now.monotonic).inSeconds))
            let at = (now.monotonic - start.monotonic).inSeconds
            happened += send(.tick).map { (at, $0) }
            if fetches, let answer { happened += send(.configured(answer, skew: 0)).map { (at, $0) } }
        }
        if now.monotonic < end { pass((end - now.monotonic).inSeconds) }
        return happened
    }

    var opened: [LinkID] {
        last.compactMap { if case .open(let id, _, _) = $0 { id } else { nil } }
    }

    var closed: [LinkID] {
        last.compactMap { if case .close(let id, _, _) = $0 { id } else { nil } }
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

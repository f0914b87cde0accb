public import Delivery
public import Events
import Timing

/// What became of one attempt to hand an event over.
public enum ReplayVerdict: Hashable, Sendable {
    case taken
    /// This event was not taken; others may be.
    case refused(reason: String)
    /// Nothing is taken at present.
    ///
    /// - Parameter retryAfter: as the target wishes it; nil: it says nothing.
    case unavailable(reason: String, retryAfter: Duration?)
    /// Nothing will be taken any more.
    case gone(reason: String)
    /// What is written to is broken.
    case broken(OutputFailure)
}

/// Where a replay sends to.
public protocol ReplayTarget: Sendable {
    /// One attempt at the event at that place of the batch.
    func send(_ index: Int, of batch: EventBatch) async -> ReplayVerdict
}

/// How a replay ended.
public struct ReplayOutcome: Hashable, Sendable {
    /// Why it ended before its end.
    public enum Stop: Hashable, Sendable {
        /// The target takes nothing; for people.
        case target(reason: String)
        /// The task was cancelled.
        case cancelled
    }

    public var sent = 0
    public var failed = 0
    /// Nil: it went through.
    public var stop: Stop?
    /// The first one that was not sent because of that.
    public var next: UInt64?

    public init() {}
}

/// Sends events of the journal again, in their order, one at a time.
public struct Replay: Sendable {
    /// What happens while it runs.
    public enum Step: Sendable {
        case sent
        /// Given up, with its number and name.
        case failed(number: UInt64, name: String, reason: String)
        /// Tried again after a while.
        case waiting(number: UInt64, reason: String)
    }

    private let source: any HistorySource
    private let selection: EventSelection
    private let plan: ReplayPlan
    private let target: any ReplayTarget
    private let rate: RateLimit?
    private let clock: DeliveryClock

    /// - Parameters:
    ///   - plan: of the same selection.
    ///   - rate: nil: as fast as the target takes them.
    public init(
        _ plan: ReplayPlan, of selection: EventSelection, from source: any HistorySource, to target: any ReplayTarget,
        rate: RateLimit? = nil, clock: DeliveryClock = .system
    ) {
        self.plan = plan
        self.selection = selection
        self.source = source
        self.target = target
        self.rate = rate
        self.clock = clock
    }

    /// An event that is not taken is tried `ReplayRetry.attempts` times, then counted as failed, and the next one goes. A
    /// target that takes nothing at all ends the replay.
    public func run(_ report: (Step) -> Void) async throws(HistoryFailure) -> ReplayOutcome {
        var outcome = ReplayOutcome()
        guard let numbers = plan.numbers else { return outcome }
        var rate = rate
        var events = SelectedEvents(numbers, of: selection, in: source)
        while let (batch, indices) = try events.next() {
            for index in indices {
                let number = batch.firstSequence &+ UInt64(index)
                if let delay = rate?.wait(at: clock.time.now().monotonic), delay > .zero {
                    try? await clock.sleep(delay)
                }
                let end = try await send(index, of: batch, number, report)
                switch end {
                case .done: outcome.sent += 1
                case .failed: outcome.failed += 1
                case .stop(let stop):
                    outcome.stop = stop
                    outcome.next = number
                    return outcome
                }
            }
        }
        return outcome
    }

    private enum End {
        case done
        case failed
        case stop(ReplayOutcome.Stop)
    }

    private func send(_ index: Int, of batch: EventBatch, _ number: UInt64, _ report: (Step) -> Void)
        async throws(HistoryFailure) -> End
    {
        var retry = ReplayRetry()
        while true {
            if Task.isCancelled { return .stop(.cancelled) }
            let verdict = await target.send(index, of: batch)
            switch retry.next(after: verdict, random: clock.random()) {
            case .done:
                report(.sent)
                return .done
            case .again(let delay, let reason):
                // What a cancelled attempt says is no news.
                if Task.isCancelled { return .stop(.cancelled) }
                report(.waiting(number: number, reason: reason))
                try? await clock.sleep(delay)
            case .failed(let reason):
                report(.failed(number: number, name: batch.eventName(index), reason: reason))
                return .failed
            case .stop(let reason): return .stop(.target(reason: reason))
            case .broken(let failure): throw .output(failure)
            }
        }
    }
}

/// When an event is tried again, and when it is given up.
struct ReplayRetry {
    enum Step: Hashable {
        case done
        case again(after: Duration, reason: String)
        case failed(reason: String)
        case stop(reason: String)
        case broken(OutputFailure)
    }

    static let attempts = 4
    /// Somebody is waiting at the terminal.
    static let longestWait = Duration.seconds(60)

    private var made = 0
    private var backoff = Backoff.doubling(from: .seconds(1), to: .seconds(8), jitter: -0.2...0)

    /// - Parameter random: between 0 and 1.
    mutating func next(after verdict: ReplayVerdict, random: Double) -> Step {
        made += 1
        let isLast = made >= Self.attempts
        switch verdict {
        case .taken: return .done
        case .broken(let failure): return .broken(failure)
        case .gone(let reason): return .stop(reason: reason)
        case .refused(let reason):
            return isLast ? .failed(reason: reason) : .again(after: backoff.next(random: random), reason: reason)
        case .unavailable(let reason, let retryAfter):
            let wait = max(backoff.next(random: random), min(retryAfter ?? .zero, Self.longestWait))
            return isLast ? .stop(reason: reason) : .again(after: wait, reason: reason)
        }
    }
}

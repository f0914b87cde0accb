import Events
import Journal
public import Logging
import Synchronization
import Timing
public import Transport

/// Posts events to a webhook: in the order of each portal or without, one or several at a time, again when they fail, as
/// `WebhookLanes` decides. At least once: after a crash what the journal did not yet have on disk comes again, under the
/// same ids.
///
/// ```
///  journal ─► feed ─► lanes ─► work (one task a request) ─► target
///                       ▲         │
///                       └─────────┴─► progress ─► journal
/// ```
public final class WebhookRunner: EventRunner {
    public let name: String
    private let poster: WebhookPoster
    private let pace: WebhookPace
    private let source: any EventSource
    private let filter: EventFilter
    private let logger: Logger
    private let clock: DeliveryClock
    private let retryInterval: Duration
    private let onAttempt: (@Sendable (WebhookAttempt) -> Void)?
    private let drain: DrainLimit
    private let progress: DeliveryProgress
    private let state: Mutex<State>
    /// Rung when events may be added, the journal has something to bring to disk, and when a time has come nearer.
    private let feedBell = Bell()
    private let keepBell = Bell()
    private let alarmBell = Bell()

    /// Dead letters that are held in memory to be sent again.
    private static let retriesAtOnce = 32

    private struct State: Sendable {
        var lanes: WebhookLanes
        /// Of tasks that found nothing to send.
        var idle: [Bell] = []
        /// No further request is begun.
        var isStopping = false
        var alarm: Duration?
        var deadLetters = DeadLetterLog()

        /// One task that has nothing to do, if there may be something for it.
        mutating func takeIdle(now: Duration) -> [Bell] {
            lanes.mayHaveMore(now: now) ? idle.popLast().map { [$0] } ?? [] : []
        }

        /// All of them.
        mutating func takeAllIdle() -> [Bell] {
            defer { idle = [] }
            return idle
        }
    }

    /// - Parameters:
    ///   - drainLimit: how long after the journal's end the rest of it may take.
    ///   - stopLimit: how long after `requestStop` the requests under way may take: those cut off come twice.
    ///   - retryInterval: how often is looked whether somebody asked for dead letters to be sent again.
    ///   - onAttempt: told of each request, from any thread.
    public init(
        name: String, target: WebhookTarget, pace: WebhookPace, client: any HTTPClient, source: any EventSource,
        filter: EventFilter = .all, logger: Logger, drainLimit: Duration = .seconds(5),
        stopLimit: Duration = .seconds(5), retryInterval: Duration = .seconds(1), clock: DeliveryClock = .system,
        onAttempt: (@Sendable (WebhookAttempt) -> Void)? = nil
    ) {
        self.name = name
        var target = target
        target.isBatched = pace.batchSize > 1
        poster = WebhookPoster(target: target, client: client, clock: clock)
        self.pace = pace
        self.source = source
        self.filter = filter
        self.logger = logger
        self.clock = clock
        self.retryInterval = retryInterval
        self.onAttempt = onAttempt
        drain = DrainLimit(
            name: name, source: source, limit: drainLimit, stopLimit: stopLimit, clock: clock, logger: logger)
        progress = DeliveryProgress(sink: name, source: source, logger: logger, clock: clock)
        state = Mutex(State(lanes: WebhookLanes(pace: pace, sink: name)))
    }

    public var counts: SinkCounts { progress.counts }

    public func reopen() {}

    public func requestStop() {
        drain.requestStop()
        let idle = state.withLock { state in
            state.isStopping = true
            return state.takeAllIdle()
        }
        for bell in idle { bell.ring() }
    }

    public func run() async throws(SinkError) {
        try await drain.run(counts: { self.counts }) { [self] in await deliverAll() }
    }

    /// What a part of the run says when it ends.
    private enum Ending {
        /// The run is over.
        case run(SinkError?)
        /// The other parts go on.
        case part
    }

    private func deliverAll() async -> SinkError? {
        let fault = await withTaskGroup(of: Ending.self) { group in
            group.addTask { await self.feed() }
            group.addTask { await self.keep() }
            group.addTask { await self.lookForRetries() }
            group.addTask { await self.watchTime() }
            group.addTask {
                await withDiscardingTaskGroup { workers in
                    for _ in 0..<self.pace.concurrency { workers.addTask { await self.work() } }
                }
                return .run(nil)
            }
            var fault: SinkError?
            for await case .run(let error) in group {
                fault = fault ?? error
                group.cancelAll()
            }
            return fault
        }
        tellUntold(isEnd: true)
        return fault
    }

    private var now: Duration { clock.time.now().monotonic }

    // MARK: requests

    private func work() async {
        let bell = Bell()
        while !Task.isCancelled {
            let now = now
            let (next, others, isNearer) = state.withLock { state in
                let next = state.isStopping ? .end : state.lanes.next(now: now)
                var (others, isNearer): ([Bell], Bool) = ([], false)
                switch next {
                case .job: others = state.takeIdle(now: now)
                case .end: others = state.takeAllIdle()
                case .wait(let until):
                    state.idle.append(bell)
                    if let until, state.alarm.map({ until < $0 }) ?? true {
                        state.alarm = until
                        isNearer = true
                    }
                }
                return (next, others, isNearer)
            }
            for other in others { other.ring() }
            if isNearer { alarmBell.ring() }
            switch next {
            case .job(let job): await carryOut(job)
            case .wait:
                askForDisk()
                await bell.wait()
            case .end: return
            }
        }
    }

    private func carryOut(_ job: WebhookLanes.Job) async {
        let answer = await poster.post(job.events)
        // Whether a request arrived that was cut off nobody knows; after the next start it comes again.
        if Task.isCancelled, case .targetDown(.stopped, _) = answer.verdict { return }
        let moment = clock.time.now()
        let isBack = change { state in
            state.lanes.ended(
                job.id, answer.verdict, now: moment.monotonic, wall: Int64(moment.wall * 1e6), random: clock.random())
        }
        tell(job, answer, isBack: isBack)
    }

    /// Changes the lanes and keeps what came of it, in the order of the changes.
    @discardableResult
    private func change<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
        let (result, hasRoom, needsDisk) = state.withLock { state in
            let result = body(&state)
            if let step = state.lanes.takeStep() {
                progress.advance(
                    through: step.through, delivered: step.delivered, filtered: step.filtered, dead: step.dead)
                progress.revived(step.revived.count)
                progress.settled(place: "", dead: step.letters, revived: step.revived)
                tell(step.letters, &state)
            }
            return (result, state.lanes.hasRoom, state.lanes.durabilityGoal != nil)
        }
        if hasRoom { feedBell.ring() }
        if needsDisk { keepBell.ring() }
        return result
    }

    private func wakeIdle() {
        let now = now
        for bell in state.withLock({ $0.takeIdle(now: now) }) { bell.ring() }
    }

    // MARK: events

    private func feed() async -> Ending {
        let reading = PatientReading(source: source, progress: progress, clock: clock)
        do throws(SinkError) {
            while true {
                while !state.withLock({ $0.lanes.hasRoom }) {
                    await feedBell.wait()
                    if Task.isCancelled { return .part }
                }
                guard let batches = try await reading.next() else { break }
                progress.announce(batches)
                let now = now
                change { state in
                    for batch in batches { state.lanes.add(batch, filter: filter, now: now) }
                }
                wakeIdle()
            }
        } catch {
            return .run(error)
        }
        let now = now
        let idle = state.withLock { state in
            state.lanes.finish(now: now)
            return state.takeAllIdle()
        }
        for bell in idle { bell.ring() }
        return .part
    }

    /// Asks for dead letters that are to be sent again.
    private func lookForRetries() async -> Ending {
        while !Task.isCancelled {
            state.withLock { $0.lanes.requests.beginLook() }
            // What cannot be read now is read the next time; the journal itself tells of its troubles.
            if let letters = try? source.requestedRetries(limit: Self.retriesAtOnce), !letters.isEmpty {
                let now = now
                change { $0.lanes.add(letters, now: now) }
                wakeIdle()
            }
            tellUntold(isEnd: false)
            do { try await clock.sleep(retryInterval) } catch { break }
        }
        return .part
    }

    // MARK: the journal's disk

    private func askForDisk() {
        if state.withLock({ $0.lanes.durabilityGoal != nil }) { keepBell.ring() }
    }

    private func keep() async -> Ending {
        while !Task.isCancelled {
            guard let goal = state.withLock({ $0.lanes.durabilityGoal }) else {
                await keepBell.wait()
                continue
            }
            if source.durableSequence < goal { await source.durable(through: goal) }
            let sequence = source.durableSequence
            state.withLock { $0.lanes.durable(through: sequence) }
            wakeIdle()
            // A journal that has failed does not let anybody wait.
            if sequence < goal { try? await clock.sleep(.milliseconds(250)) }
        }
        return .part
    }

    // MARK: time

    /// Wakes a task when the time has come that one waits for.
    private func watchTime() async -> Ending {
        while !Task.isCancelled {
            guard let alarm = state.withLock({ $0.alarm }) else {
                await alarmBell.wait()
                continue
            }
            let rest = alarm - now
            if rest > .zero {
                await withTaskGroup { group in
                    group.addTask { try? await self.clock.sleep(rest) }
                    group.addTask { await self.alarmBell.wait() }
                    await group.next()
                    group.cancelAll()
                }
                continue
            }
            let bell = state.withLock { state in
                state.alarm = nil
                return state.idle.popLast()
            }
            bell?.ring()
        }
        return .part
    }

    // MARK: words

    private func tell(_ job: WebhookLanes.Job, _ answer: WebhookAnswer, isBack: Bool) {
        if isBack { progress.resumed() }
        if let first = job.events.first {
            switch answer.verdict {
            case .targetDown(let fault, _), .unwanted(let fault): progress.blocked(by: fault)
            case .failed(let reason):
                logger.debug(
                    "the webhook did not take an event",
                    metadata: [
                        "sink": "\(name)", "seq": "\(first.sequence)", "portal": "\(first.portal)",
                        "events": "\(job.events.count)", "attempt": "\(job.number)", "reason": "\(reason)",
                    ])
            case .taken: break
            }
            onAttempt?(
                WebhookAttempt(
                    sequence: first.sequence, portal: first.portal, name: first.name, count: job.events.count,
                    number: job.number, answer: answer))
        }
    }

    private func tell(_ letters: [DeadLetter], _ state: inout State) {
        for letter in letters where state.deadLetters.tells(now: now) {
            logger.warning(
                "event given up, it is a dead letter now",
                metadata: [
                    "sink": "\(name)", "seq": "\(letter.batch.firstSequence)", "portal": "\(letter.batch.portal)",
                    "attempts": "\(letter.attempts)", "reason": "\(letter.reason)",
                    "cure": "mend the webhook, then: pulld dead retry",
                ])
        }
    }

    private func tellUntold(isEnd: Bool) {
        let now = now
        guard let count = state.withLock({ $0.deadLetters.takeUntold(now: now, isEnd: isEnd) }) else { return }
        logger.warning("more events given up", metadata: ["sink": "\(name)", "events": "\(count)"])
    }
}

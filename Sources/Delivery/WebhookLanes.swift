import Events
import Journal
import Timing

/// Decides which events a webhook gets next, and what has become of each. Pure: it holds no clock, no socket and no
/// chance.
///
/// ```
///  add ─► lanes (one a portal) ─► next ─► request ─► ended ─► fates ─► step: how far all have had theirs
///            ▲                                        │
///            └── again: later, or in single events ◄──┘
/// ```
///
/// With order a lane has one request under way, and none while an event of it waits for its next attempt; without order
/// all events are in one lane that has as many as there may be.
struct WebhookLanes: Sendable {
    /// A request to be sent.
    struct Job: Sendable {
        let id: Int
        let events: [WebhookEvent]
        /// From 1: how often they have been sent, this time included.
        let number: Int
    }

    enum Next {
        case job(Job)
        /// Nothing at present. Something may be by then, or after the next change.
        case wait(until: Duration?)
        /// Nothing any more.
        case end
    }

    /// What has changed since the last time.
    struct Step {
        /// All events up to here have had their fate.
        var through: UInt64 = 0
        var delivered = 0
        var filtered = 0
        var dead = 0
        /// The new ones, and those that failed again.
        var letters: [DeadLetter] = []
        /// Numbers of dead letters that were taken after all.
        var revived: [UInt64] = []

        var isEmpty: Bool { delivered + filtered + dead == 0 && letters.isEmpty && revived.isEmpty }
    }

    let pace: WebhookPace
    let sink: String
    var entries = Queue<Entry>()
    /// Entries that have gone: the number of the first one in `entries`.
    var base = 0
    /// Of entries that are dead, by their ordinals.
    var letters: [Int: DeadLetter] = [:]
    var lanes: [Lane] = []
    var laneOfPortal: [String: Int] = [:]
    var units: [Int: Unit] = [:]
    private var lastID = 0
    /// Lanes that may send, and requests that may be repeated.
    var ready = Queue<Ready>()
    var timers = DueList<Ready>()
    var health = TargetHealth()
    var requests = RetryRequests()
    var step = Step()
    var isFinished = false

    /// Under way.
    private var inFlight = 0
    /// Events that are not held back, by their rank: so many have been added, are behind the cursor, and are behind it on
    /// disk. Only what is less than the window ahead of the last is sent, so no more than that comes again after a crash.
    var addedRank = 0
    var passedRank = 0
    private var keptRank = 0
    /// What the cursor has passed since: up to which number, and the rank there.
    var passed = Queue<(through: UInt64, rank: Int)>()
    private var waitsForJournal = false
    /// Of the events in memory.
    var bytes = 0

    private static let byteLimit = 2 * 1024 * 1024
    private static let countLimit = 16 * 1024

    init(pace: WebhookPace, sink: String) {
        self.pace = pace
        self.sink = sink
    }

    /// Whether more events should be added.
    var hasRoom: Bool { bytes < Self.byteLimit && entries.count < max(Self.countLimit, pace.window) }

    /// Whether `next` has more than one answer at once.
    func mayHaveMore(now: Duration) -> Bool {
        !ready.isEmpty && inFlight < pace.concurrency && health.admits(now: now)
    }

    // MARK: requests

    mutating func next(now: Duration) -> Next {
        for item in timers.takeDue(now: now) { fire(item, now: now) }
        if isFinished, entries.isEmpty, units.isEmpty { return .end }
        guard inFlight < pace.concurrency else { return .wait(until: nil) }
        guard health.admits(now: now) else {
            return .wait(until: health.pausedUntil.flatMap { $0 > now ? $0 : nil })
        }
        waitsForJournal = false
        let place = (0..<ready.count).first { ready[$0].map(fits) ?? false }
        guard let place, let item = ready.remove(at: place) else {
            waitsForJournal = !ready.isEmpty
            return .wait(until: timers.earliest)
        }
        return .job(start(item, now: now))
    }

    private mutating func start(_ item: Ready, now: Duration) -> Job {
        let id: Int
        switch item {
        case .unit(let unit): id = unit
        case .lane(let lane):
            lastID += 1
            id = lastID
            units[id] = cut(lane, now: now)
        }
        units[id]?.sendings += 1
        units[id]?.epoch = health.epoch
        health.began()
        inFlight += 1
        guard let unit = units[id] else { return Job(id: id, events: [], number: 1) }
        let events = unit.letter.map { [WebhookEvent(source: WebhookBatch($0.batch), index: 0)] }
        return Job(
            id: id, events: events ?? unit.ordinals.compactMap { entries[$0 - base]?.event }, number: unit.sendings)
    }

    /// Takes what the lane sends next.
    private mutating func cut(_ lane: Int, now: Duration) -> Unit {
        lanes[lane].isListed = false
        lanes[lane].isBusy = pace.isOrdered
        defer { list(lane, now: now) }
        if let letter = lanes[lane].letters.popFirst() { return Unit(lane: lane, ordinals: [], letter: letter) }
        var ordinals: [Int] = []
        let limit = lanes[lane].singles > 0 ? 1 : pace.batchSize
        while ordinals.count < limit, let next = lanes[lane].waiting.first, isInWindow(next) {
            ordinals.append(next)
            _ = lanes[lane].waiting.popFirst()
        }
        if lanes[lane].singles > 0 { lanes[lane].singles -= 1 }
        return Unit(lane: lane, ordinals: ordinals)
    }

    private func isInWindow(_ ordinal: Int) -> Bool {
        entries[ordinal - base].map { $0.rank < keptRank + pace.window } ?? false
    }

    /// The oldest event that has no fate always fits, once the journal has on disk what is before it.
    private func fits(_ item: Ready) -> Bool {
        switch item {
        // Once in the window, always in it.
        case .unit: true
        case .lane(let lane): !lanes[lane].letters.isEmpty || lanes[lane].waiting.first.map(isInWindow) ?? false
        }
    }

    // MARK: outcomes

    /// - Parameters:
    ///   - wall: microseconds since 1970.
    ///   - random: between 0 and 1.
    /// - Returns: whether the target is back.
    mutating func ended(
        _ id: Int, _ verdict: WebhookVerdict, now: Duration, wall: Int64, random: Double
    ) -> Bool {
        guard var unit = units[id] else { return false }
        inFlight -= 1
        switch verdict {
        case .targetDown(_, let wait):
            health.refused(in: unit.epoch, wait: wait, now: now, random: random)
            ready.prepend([.unit(id)])
            return false
        case .unwanted:
            health.refused(in: unit.epoch, wait: WebhookVerdict.longestRetryAfter, now: now, random: random)
            ready.prepend([.unit(id)])
            return false
        case .taken:
            if let letter = unit.letter {
                step.revived.append(letter.sequence)
                requests.ended(letter)
            }
            settle(unit, as: .delivered)
            leave(id, now: now)
        case .failed(let reason):
            unit.attempts += 1
            if let letter = unit.letter {
                bury(letter, attempts: letter.attempts + 1, reason, wall)
                requests.ended(letter)
                leave(id, now: now)
            } else if unit.attempts < pace.attempts {
                timers.add(.unit(id), due: now + unit.nextWait(pace, random: random))
                units[id] = unit
            } else if unit.ordinals.count > 1 {
                lanes[unit.lane].waiting.prepend(unit.ordinals)
                lanes[unit.lane].singles += unit.ordinals.count
                leave(id, now: now)
            } else {
                bury(unit, reason, wall)
                settle(unit, as: .dead)
                leave(id, now: now)
            }
        }
        return health.answered(in: unit.epoch)
    }

    /// The unit is done with; its lane goes on.
    private mutating func leave(_ id: Int, now: Duration) {
        guard let unit = units.removeValue(forKey: id) else { return }
        lanes[unit.lane].isBusy = false
        list(unit.lane, now: now)
    }

    private mutating func bury(_ unit: Unit, _ reason: String, _ wall: Int64) {
        for ordinal in unit.ordinals {
            guard let event = entries[ordinal - base]?.event else { continue }
            let batch = event.source.batch.single(event.index)
            letters[ordinal] = DeadLetter(
                sink: sink, batch: batch, diedAt: wall, attempts: unit.attempts, reason: reason)
        }
    }

    private mutating func bury(_ letter: DeadLetter, attempts: Int, _ reason: String, _ wall: Int64) {
        var letter = letter
        letter.attempts = attempts
        letter.reason = reason
        letter.diedAt = wall
        letter.isRetryRequested = false
        step.letters.append(letter)
    }

    // MARK: the journal's disk

    /// Up to here the journal should bring the cursor to disk soon; nil when that is not urgent.
    var durabilityGoal: UInt64? {
        let count = passedRank - keptRank
        return count * 2 >= pace.window || (waitsForJournal && count > 0) ? passed.last?.through : nil
    }

    /// The cursor is on disk up to there.
    mutating func durable(through sequence: UInt64) {
        while let first = passed.first, first.through <= sequence {
            keptRank = first.rank
            _ = passed.popFirst()
        }
    }
}

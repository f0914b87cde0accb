import Events
import Journal
import Timing

/// What comes in, and what goes.
extension WebhookLanes {
    /// An event that the cursor has not passed.
    struct Entry {
        let event: WebhookEvent
        /// When it came.
        let since: Duration
        /// Among those that are not held back, from 0.
        let rank: Int
        var fate = Fate.open
    }

    enum Fate {
        case open, delivered, filtered, dead
    }

    struct Lane {
        /// Ordinals of events that are in no request.
        var waiting = Queue<Int>()
        /// Dead letters to be sent again; before the others, since they are older.
        var letters = Queue<DeadLetter>()
        /// So many of `waiting` go alone: they were in a batch that failed.
        var singles = 0
        /// Has a request under way, or one that waits for its next attempt, and may have no other.
        var isBusy = false
        /// Is in `ready`.
        var isListed = false
        /// Is in `timers`.
        var hasTimer = false
    }

    /// What goes in one request, until it has had its fate.
    struct Unit {
        let lane: Int
        let ordinals: [Int]
        var letter: DeadLetter?
        /// That were its own failure.
        var attempts = 0
        /// All of them.
        var sendings = 0
        /// As of the last sending.
        var epoch = 0
        private var schedule: Backoff?

        init(lane: Int, ordinals: [Int], letter: DeadLetter? = nil) {
            self.lane = lane
            self.ordinals = ordinals
            self.letter = letter
        }

        mutating func nextWait(_ pace: WebhookPace, random: Double) -> Duration {
            var backoff = schedule ?? pace.schedule
            defer { schedule = backoff }
            return backoff.next(random: random)
        }
    }

    enum Ready {
        case lane(Int)
        case unit(Int)
    }

    // MARK: in

    /// Adds a batch, whose numbers are above all before.
    mutating func add(_ batch: EventBatch, filter: EventFilter, now: Duration) {
        guard !batch.events.isEmpty else { return }
        let source = WebhookBatch(batch)
        let isAdmitted = filter.admits(portal: batch.portal)
        bytes += Self.weight(of: batch)
        var lane: Int?
        batch.bytes.withUnsafeBufferPointer { bytes in
            for (index, event) in batch.events.enumerated() {
                var entry = Entry(event: WebhookEvent(source: source, index: index), since: now, rank: addedRank)
                if isAdmitted, filter.passes(event, in: bytes) {
                    let place = lane ?? self.lane(of: batch.portal)
                    lane = place
                    lanes[place].waiting.append(base + entries.count)
                    addedRank += 1
                } else {
                    entry.fate = .filtered
                }
                entries.append(entry)
            }
        }
        if let lane { list(lane, now: now) }
        pass()
    }

    /// Dead letters to be sent once more. Those that are under way already are left out.
    mutating func add(_ letters: [DeadLetter], now: Duration) {
        if isFinished { return }
        for letter in requests.new(letters) where letter.batch.events.count == 1 {
            let lane = lane(of: letter.batch.portal)
            lanes[lane].letters.append(letter)
            list(lane, now: now)
        }
    }

    /// No more events will come: batches do not wait for more, and dead letters wait for another time.
    mutating func finish(now: Duration) {
        isFinished = true
        for lane in lanes.indices {
            lanes[lane].letters.removeAll()
            list(lane, now: now)
        }
    }

    private mutating func lane(of portal: String) -> Int {
        let portal = pace.isOrdered ? portal : ""
        if let lane = laneOfPortal[portal] { return lane }
        lanes.append(Lane())
        laneOfPortal[portal] = lanes.count - 1
        return lanes.count - 1
    }

    // MARK: lanes

    mutating func fire(_ item: Ready, now: Duration) {
        switch item {
        case .unit: ready.append(item)
        case .lane(let lane):
            lanes[lane].hasTimer = false
            list(lane, now: now)
        }
    }

    /// Notes that the lane may send, or when it may.
    mutating func list(_ index: Int, now: Duration) {
        let lane = lanes[index]
        if lane.isListed || lane.isBusy { return }
        guard lane.letters.isEmpty else { return enlist(index) }
        guard let first = lane.waiting.first, let since = entries[first - base]?.since else { return }
        let due = since + pace.batchWait
        if lane.singles > 0 || lane.waiting.count >= pace.batchSize || isFinished || due <= now {
            enlist(index)
        } else if !lane.hasTimer {
            lanes[index].hasTimer = true
            timers.add(.lane(index), due: due)
        }
    }

    private mutating func enlist(_ lane: Int) {
        lanes[lane].isListed = true
        ready.append(.lane(lane))
    }

    // MARK: out

    mutating func settle(_ unit: Unit, as fate: Fate) {
        for ordinal in unit.ordinals { entries[ordinal - base]?.fate = fate }
        pass()
    }

    /// Moves on over the events at the front that have had their fate.
    private mutating func pass() {
        let before = passedRank
        while let entry = entries.first, entry.fate != .open {
            switch entry.fate {
            case .delivered: step.delivered += 1
            case .filtered: step.filtered += 1
            case .dead:
                step.dead += 1
                if let letter = letters.removeValue(forKey: base) { step.letters.append(letter) }
            case .open: break
            }
            if entry.fate != .filtered { passedRank += 1 }
            step.through = entry.event.sequence
            let batch = entry.event.source.batch
            if entry.event.index == batch.events.count - 1 { bytes -= Self.weight(of: batch) }
            _ = entries.popFirst()
            base += 1
        }
        if passedRank > before { passed.append((step.through, passedRank)) }
    }

    /// What has changed since the last time; nil for nothing.
    mutating func takeStep() -> Step? {
        if step.isEmpty { return nil }
        defer { step = Step(through: step.through) }
        return step
    }

    private static func weight(of batch: EventBatch) -> Int {
        batch.bytes.count + batch.events.count * MemoryLayout<Event>.stride
    }
}

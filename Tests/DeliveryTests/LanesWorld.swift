@testable import Delivery
import Events
import Journal
import TestRandom
import Testing

/// A webhook's lanes in a random world, and beside them the simplest account of what they do that one can think of.
struct LanesWorld {
    private struct Record {
        var portal: String
        var isFiltered: Bool
        var isPoison: Bool
        var failures = 0
        var fate: String?
    }

    private let pace: WebhookPace
    private var random: SeededRandom
    private var lanes: WebhookLanes
    private var now = Duration.zero
    /// All events by their number, from 1.
    private var records: [Record] = []
    private var inFlight: [Int: (job: WebhookLanes.Job, isRetry: Bool)] = [:]
    private var through: UInt64 = 0
    private var durable: UInt64 = 0
    private(set) var totals = WebhookLanes.Step()
    private var downUntil = Duration.zero
    private(set) var jobs = 0
    private let portals: Int
    private let troubles: Int

    /// - Parameter troubles: of a hundred outcomes, those that are the target's fault; as many are the event's.
    init(pace: WebhookPace, seed: UInt64, portals: Int, troubles: Int) {
        self.pace = pace
        self.portals = portals
        self.troubles = troubles
        random = SeededRandom(seed: seed)
        lanes = WebhookLanes(pace: pace, sink: "app")
    }

    /// Everything that may happen, in any order, until all events have had their fate.
    mutating func run(events: Int, poisons: Int) throws {
        var isFinished = false
        for _ in 0..<events * 200 {
            if records.count < events, random.chance(20) {
                feed(count: min(1 + random.below(12), events - records.count), poisons: poisons)
            } else if records.count >= events, !isFinished {
                lanes.finish(now: now)
                isFinished = true
            }
            if random.chance(20) { reachDisk() }
            if !inFlight.isEmpty, random.chance(50) {
                endOne()
                continue
            }
            switch lanes.next(now: now) {
            case .job(let job): begin(job)
            case .end:
                #expect(isFinished && inFlight.isEmpty)
                #expect(through == UInt64(records.count))
                #expect(records.allSatisfy { $0.fate != nil })
                return
            case .wait(let until):
                if !inFlight.isEmpty {
                    endOne()
                } else if lanes.durabilityGoal != nil {
                    reachDisk()
                } else if let until {
                    #expect(until > now)
                    now = max(until, now)
                } else {
                    try #require(records.count < events, "nothing to send, nothing to wait for, and yet no end")
                }
            }
            if random.chance(10) { now += .milliseconds(random.below(2000)) }
        }
        Issue.record("no end")
    }

    private mutating func feed(count: Int, poisons: Int) {
        let portal = "p\(random.below(portals))"
        var sample = SampleBatch(portal: portal, firstSequence: UInt64(records.count + 1))
        for _ in 0..<count {
            let isFiltered = random.chance(20)
            records.append(
                Record(portal: portal, isFiltered: isFiltered, isPoison: !isFiltered && random.chance(poisons)))
            sample.addUsual(command: isFiltered ? "noise" : "order.paid", number: UInt64(records.count))
            if isFiltered { records[records.count - 1].fate = "filtered" }
        }
        lanes.add(sample.batch, filter: EventFilter(exclude: ["*/noise"]), now: now)
        check()
    }

    // MARK: requests

    private mutating func begin(_ job: WebhookLanes.Job) {
        jobs += 1
        let sequences = job.events.map { Int($0.sequence) }
        #expect(!sequences.isEmpty && sequences.count <= pace.batchSize)
        #expect(now >= downUntil, "sent during a pause")
        if downUntil > .zero { #expect(inFlight.values.allSatisfy { !$0.isRetry }, "two at once try a target") }
        #expect(sequences.allSatisfy { records[$0 - 1].fate == nil }, "sent although it has had its fate")
        if pace.isOrdered {
            let portal = records[sequences[0] - 1].portal
            #expect(sequences.allSatisfy { records[$0 - 1].portal == portal })
            #expect(!inFlight.values.contains { $0.job.events[0].portal == portal }, "two at once in one lane")
            let open = records.indices.filter { records[$0].portal == portal && records[$0].fate == nil }
            #expect(Array(open.prefix(sequences.count)) == sequences.map { $0 - 1 }, "out of order")
        } else {
            #expect(sequences.count == 1)
            #expect(!inFlight.values.contains { Int($0.job.events[0].sequence) == sequences[0] })
        }
        inFlight[job.id] = (job, downUntil > .zero)
        #expect(inFlight.count <= pace.concurrency)
        let answered = records.indices.count { records[$0].fate == "delivered" && $0 + 1 > Int(durable) }
        let sent = inFlight.values.reduce(0) { $0 + $1.job.events.count }
        #expect(answered + sent <= pace.window, "beyond the window")
    }

    private mutating func endOne() {
        let id = random.pick(inFlight.keys.sorted())
        guard let (job, _) = inFlight.removeValue(forKey: id) else { return }
        let places = job.events.map { Int($0.sequence) - 1 }
        let verdict: WebhookVerdict
        if random.chance(troubles) {
            verdict = .targetDown(.stopped, retryAfter: random.chance(30) ? .seconds(random.below(90)) : nil)
        } else if places.contains(where: { records[$0].isPoison }) || random.chance(troubles) {
            verdict = .failed(reason: "500 Internal Server Error")
        } else {
            verdict = .taken
        }
        switch verdict {
        case .taken: for place in places { records[place].fate = "delivered" }
        case .failed:
            for place in places { records[place].failures += 1 }
            if let place = places.first, places.count == 1, isOver(place) { records[place].fate = "dead" }
        default: break
        }
        let isBack = lanes.ended(id, verdict, now: now, wall: 7, random: random.chance(50) ? 0 : 1)
        if case .targetDown = verdict, let until = lanes.health.pausedUntil { downUntil = until }
        if isBack { downUntil = .zero }
        check()
    }

    /// Alone it has as many attempts as the schedule says; those of a batch before that do not count.
    private func isOver(_ place: Int) -> Bool {
        pace.batchSize == 1 ? records[place].failures == pace.attempts : lanes.letters[place] != nil || dies(place)
    }

    private func dies(_ place: Int) -> Bool {
        let unit = lanes.units.values.first { $0.ordinals == [place] }
        return unit.map { $0.attempts + 1 == pace.attempts } ?? false
    }

    private mutating func reachDisk() {
        durable = through
        lanes.durable(through: durable)
    }

    // MARK: the account

    private mutating func check() {
        guard let step = lanes.takeStep() else { return }
        #expect(step.through >= through)
        let passed = records[Int(through)..<Int(step.through)]
        let count = { (fate: String) in passed.count { $0.fate == fate } }
        #expect(passed.allSatisfy { $0.fate != nil }, "the cursor is beyond an event without fate")
        #expect(step.delivered == count("delivered"))
        #expect(step.filtered == count("filtered"))
        #expect(step.dead == count("dead"))
        let dead = passed.indices.filter { passed[$0].fate == "dead" }.map { UInt64($0 + 1) }
        #expect(step.letters.map(\.sequence) == dead)
        #expect(step.letters.allSatisfy { $0.attempts == pace.attempts && $0.diedAt == 7 && $0.sink == "app" })
        #expect(Int(step.through) == records.count || records[Int(step.through)].fate == nil, "the cursor lags")
        through = step.through
        totals.delivered += step.delivered
        totals.filtered += step.filtered
        totals.dead += step.dead
        totals.letters += step.letters
        #expect(totals.delivered + totals.filtered + totals.dead == Int(through))
    }

    var poisons: Int { records.count { $0.isPoison } }
}

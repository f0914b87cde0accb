@testable import Delivery
import Events
import Journal
import Testing

@Suite("The lanes of a webhook", .timeLimit(.minutes(2)))
struct WebhookLanesTests {
    @Test(
        "in any order of happenings: order, one request a lane, the window, conservation, and the cursor",
        arguments: [
            WebhookPace(), WebhookPace(concurrency: 4), WebhookPace(isOrdered: false, concurrency: 16),
            WebhookPace(batchSize: 5), WebhookPace(concurrency: 3, batchSize: 7, batchWait: .seconds(2)),
            WebhookPace(concurrency: 40, attempts: 1), WebhookPace(isOrdered: false, concurrency: 3, attempts: 2),
        ])
    func generated(_ pace: WebhookPace) throws {
        for seed in 0..<10 as Range<UInt64> {
            // Nothing but poison fails, so what is dead is known.
            var calm = LanesWorld(pace: pace, seed: seed, portals: 1 + Int(seed % 7), troubles: 0)
            try calm.run(events: 100, poisons: 5)
            #expect(calm.totals.dead == calm.poisons)
            var wild = LanesWorld(pace: pace, seed: seed, portals: 1 + Int(seed % 7), troubles: 20)
            try wild.run(events: 100, poisons: 5)
            #expect(wild.totals.dead >= wild.poisons)
        }
    }

    @Test("a window that batches of several portals fill does not stand still", arguments: [10, 50, 100])
    func wideBatches(_ size: Int) throws {
        for seed in 0..<4 as Range<UInt64> {
            var world = LanesWorld(
                pace: WebhookPace(concurrency: 2, batchSize: size), seed: seed, portals: 9, troubles: 10)
            try world.run(events: 600, poisons: 1)
            #expect(world.totals.dead >= world.poisons)
        }
    }

    // MARK: by hand

    private let answer = WebhookVerdict.failed(reason: "500 Internal Server Error")

    private func lanes(_ pace: WebhookPace, _ batches: EventBatch...) -> WebhookLanes {
        var lanes = WebhookLanes(pace: pace, sink: "app")
        for batch in batches { lanes.add(batch, filter: .all, now: .zero) }
        return lanes
    }

    /// The events of what is sent next, as `SEQ SEQ`; else `until SECONDS`, `wait` or `end`.
    private func next(_ lanes: inout WebhookLanes, _ seconds: Double, _ jobs: inout [Int]) -> String {
        switch lanes.next(now: .seconds(seconds)) {
        case .job(let job):
            jobs.append(job.id)
            return job.events.map { "\($0.sequence)" }.joined(separator: " ")
        case .wait(let until?): return "until \((until / .milliseconds(1)).rounded() / 1000)"
        case .wait(nil): return "wait"
        case .end: return "end"
        }
    }

    private func end(
        _ lanes: inout WebhookLanes, _ jobs: inout [Int], _ verdict: WebhookVerdict, _ seconds: Double
    ) {
        _ = lanes.ended(jobs.removeFirst(), verdict, now: .seconds(seconds), wall: 0, random: 1)
    }

    @Test("an event that fails is sent again after 1, 2, 4, 8 and 16 seconds, then it is dead and the lane goes on")
    func schedule() {
        var lanes = lanes(WebhookPace(), SampleBatch.usual(count: 2))
        var jobs: [Int] = []
        var time = 0.0
        for wait in [1.0, 2, 4, 8, 16] {
            #expect(next(&lanes, time, &jobs) == "1")
            end(&lanes, &jobs, answer, time)
            #expect(next(&lanes, time, &jobs) == "until \(time + wait)")
            time += wait
        }
        #expect(next(&lanes, time, &jobs) == "1")
        #expect(lanes.takeStep() == nil)
        end(&lanes, &jobs, answer, time)
        let step = lanes.takeStep()
        #expect(step?.through == 1 && step?.dead == 1)
        #expect(step?.letters.first?.reason == "500 Internal Server Error" && step?.letters.first?.attempts == 6)
        #expect(next(&lanes, time, &jobs) == "2")
        end(&lanes, &jobs, .taken, time)
        lanes.finish(now: .seconds(time))
        #expect(next(&lanes, time, &jobs) == "end")
    }

    @Test("no wait is longer than the greatest delay")
    func maximumDelay() {
        let pace = WebhookPace(attempts: 8, maximumDelay: .seconds(3))
        var backoff = pace.schedule
        #expect((0..<6).map { _ in backoff.next(random: 1) } == [1, 2, 3, 3, 3, 3].map(Duration.seconds))
        var quick = WebhookPace(maximumDelay: .milliseconds(5)).schedule
        #expect((0..<3).map { _ in quick.next(random: 1) } == Array(repeating: .milliseconds(5), count: 3))
    }

    @Test("a target that is down is tried after 1, 2, 4 … 60 seconds, with one request, and no attempt is counted")
    func targetDown() {
        var lanes = lanes(
            WebhookPace(concurrency: 3), SampleBatch.usual(portal: "a", count: 1),
            SampleBatch.usual(portal: "b", first: 2, count: 1), SampleBatch.usual(portal: "c", first: 3, count: 1))
        var jobs: [Int] = []
        #expect((0..<3).map { _ in next(&lanes, 0, &jobs) } == ["1", "2", "3"])
        // What was under way fails together: one pause.
        for _ in 0..<3 { end(&lanes, &jobs, .targetDown(.stopped, retryAfter: nil), 0) }
        var time = 0.0
        for wait in [1.0, 2, 4, 8, 16, 32, 60, 60] {
            #expect(next(&lanes, time, &jobs) == "until \(time + wait)")
            time += wait
            #expect(next(&lanes, time, &jobs) != "wait" && jobs.count == 1)
            #expect(next(&lanes, time, &jobs) == "wait", "only one tries")
            end(&lanes, &jobs, .targetDown(.stopped, retryAfter: nil), time)
        }
        time += 60
        _ = next(&lanes, time, &jobs)
        let isBack = lanes.ended(jobs.removeFirst(), .taken, now: .seconds(time), wall: 0, random: 1)
        #expect(isBack)
        _ = next(&lanes, time, &jobs)
        _ = next(&lanes, time, &jobs)
        #expect(jobs.count == 2)
        end(&lanes, &jobs, .taken, time)
        end(&lanes, &jobs, .taken, time)
        #expect(lanes.takeStep()?.delivered == 3)
    }

    @Test("Retry-After takes the place of the schedule, but is no shorter than a second; 410 pauses for an hour")
    func retryAfter() {
        var lanes = lanes(WebhookPace(), SampleBatch.usual(count: 1))
        var jobs: [Int] = []
        _ = next(&lanes, 0, &jobs)
        end(&lanes, &jobs, .targetDown(.stopped, retryAfter: .seconds(100)), 0)
        #expect(next(&lanes, 0, &jobs) == "until 100.0")
        #expect(next(&lanes, 100, &jobs) == "1")
        end(&lanes, &jobs, .targetDown(.stopped, retryAfter: .zero), 100)
        #expect(next(&lanes, 100, &jobs) == "until 101.0")
        #expect(next(&lanes, 101, &jobs) == "1")
        end(&lanes, &jobs, .unwanted(.stopped), 101)
        #expect(next(&lanes, 101, &jobs) == "until 3701.0")
    }

    @Test("an answer to what was sent before a pause does not end it")
    func late() {
        var lanes = lanes(
            WebhookPace(concurrency: 2), SampleBatch.usual(portal: "a", count: 2),
            SampleBatch.usual(portal: "b", first: 3, count: 1))
        var jobs: [Int] = []
        #expect((0..<2).map { _ in next(&lanes, 0, &jobs) } == ["1", "3"])
        end(&lanes, &jobs, .targetDown(.stopped, retryAfter: .seconds(50)), 0)
        end(&lanes, &jobs, .taken, 1)
        #expect(next(&lanes, 1, &jobs) == "until 50.0")
    }

    @Test("a batch goes when it is full, when its oldest event has waited, or when no more will come")
    func batchWait() {
        let pace = WebhookPace(batchSize: 3, batchWait: .seconds(2))
        var lanes = lanes(pace, SampleBatch.usual(count: 4))
        var jobs: [Int] = []
        #expect(next(&lanes, 0.5, &jobs) == "1 2 3")
        end(&lanes, &jobs, .taken, 0.5)
        #expect(next(&lanes, 0.5, &jobs) == "until 2.0")
        lanes.add(SampleBatch.usual(first: 5, count: 1), filter: .all, now: .seconds(1))
        #expect(next(&lanes, 1, &jobs) == "until 2.0")
        #expect(next(&lanes, 2, &jobs) == "4 5")
        end(&lanes, &jobs, .taken, 2)
        lanes.add(SampleBatch.usual(first: 6, count: 1), filter: .all, now: .seconds(3))
        #expect(next(&lanes, 3, &jobs) == "until 5.0")
        lanes.finish(now: .seconds(3))
        #expect(next(&lanes, 3, &jobs) == "6")
    }

    @Test("a batch that fails alone is taken apart, so that only the poison dies")
    func split() {
        var lanes = lanes(WebhookPace(batchSize: 4, attempts: 2), SampleBatch.usual(count: 6))
        var jobs: [Int] = []
        #expect(next(&lanes, 0, &jobs) == "1 2 3 4")
        end(&lanes, &jobs, answer, 0)
        #expect(next(&lanes, 1, &jobs) == "1 2 3 4")
        end(&lanes, &jobs, answer, 1)
        #expect(next(&lanes, 1, &jobs) == "1")
        end(&lanes, &jobs, .taken, 1)
        #expect(next(&lanes, 1, &jobs) == "2")
        end(&lanes, &jobs, answer, 1)
        #expect(next(&lanes, 2, &jobs) == "2")
        end(&lanes, &jobs, answer, 2)
        #expect(next(&lanes, 2, &jobs) == "3")
        end(&lanes, &jobs, .taken, 2)
        #expect(next(&lanes, 2, &jobs) == "4")
        end(&lanes, &jobs, .taken, 2)
        #expect(next(&lanes, 2, &jobs) == "5 6")
        end(&lanes, &jobs, .taken, 2)
        let step = lanes.takeStep()
        #expect(step?.through == 6 && step?.delivered == 5 && step?.letters.map(\.sequence) == [2])
    }

    @Test("one portal's poison does not hold up another portal, up to the window")
    func besides() {
        var lanes = lanes(
            WebhookPace(concurrency: 2), SampleBatch.usual(portal: "a", count: 1),
            SampleBatch.usual(portal: "b", first: 2, count: 200))
        var jobs: [Int] = []
        _ = next(&lanes, 0, &jobs)
        end(&lanes, &jobs, answer, 0)
        var sent = 0
        while next(&lanes, 0, &jobs) != "until 1.0" {
            sent += 1
            end(&lanes, &jobs, .taken, 0)
        }
        #expect(sent == 127)
        #expect(lanes.durabilityGoal == nil, "the cursor has not moved")
        #expect(next(&lanes, 1, &jobs) == "1", "the oldest has its place in the window")
        end(&lanes, &jobs, .taken, 1)
        #expect(next(&lanes, 1, &jobs) == "wait")
        #expect(lanes.durabilityGoal == 128)
        lanes.durable(through: 128)
        #expect(next(&lanes, 1, &jobs) == "129")
    }

    @Test("memory is bounded: with much in it nothing more is asked for")
    func room() {
        var lanes = WebhookLanes(pace: WebhookPace(), sink: "app")
        var first: UInt64 = 1
        while lanes.hasRoom {
            lanes.add(SampleBatch.usual(first: first, count: 100), filter: .all, now: .zero)
            first += 100
        }
        #expect(lanes.entries.count < 17_000 && lanes.bytes < 2_200_000)
        var held = WebhookLanes(pace: WebhookPace(), sink: "app")
        for start in stride(from: UInt64(1), to: 1_000_000, by: 1000) {
            held.add(SampleBatch.usual(first: start, count: 1000), filter: EventFilter(include: ["x/*"]), now: .zero)
        }
        #expect(held.hasRoom && held.bytes == 0 && held.entries.isEmpty)
        #expect(held.takeStep()?.filtered == 1_000_000)
    }

    // MARK: dead letters

    private func letter(_ sequence: UInt64, portal: String = "acme") -> DeadLetter {
        DeadLetter(
            sink: "app", batch: SampleBatch.usual(portal: portal, first: sequence, count: 1), diedAt: 1, attempts: 6,
            reason: "old", isRetryRequested: true)
    }

    @Test("a dead letter that is asked for is sent once, before the lane's events; taken, it is dead no more")
    func revived() {
        var lanes = lanes(WebhookPace(concurrency: 2), SampleBatch.usual(first: 10, count: 2))
        var jobs: [Int] = []
        #expect(next(&lanes, 0, &jobs) == "10")
        lanes.add([letter(3)], now: .zero)
        #expect(next(&lanes, 0, &jobs) == "wait", "one request a lane")
        end(&lanes, &jobs, .taken, 0)
        // The lane's next event was first in the row.
        let order = (0..<2).map { _ in
            defer { end(&lanes, &jobs, .taken, 0) }
            return next(&lanes, 0, &jobs)
        }
        #expect(order == ["3", "11"])
        #expect(lanes.takeStep()?.revived == [3])
    }

    @Test("a dead letter that fails again is kept as one, with one attempt more, and holds nobody up")
    func failedAgain() {
        var lanes = lanes(WebhookPace(), SampleBatch.usual(first: 10, count: 1))
        var jobs: [Int] = []
        lanes.add([letter(3, portal: "b")], now: .zero)
        #expect(next(&lanes, 0, &jobs) == "10")
        end(&lanes, &jobs, .taken, 0)
        #expect(next(&lanes, 0, &jobs) == "3")
        end(&lanes, &jobs, answer, 0)
        let step = lanes.takeStep()
        let dead = step?.letters.first
        #expect(dead?.attempts == 7 && dead?.reason == "500 Internal Server Error" && dead?.isRetryRequested == false)
        #expect(step?.dead == 0 && step?.revived == [] && step?.delivered == 1)
        #expect(next(&lanes, 0, &jobs) == "wait")
    }

    @Test("while the target is down a dead letter waits with the others")
    func letterAndOutage() {
        var lanes = lanes(WebhookPace())
        var jobs: [Int] = []
        lanes.add([letter(3)], now: .zero)
        #expect(next(&lanes, 0, &jobs) == "3")
        end(&lanes, &jobs, .targetDown(.stopped, retryAfter: nil), 0)
        #expect(next(&lanes, 0, &jobs) == "until 1.0")
        #expect(next(&lanes, 1, &jobs) == "3")
        end(&lanes, &jobs, .taken, 1)
        #expect(lanes.takeStep()?.revived == [3])
    }

    @Test("a letter is not sent twice for one request, however often and however late the journal names it")
    func namedTwice() {
        var lanes = lanes(WebhookPace())
        var jobs: [Int] = []
        lanes.requests.beginLook()
        lanes.add([letter(3)], now: .zero)
        lanes.requests.beginLook()
        lanes.add([letter(3)], now: .zero)
        #expect(next(&lanes, 0, &jobs) == "3")
        // Looked at before its end, used after it.
        lanes.requests.beginLook()
        end(&lanes, &jobs, answer, 0)
        lanes.add([letter(3)], now: .zero)
        #expect(next(&lanes, 0, &jobs) == "wait")
        // Asked for anew.
        lanes.requests.beginLook()
        lanes.add([letter(3)], now: .zero)
        #expect(next(&lanes, 0, &jobs) == "3")
    }
}

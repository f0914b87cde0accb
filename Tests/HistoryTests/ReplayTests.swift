import Delivery
import Events
@testable import History
import Synchronization
import Testing
import Timing

/// Answers by a script, the last answer for ever, and keeps what it was sent.
final class ScriptedTarget: ReplayTarget {
    private let state: Mutex<(sent: [UInt64], script: [ReplayVerdict])>

    init(_ script: [ReplayVerdict]) {
        state = Mutex(([], script))
    }

    var sent: [UInt64] { state.withLock { $0.sent } }

    func send(_ index: Int, of batch: EventBatch) async -> ReplayVerdict {
        state.withLock { state in
            state.sent.append(batch.firstSequence + UInt64(index))
            return state.script.count > 1 ? state.script.removeFirst() : state.script[0]
        }
    }
}

/// A clock that only goes on while somebody sleeps.
final class SleepClock: Sendable {
    private let slept = Mutex<[Duration]>([])

    var sleeps: [Duration] { slept.withLock { $0 } }

    var clock: DeliveryClock {
        DeliveryClock(
            time: TimeSource { [self] in Moment(monotonic: sleeps.reduce(.zero, +), wall: 0) },
            sleep: { [self] duration in
                try Task.checkCancellation()
                slept.withLock { $0.append(duration) }
            }, random: { 1 })
    }
}

@Suite struct ReplayTests {
    private let source = FakeHistory([
        SampleEvents().events("crm/deal", count: 3).batch, SampleEvents().event("shop/paid").event("crm/deal").batch,
    ])
    private let clock = SleepClock()

    private func run(
        _ script: [ReplayVerdict], _ selection: EventSelection = EventSelection(), rate: String? = nil
    ) async throws -> (outcome: ReplayOutcome, sent: [UInt64], steps: [String]) {
        let target = ScriptedTarget(script)
        let replay = Replay(
            try source.plan(of: selection), of: selection, from: source, to: target,
            rate: rate.flatMap { RateLimit($0) },
            clock: clock.clock)
        let steps = Mutex<[String]>([])
        let outcome = try await replay.run { step in steps.withLock { $0.append("\(step)") } }
        return (outcome, target.sent, steps.withLock { $0 })
    }

    @Test("Everything that is meant goes, in its order")
    func order() async throws {
        let result = try await run([.taken], EventSelection(modules: ["crm"]))
        #expect(result.sent == [1, 2, 3, 5])
        #expect(result.outcome.sent == 4 && result.outcome.failed == 0 && result.outcome.stop == nil)
    }

    @Test("What arrives while it runs is not sent again")
    func snapshot() async throws {
        let selection = EventSelection()
        let plan = try source.plan(of: selection)
        source.append(SampleEvents().events("crm/deal", count: 3).batch)
        let target = ScriptedTarget([.taken])
        _ = try await Replay(plan, of: selection, from: source, to: target, clock: clock.clock).run { _ in }
        #expect(target.sent == [1, 2, 3, 4, 5])
    }

    @Test("An event that is not taken is tried 4 times, then counted and told, and the next one goes")
    func refused() async throws {
        let refused = ReplayVerdict.refused(reason: "500 Internal Server Error")
        let result = try await run([.taken, refused, refused, refused, refused, .taken])
        #expect(result.sent == [1, 2, 2, 2, 2, 3, 4, 5])
        #expect(result.outcome.sent == 4 && result.outcome.failed == 1 && result.outcome.stop == nil)
        #expect(clock.sleeps == [.seconds(1), .seconds(2), .seconds(4)])
        #expect(
            result.steps.filter { $0.hasPrefix("failed") } == [
                #"failed(number: 2, name: "crm/deal", reason: "500 Internal Server Error")"#
            ])
    }

    @Test("One that is taken at last has not failed")
    func taken() async throws {
        let result = try await run([.refused(reason: "no"), .refused(reason: "no"), .refused(reason: "no"), .taken])
        #expect(result.outcome.sent == 5 && result.outcome.failed == 0)
        #expect(result.sent.prefix(5) == [1, 1, 1, 1, 2])
    }

    @Test("A target that takes nothing ends it, and says where to go on")
    func down() async throws {
        let result = try await run([.taken, .taken, .unavailable(reason: "refused", retryAfter: nil)])
        #expect(result.sent == [1, 2, 3, 3, 3, 3])
        #expect(result.outcome.sent == 2 && result.outcome.failed == 0)
        #expect(result.outcome.stop == .target(reason: "refused") && result.outcome.next == 3)
    }

    @Test("A target that wants no more is not asked again")
    func gone() async throws {
        let result = try await run([.taken, .gone(reason: "410 Gone")])
        #expect(result.sent == [1, 2])
        #expect(result.outcome.stop == .target(reason: "410 Gone") && result.outcome.next == 2)
    }

    @Test(
        "A target's wish to wait is heard, within bounds",
        arguments: [(nil, 1), (0, 1), (7, 7), (3600, 60)] as [(Int?, Int)])
    func retryAfter(wish: Int?, wait: Int) async throws {
        let wish = wish.map { Duration.seconds($0) }
        _ = try await run([.unavailable(reason: "503", retryAfter: wish), .taken])
        #expect(clock.sleeps == [.seconds(wait)])
    }

    @Test("A rate is kept evenly")
    func rate() async throws {
        _ = try await run([.taken], rate: "2/s")
        #expect(clock.sleeps == Array(repeating: .milliseconds(500), count: 4))
    }

    @Test("What is cancelled ends between two attempts")
    func cancelled() async throws {
        let selection = EventSelection()
        let plan = try source.plan(of: selection)
        let target = ScriptedTarget([.taken])
        let replay = Replay(plan, of: selection, from: source, to: target, clock: clock.clock)
        let outcome = try await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await replay.run { _ in }
        }.value
        #expect(outcome.stop == .cancelled && outcome.next == 1 && target.sent == [])
    }

    @Test("An output that nobody reads ends it")
    func closed() async throws {
        let pipe = PipeReader()
        pipe.goAway()
        let plan = try source.plan(of: EventSelection())
        let replay = Replay(plan, of: EventSelection(), from: source, to: LineTarget(pipe.output), clock: clock.clock)
        await #expect {
            _ = try await replay.run { _ in }
        } throws: { error in
            if case HistoryFailure.output(.closed) = error { true } else { false }
        }
    }

    @Test("A plan counts by portal and name, and says from when to when")
    func plan() throws {
        let source = FakeHistory([
            SampleEvents(receivedAt: 0).events("crm/deal", count: 3).gap().batch,
            SampleEvents(portal: "b\u{1B}", receivedAt: 5_000_000).event("shop/paid").body("1", .json).batch,
        ])
        let plan = try source.plan(of: EventSelection())
        #expect(plan.count == 6 && plan.gaps == 1 && plan.first == 1 && plan.last == 6)
        #expect(
            plan.text(time: .utc) == """
                6 events, #1 to #6, received 1970-01-01 00:00:00 to 1970-01-01 00:00:05
                        3  acme  crm/deal
                        1  acme  gap
                        1  b·  message
                        1  b·  shop/paid

                """)
        #expect(try FakeHistory().plan(of: EventSelection()).text() == "no events\n")
    }

    @Test("Names beyond the first twenty go together")
    func manyNames() throws {
        let sample = (0..<30).reduce(SampleEvents()) { $0.event("m/c\($1)") }
        let text = try FakeHistory([sample.batch]).plan(of: EventSelection()).text(time: .utc)
        #expect(text.split(separator: "\n").count == 22)
        #expect(text.hasSuffix("       10  others\n"))
    }
}

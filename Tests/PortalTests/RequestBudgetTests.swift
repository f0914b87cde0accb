import Synchronization
import Testing
import Timing

@testable import Portal

/// A clock that a test moves.
private final class HandClock: Sendable {
    private let seconds = Mutex(0.0)

    var source: TimeSource {
        TimeSource { Moment(monotonic: .seconds(self.seconds.withLock { $0 }), wall: 0) }
    }

    func advance(_ by: Double) { seconds.withLock { $0 += by } }
}

@Suite struct RequestBudgetTests {
    private let limit = RequestLimit(burst: 3, perSecond: 2)

    @Test("A burst goes at once, what follows waits for its place")
    func burst() {
        let budget = RequestBudget(time: HandClock().source)
        let waits = (0..<6).map { _ in budget.reserve("acme", limit).inSeconds }
        #expect(waits == [0, 0, 0, 0.5, 1, 1.5])
    }

    @Test("The bucket leaks, and is empty after a while")
    func leaking() {
        let clock = HandClock()
        let budget = RequestBudget(time: clock.source)
        for _ in 0..<3 { #expect(budget.reserve("acme", limit) == .zero) }
        clock.advance(0.5)
        #expect(budget.reserve("acme", limit) == .zero)
        #expect(budget.reserve("acme", limit) == .seconds(0.5))
        clock.advance(100)
        #expect((0..<4).map { _ in budget.reserve("acme", limit).inSeconds } == [0, 0, 0, 0.5])
    }

    @Test("Each host has a bucket of its own")
    func hosts() {
        let budget = RequestBudget(time: HandClock().source)
        for _ in 0..<3 { #expect(budget.reserve("acme", limit) == .zero) }
        #expect(budget.reserve("other", limit) == .zero)
        #expect(budget.reserve("acme", limit) > .zero)
    }

    @Test("2,000 portals of one host are asked within the cloud's limit, none of them for ever")
    func crowd() {
        let budget = RequestBudget(time: HandClock().source)
        let times = (0..<2000).map { _ in budget.reserve("acme", .cloud).inSeconds }
        // The cloud's own bucket: 50, leaking two a second.
        var level = 0.0
        var last = 0.0
        for time in times {
            level = max(0, level - (time - last) * 2) + 1
            last = time
            #expect(level <= 50)
        }
        #expect(last < 1300)
    }
}

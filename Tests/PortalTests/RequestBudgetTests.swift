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

    @Test("A refusal fills the bucket and stops everybody on that host: 1 s, then 10 s doubling to 60 s")
    func refused() {
        let clock = HandClock()
        let budget = RequestBudget(time: clock.source, random: { 0 })
        var waits: [Double] = []
        for _ in 0..<6 {
            #expect(budget.reserve("acme", limit) <= .seconds(0.5))
            budget.refused("acme", limit)
            waits.append(budget.reserve("acme", limit).inSeconds)
            clock.advance(100)
        }
        #expect(waits == [1, 10, 20, 40, 60, 60])
        #expect(budget.reserve("other", limit) == .zero)
        budget.served("acme")
        budget.refused("acme", limit)
        #expect(budget.reserve("acme", limit) == .seconds(1))
        #expect(budget.reserve("acme", limit) == .seconds(1), "two a second: full until then, and then one at a time")
        #expect(budget.reserve("acme", limit) == .seconds(1.5))
    }

    @Test("Requests that were under way with the refused one do not make the wait longer")
    func together() {
        let clock = HandClock()
        let budget = RequestBudget(time: clock.source, random: { 0 })
        for _ in 0..<20 { budget.refused("acme", limit) }
        budget.served("acme")
        clock.advance(1)
        budget.refused("acme", limit)
        #expect(budget.reserve("acme", limit) >= .seconds(10))
    }

    @Test("2,000 portals whose tokens have run out have new ones in less than four minutes")
    func authorisationServer() {
        let budget = RequestBudget(time: HandClock().source)
        let times = (0..<2000).map { _ in budget.reserve("oauth", .authorisationServer).inSeconds }
        #expect(times[49] == 0)
        #expect((190.0...240).contains(times[1999]))
    }

    @Test(
        "What an authorisation server refuses halves burst and rate, down to a portal's, and minutes without ease it",
        arguments: [(0, 0.1, 50), (1, 0.2, 25), (2, 0.4, 12), (3, 0.8, 6), (6, 0.8, 6)])
    func slower(refusals: Int, interval: Double, burst: Int) {
        let clock = HandClock()
        let budget = RequestBudget(time: clock.source, random: { 0 })
        for pause in [1.0, 10, 20, 40, 60, 60].prefix(refusals) {
            budget.refused("oauth", .authorisationServer)
            clock.advance(pause)
        }
        func places() -> [Double] {
            (0..<60).map { _ in (budget.reserve("oauth", .authorisationServer).inSeconds * 1000).rounded() / 1000 }
        }
        let slow = places()
        #expect(abs(slow[59] - slow[58] - interval) < 0.002)
        #expect(slow.count { $0 == 0 } <= burst)
        clock.advance(59)
        let still = places()
        #expect(abs(still[59] - still[58] - interval) < 0.002)
        clock.advance(600)
        let fast = places()
        #expect(abs(fast[59] - fast[58] - 0.1) < 0.002 && fast[49] == 0)
    }

    @Test("A refusal lets nobody wait for the places of those who begin anew")
    func dropped() {
        let budget = RequestBudget(time: HandClock().source, random: { 0 })
        for _ in 0..<2000 { _ = budget.reserve("oauth", .authorisationServer) }
        budget.refused("oauth", .authorisationServer)
        #expect(budget.reserve("oauth", .authorisationServer) < .seconds(10))
    }

    @Test("After a long pause no more come at once than the bucket holds")
    func afterPause() {
        let clock = HandClock()
        let budget = RequestBudget(time: clock.source, random: { 0 })
        for pause in [1.0, 10, 20, 40] {
            budget.refused("acme", .cloud)
            clock.advance(pause)
        }
        budget.refused("acme", .cloud)
        let places = (0..<200).map { _ in budget.reserve("acme", .cloud).inSeconds }
        #expect(places.count { $0 <= 60 } == RequestLimit.cloud.burst)
    }

    @Test("Who waits in the line when a refusal comes waits for a new place")
    func line() async {
        let clock = HandClock()
        let waits = Mutex<[Double]>([])
        let refusal = Mutex<(@Sendable () -> Void)?>(nil)
        let budget = RequestBudget(
            time: clock.source,
            wait: { duration in
                waits.withLock { $0.append(duration.inSeconds) }
                clock.advance(duration.inSeconds)
                refusal.withLock { action in
                    action?()
                    action = nil
                }
            }, random: { 0 })
        let limit = limit
        for _ in 0..<3 { await budget.enter("acme", limit) }
        refusal.withLock { $0 = { budget.refused("acme", limit) } }
        await budget.enter("acme", limit)
        #expect(waits.withLock { $0 }.count == 2)
        #expect(waits.withLock { $0 }.last.map { $0 >= 1 } == true)
    }
}

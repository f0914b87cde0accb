import Testing
import Timing

struct BackoffTests {
    private func waits(_ backoff: Backoff, count: Int, random: Double) -> [Double] {
        var backoff = backoff
        return (0..<count).map { _ in backoff.next(random: random).inSeconds }
    }

    private func isClose(_ left: [Double], _ right: [Double]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { abs($0 - $1) < 1e-6 }
    }

    @Test("A lost connection comes back at once, then after 15, 45, 45 s and every ten minutes, up to a fifth later")
    func connection() {
        #expect(isClose(waits(.connection(), count: 6, random: 0), [0.1, 15, 45, 45, 600, 600]))
        #expect(isClose(waits(.connection(), count: 6, random: 1), [0.5, 18, 54, 54, 720, 720]))
    }

    @Test("No step of the connection schedule is longer than the operator's maximum")
    func maximum() {
        #expect(isClose(waits(.connection(maximum: .seconds(20)), count: 5, random: 0), [0.1, 15, 20, 20, 20]))
        #expect(isClose(waits(.connection(maximum: .zero), count: 3, random: 0), [0.1, 1, 1]))
    }

    @Test("After 24 hours of failure connections are tried hourly, unless the operator wanted it sooner")
    func longWait() {
        let usual = waits(.connection(), count: 200, random: 0)
        let first = usual.firstIndex { $0 > 600 } ?? 0
        #expect(usual[..<first].reduce(0, +) >= 86_400)
        #expect(usual[..<(first - 1)].reduce(0, +) < 86_400)
        #expect(isClose(Array(usual[first...].prefix(3)), [3600, 3600, 3600]))
        #expect(isClose([waits(.connection(maximum: .seconds(60)), count: 3000, random: 0).max() ?? 0], [60]))
    }

    @Test("Other schedules double up to their end")
    func others() {
        #expect(isClose(waits(.rest, count: 11, random: 0.5), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]))
        #expect(isClose([waits(.rest, count: 1, random: 0)[0], waits(.rest, count: 1, random: 1)[0]], [0.9, 1.1]))
        #expect(isClose(waits(.queryLimit, count: 6, random: 0), [1, 10, 20, 40, 60, 60]))
        #expect(isClose(waits(.serverFault, count: 8, random: 0), [5, 10, 20, 40, 80, 160, 300, 300]))
    }

    @Test("A success begins the schedule anew")
    func reset() {
        var backoff = Backoff.connection()
        for _ in 0..<300 { _ = backoff.next(random: 1) }
        #expect(backoff.failures == 300)
        backoff.reset()
        #expect(backoff.failures == 0)
        #expect(backoff.waited == .zero)
        #expect(isClose([backoff.next(random: 0).inSeconds], [0.1]))
    }

    @Test("Randomness stays within the step, whatever the generator gives")
    func randomness() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            var backoff = Backoff.rest
            #expect(0.9...1.1 ~= backoff.next(using: &generator).inSeconds)
        }
        for random in [-1, 2, .nan, .infinity] {
            #expect(0.9...1.1001 ~= waits(.rest, count: 1, random: random)[0])
        }
        var empty = Backoff(steps: [])
        #expect(empty.next(random: 0.5) == .zero)
    }
}

import Testing

@testable import Subscription

@Suite struct PollPaceTests {
    @Test("What a server holds is asked for again at once, however often", arguments: [1000, 1001, 40_000])
    func held(milliseconds: Int) {
        var pace = PollPace()
        for _ in 0..<5 { #expect(pace.nothing(after: .milliseconds(milliseconds), random: 1) == 0) }
    }

    @Test(
        "Answers at once that there is nothing are followed by pauses that grow to ten seconds, and up to a fifth more",
        arguments: [(0.0, [1.0, 2, 4, 8, 10, 10, 10]), (1.0, [1.2, 2.4, 4.8, 9.6, 12, 12, 12])])
    func instant(random: Double, expected: [Double]) {
        var pace = PollPace()
        let waits = expected.indices.map { pace.nothing(after: .milliseconds($0 * 160), random: random) }
        #expect(zip(waits, expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(waits)")
    }

    @Test("News, and an answer that was held, let the pauses begin anew", arguments: [nil, 1000])
    func again(milliseconds: Int?) {
        var pace = PollPace()
        for _ in 0..<4 { _ = pace.nothing(after: .zero, random: 0) }
        #expect(milliseconds.map { pace.nothing(after: .milliseconds($0), random: 0) } ?? pace.news() == 0)
        #expect(pace.nothing(after: .zero, random: 0) == 1)
        #expect(pace.nothing(after: .milliseconds(999), random: 0) == 2)
    }
}

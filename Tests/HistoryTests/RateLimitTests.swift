@testable import History
import Testing

@Suite struct RateLimitTests {
    @Test("A rate is a number a second", arguments: ["50/s", "50", "0.5/s", "100000/s", "0.01"])
    func taken(text: String) {
        #expect(RateLimit(text) != nil)
    }

    @Test(
        "Other texts are none",
        arguments: ["", "/s", "0/s", "-1/s", "50/m", "1e3", "inf", "nan", "100001", "0.001", "5 /s"])
    func refused(text: String) {
        #expect(RateLimit(text) == nil)
    }

    @Test("The first goes at once, the next in even steps; lost time is not made up for")
    func pace() throws {
        var limit = try #require(RateLimit("4/s"))
        #expect(limit.wait(at: .seconds(10)) == .zero)
        #expect(limit.wait(at: .seconds(10)) == .milliseconds(250))
        #expect(limit.wait(at: .milliseconds(10_250)) == .milliseconds(250))
        // A target that took three seconds.
        #expect(limit.wait(at: .seconds(13)) == .zero)
        #expect(limit.wait(at: .seconds(13)) == .milliseconds(250))
    }

    @Test(
        "The bar says how far it is, how fast, and how long it will take",
        arguments: [
            (0, 0, 0, "[------------------------------]   0%  0/1248"),
            (512, 2, 4, "[############------------------]  41%  512/1248  128/s  6 s left  2 failed"),
            (3, 0, 2, "[------------------------------]   0%  3/1248  1.5/s  14 min left"),
            (1, 0, 3600, "[------------------------------]   0%  1/1248  0.0/s  52 d left"),
            (1248, 0, 10, "[##############################] 100%  1248/1248  124/s"),
            (9999, 0, 10, "[##############################] 100%  1248/1248  124/s"),
        ])
    func bar(done: Int, failed: Int, seconds: Int, text: String) {
        let bar = ProgressBar(total: 1248)
        #expect(bar.text(done: done, failed: failed, elapsed: .seconds(seconds), columns: 100) == text)
        #expect(bar.text(done: done, failed: failed, elapsed: .seconds(seconds), columns: 40).count <= 39)
    }

    @Test("A bar of nothing is full", arguments: [0, -1])
    func nothing(total: Int) {
        let text = ProgressBar(total: total).text(done: 5, failed: 0, elapsed: .zero, columns: 80)
        #expect(text == "[##############################] 100%  0/0")
    }
}

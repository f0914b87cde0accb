import Events
import Testing
import Timing

@testable import Subscription

@Suite struct PositionTrailTests {
    private static let lag = Duration.seconds(300)

    private func id(_ counter: UInt64) -> MessageID { MessageID(generation: 1_700_000_000, counter: counter) }

    private func confirm(_ trail: inout PositionTrail, at second: Int) {
        trail.confirm(asOf: .seconds(second), at: .seconds(second))
    }

    @Test("M3: after ten quiet minutes and an audit the position is the newest one, however soon it came after another")
    func quiet() {
        for gap in [60, 1] {
            var trail = PositionTrail(lag: Self.lag)
            trail.note(id(41), at: .zero)
            trail.note(id(42), at: .seconds(gap))
            confirm(&trail, at: 660)
            #expect(trail.safe == id(42))
        }
    }

    @Test("M3: a message of ten seconds ago is newest but not yet safe; one of 400 s ago that was audited is")
    func lagged() {
        var trail = PositionTrail(lag: Self.lag)
        trail.note(id(40), at: .zero)
        trail.note(id(41), at: .seconds(100))
        trail.note(id(42), at: .seconds(490))
        confirm(&trail, at: 500)
        #expect(trail.newest == id(42))
        #expect(trail.safe == id(41))
    }

    @Test("Without an audit nothing becomes safe, however much time passes")
    func unconfirmed() {
        var trail = PositionTrail(lag: Self.lag)
        for second in stride(from: 0, through: 3000, by: 10) {
            trail.note(id(UInt64(second + 1)), at: .seconds(second))
        }
        #expect(trail.safe == id(1))
        #expect(!trail.isConfirmed)
    }

    @Test("What counts is when the audit began, not when it ended")
    func auditBegan() {
        var trail = PositionTrail(lag: Self.lag)
        trail.note(id(1), at: .zero)
        trail.note(id(2), at: .seconds(100))
        trail.confirm(asOf: .seconds(399), at: .seconds(450))
        #expect(trail.safe == id(1))
        trail.confirm(asOf: .seconds(400), at: .seconds(450))
        #expect(trail.safe == id(2))
    }

    @Test("An older audit that is told late moves nothing back")
    func forwardOnly() {
        var trail = PositionTrail(lag: Self.lag)
        trail.note(id(1), at: .zero)
        trail.note(id(2), at: .seconds(100))
        confirm(&trail, at: 500)
        trail.confirm(asOf: .seconds(310), at: .seconds(510))
        #expect(trail.safe == id(2))
    }

    @Test("Where everything was asked for, everything is asked for again until an audit says that it has come")
    func beginningAtZero() {
        var trail = PositionTrail(lag: Self.lag)
        trail.beginAtZero()
        trail.note(id(5), at: .seconds(1))
        #expect(trail.safe == .zero)
        confirm(&trail, at: 301)
        #expect(trail.safe == id(5))
    }

    @Test("A held position stays what it was, however long it takes and whatever an audit says")
    func held() {
        var trail = PositionTrail(lag: Self.lag)
        for second in stride(from: 0, through: 3000, by: 10) {
            if second == 1000 {
                confirm(&trail, at: 1000)
                trail.hold()
            }
            trail.note(id(UInt64(second)), at: .seconds(second))
            if second > 1000 { confirm(&trail, at: second) }
        }
        #expect(trail.safe == id(700))
        trail.release(at: .seconds(3000))
        #expect(trail.newest == id(3000))
        confirm(&trail, at: 3299)
        #expect(trail.safe == id(990))
        confirm(&trail, at: 3300)
        #expect(trail.safe == id(3000))
    }

    @Test("A hold that begins before the first position leaves no position until it ends, and then the first")
    func heldFromTheStart() {
        var trail = PositionTrail(lag: Self.lag)
        trail.hold()
        trail.note(id(5), at: .seconds(1))
        trail.note(id(9), at: .seconds(2))
        #expect(trail.safe == nil)
        trail.release(at: .seconds(1000))
        #expect(trail.safe == id(5))
    }

    @Test(
        "Restored: never above what was stored, and without a position that was safe all is asked for",
        arguments: [(9, 5, 5), (5, 9, 5), (5, nil, 0)] as [(UInt64, UInt64?, UInt64)])
    func restored(newest: UInt64, safe: UInt64?, expected: UInt64) {
        let trail = PositionTrail(lag: Self.lag, newest: id(newest), safe: safe.map(id), at: .zero)
        #expect(trail.safe == (expected == 0 ? .zero : id(expected)))
        #expect(trail.newest == id(newest))
    }

    @Test("Restored: what was the newest at the start is safe after the lag and an audit")
    func restoredAndConfirmed() {
        var trail = PositionTrail(lag: Self.lag, newest: id(9), safe: id(5), at: .seconds(50))
        confirm(&trail, at: 349)
        #expect(trail.safe == id(5))
        confirm(&trail, at: 350)
        #expect(trail.safe == id(9))
    }

    @Test("A counter that went back takes the position just below it, and it grows again from there")
    func wentBack() {
        var trail = PositionTrail(lag: Self.lag)
        trail.note(id(100), at: .zero)
        trail.note(id(200), at: .seconds(400))
        confirm(&trail, at: 400)
        #expect(trail.safe == id(100))
        trail.goBack(below: id(7))
        trail.note(id(7), at: .seconds(500))
        #expect(trail.newest == id(7))
        #expect(trail.safe == id(6))
        confirm(&trail, at: 800)
        #expect(trail.safe == id(7))
    }

    @Test("Under load the trail stays short and the position is 300 to 310 s old")
    func load() {
        var trail = PositionTrail(lag: Self.lag)
        for tick in 0..<100_000 {
            let now = Duration.milliseconds(tick * 100)
            trail.note(id(UInt64(tick)), at: now)
            if tick % 1200 == 0 { trail.confirm(asOf: now, at: now) }
        }
        trail.confirm(asOf: .milliseconds(10_000_000), at: .milliseconds(10_000_000))
        #expect(trail.safe.map { (96_800...97_000).contains($0.counter) } == true)
    }

    @Test(
        "The id below another one",
        arguments: [((5, 7), (5, 6)), ((5, 0), (4, 9_999_999_999_999_999)), ((0, 0), (0, 0))])
    func predecessor(id: (UInt64, UInt64), below: (UInt64, UInt64)) {
        let id = MessageID(generation: id.0, counter: id.1)
        #expect(id.predecessor == MessageID(generation: below.0, counter: below.1))
    }
}

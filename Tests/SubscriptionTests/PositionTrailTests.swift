import Events
import Testing
import Timing

@testable import Subscription

@Suite struct PositionTrailTests {
    private func id(_ counter: UInt64) -> MessageID { MessageID(generation: 1_700_000_000, counter: counter) }

    @Test("M3: after ten quiet minutes the position is the newest one")
    func quiet() {
        var trail = PositionTrail()
        trail.note(id(41), at: .zero)
        trail.note(id(42), at: .seconds(60))
        #expect(trail.safe(at: .seconds(660)) == id(42))
    }

    @Test("M3: a message of ten seconds ago is newest but not yet safe; one of 400 s ago is")
    func lagged() {
        var trail = PositionTrail()
        trail.note(id(41), at: .zero)
        trail.note(id(42), at: .seconds(390))
        #expect(trail.newest == id(42))
        #expect(trail.safe(at: .seconds(400)) == id(41))
    }

    @Test("The first position there was serves until another one is old enough")
    func young() {
        var trail = PositionTrail()
        #expect(trail.safe(at: .seconds(1)) == nil)
        trail.note(id(5), at: .seconds(1))
        trail.note(id(9), at: .seconds(100))
        #expect(trail.safe(at: .seconds(101)) == id(5))
    }

    @Test("A held position stays what it was, however long it takes")
    func held() {
        var trail = PositionTrail()
        for second in stride(from: 0, through: 3000, by: 10) {
            if second == 1000 { trail.hold(at: .seconds(1000)) }
            trail.note(id(UInt64(second)), at: .seconds(second))
        }
        #expect(trail.safe(at: .seconds(3000)) == id(700))
        trail.release(at: .seconds(3000))
        #expect(trail.newest == id(3000))
        #expect(trail.safe(at: .seconds(3299)) == id(990))
        #expect(trail.safe(at: .seconds(3300)) == id(3000))
    }

    @Test("A hold that begins before the first position leaves no position until it ends")
    func heldFromTheStart() {
        var trail = PositionTrail()
        trail.hold(at: .zero)
        trail.note(id(5), at: .seconds(1))
        #expect(trail.safe(at: .seconds(1000)) == nil)
        trail.release(at: .seconds(1000))
        #expect(trail.safe(at: .seconds(1000)) == id(5))
    }

    @Test("Under load the trail stays short and the position is 300 to 310 s old")
    func load() {
        var trail = PositionTrail()
        for tick in 0..<100_000 { trail.note(id(UInt64(tick)), at: .milliseconds(tick * 100)) }
        let safe = trail.safe(at: .milliseconds(10_000_000))
        #expect(safe.map { (96_800...97_000).contains($0.counter) } == true)
    }
}

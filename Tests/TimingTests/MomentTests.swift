import Testing
import Timing

struct MomentTests {
    @Test("The monotonic clock never goes back, and the wall clock says this century")
    func present() {
        let first = Moment.now()
        let second = TimeSource.system.now()
        #expect(second.monotonic >= first.monotonic)
        #expect(first.wall > 1_700_000_000)
        #expect(abs(second.jump(since: first)) < 5)
    }

    @Test(
        "A jump is what the wall clock moved beyond the monotonic one",
        arguments: [(10.0, 10.0, 0.0), (10.0, 3610.0, 3600.0), (10.0, -50.0, -60.0)])
    func jump(monotonic: Double, wall: Double, expected: Double) {
        let earlier = Moment(monotonic: .seconds(100), wall: 1_700_000_000)
        let later = Moment(monotonic: .seconds(100 + monotonic), wall: 1_700_000_000 + wall)
        #expect(abs(later.jump(since: earlier) - expected) < 1e-6)
    }

    @Test("A duration has its seconds as a number")
    func seconds() {
        #expect(Duration.milliseconds(-1500).inSeconds == -1.5)
        #expect(Duration.zero.inSeconds == 0)
    }
}

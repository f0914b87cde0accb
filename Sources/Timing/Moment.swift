internal import Glibc

/// A point in time by two clocks: the monotonic one for every interval, and the wall clock for what people and portals
/// name.
public struct Moment: Hashable, Sendable {
    /// Since an arbitrary origin. Never goes back and is not touched by changes of the wall clock; stands still while
    /// the machine sleeps.
    public var monotonic: Duration
    /// Unix seconds.
    public var wall: Double

    public init(monotonic: Duration, wall: Double) {
        self.monotonic = monotonic
        self.wall = wall
    }

    /// The present, by the system's clocks.
    public static func now() -> Moment {
        var monotonic = timespec()
        var wall = timespec()
        clock_gettime(CLOCK_MONOTONIC, &monotonic)
        clock_gettime(CLOCK_REALTIME, &wall)
        return Moment(
            monotonic: .seconds(monotonic.tv_sec) + .nanoseconds(monotonic.tv_nsec),
            wall: Double(wall.tv_sec) + Double(wall.tv_nsec) / 1e9)
    }

    /// How far the wall clock moved beyond the monotonic one since `earlier`, in seconds: about 0 in normal times, the
    /// length of a sleep after waking, the size of a jump after somebody set the clock (negative: set back).
    public func jump(since earlier: Moment) -> Double {
        (wall - earlier.wall) - (monotonic - earlier.monotonic).inSeconds
    }
}

/// Where the time comes from: the system's clocks, or a test's.
public struct TimeSource: Sendable {
    public let now: @Sendable () -> Moment

    public init(now: @escaping @Sendable () -> Moment) {
        self.now = now
    }

    public static let system = TimeSource(now: Moment.now)
}

extension Duration {
    /// In seconds, as exactly as a Double can.
    public var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

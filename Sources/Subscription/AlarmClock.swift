import Synchronization
public import Timing

/// Wakes sessions when their machines have something to do. One sleeper for all of them: a thousand idle sessions then cost
/// a few wake-ups a second, not a timer and a task each.
public final class AlarmClock: Sendable {
    /// Alarms closer together than this ring together; none rings early.
    static let grain = Duration.milliseconds(100)

    private struct Alarm {
        var due: Duration
        var ring: @Sendable () -> Void
    }

    private struct State {
        var alarms: [UInt64: Alarm] = [:]
        var nextKey: UInt64 = 0
        /// When the sleeper wakes by itself.
        var wakesAt: Duration?
        var sleeper: OneShotSignal?
    }

    private let state = Mutex(State())
    private let time: TimeSource

    public init(time: TimeSource = .system) {
        self.time = time
    }

    /// A place for one alarm; `ring` is called on no particular thread and must not block.
    func add(ring: @escaping @Sendable () -> Void) -> UInt64 {
        state.withLock { state in
            state.nextKey += 1
            state.alarms[state.nextKey] = Alarm(due: .seconds(Int64.max / 2), ring: ring)
            return state.nextKey
        }
    }

    func remove(_ key: UInt64) {
        state.withLock { _ = $0.alarms.removeValue(forKey: key) }
    }

    /// Rings once, at `due` on the monotonic clock or a little later. Takes the place of what was set before.
    func set(_ key: UInt64, due: Duration) {
        let sleeper = state.withLock { state -> OneShotSignal? in
            state.alarms[key]?.due = due
            guard let wakesAt = state.wakesAt, due < wakesAt else { return nil }
            state.wakesAt = due
            return state.sleeper
        }
        sleeper?.fire()
    }

    /// Rings until the task is cancelled.
    public func run() async {
        while !Task.isCancelled {
            let signal = OneShotSignal()
            let now = time.now().monotonic
            let (due, wait) = state.withLock { state -> ([@Sendable () -> Void], Duration) in
                var due: [@Sendable () -> Void] = []
                var earliest = now + .seconds(60)
                for (key, alarm) in state.alarms {
                    if alarm.due <= now {
                        due.append(alarm.ring)
                        state.alarms[key]?.due = .seconds(Int64.max / 2)
                    } else {
                        earliest = min(earliest, alarm.due)
                    }
                }
                state.wakesAt = earliest
                state.sleeper = signal
                return (due, max(Self.grain, earliest - now))
            }
            for ring in due { ring() }
            _ = await signal.unlessFired { try? await Task.sleep(for: wait) }
            // Whatever was set in the meantime rings together with what woke the sleeper.
            if signal.isFired { try? await Task.sleep(for: Self.grain) }
        }
    }
}

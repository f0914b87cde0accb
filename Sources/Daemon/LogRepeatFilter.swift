import Dispatch
import Logging
import Synchronization
import Timing

/// `LogRepeats` for all loggers of a process, and the alarm that tells what was held back though nothing else is logged.
final class LogRepeatFilter: Sendable {
    private struct State {
        var repeats = LogRepeats()
        /// The alarm is set.
        var isArmed = false
    }

    private let state = Mutex(State())
    private let time: TimeSource
    private let tell: @Sendable (LogRepeats.Sum) -> Void

    /// - Parameter tell: writes the line for what was held back; from any thread.
    init(time: TimeSource, tell: @escaping @Sendable (LogRepeats.Sum) -> Void) {
        self.time = time
        self.tell = tell
    }

    /// Whether the line is written. Sums that are due are told before.
    func admits(_ kind: LogRepeats.Kind) -> Bool {
        let now = time.now().monotonic
        let (sums, admits, wait) = state.withLock { state in
            let sums = state.repeats.takeDue(at: now)
            let admits = state.repeats.admits(kind, at: now)
            var wait: Duration?
            if !state.isArmed, let due = state.repeats.due {
                state.isArmed = true
                wait = due - now
            }
            return (sums, admits, wait)
        }
        for sum in sums { tell(sum) }
        if let wait { arm(wait) }
        return admits
    }

    private func arm(_ wait: Duration) {
        DispatchQueue.global().asyncAfter(deadline: .now() + max(0.1, wait.inSeconds)) { [weak self] in self?.ring() }
    }

    private func ring() {
        let now = time.now().monotonic
        let (sums, due) = state.withLock { state in
            let sums = state.repeats.takeDue(at: now)
            let due = state.repeats.due
            state.isArmed = due != nil
            return (sums, due)
        }
        for sum in sums { tell(sum) }
        if let due { arm(due - now) }
    }
}

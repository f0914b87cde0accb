import Glibc
import Synchronization

/// Tells the service manager that the daemon works (sd_watchdog_enabled(3)).
///
/// Each message goes out only after everything whose stall nobody else would notice has answered a question asked since
/// the message before: a stall of any of them is silence, and the manager ends the process for it and starts a new one.
/// Until the daemon is ready the messages extend the time it has for that: a portal that stays away does not fail the
/// start, a daemon that hangs does.
struct Watchdog: Sendable {
    /// Asks; what is asked calls `answered`, once, from any thread.
    typealias Probe = @Sendable (_ answered: @escaping @Sendable () -> Void) -> Void

    /// Silence after which the manager acts; nil: it does not, the unit has no `WatchdogSec=`.
    let limit: Duration?
    let notify: NotifySocket
    let isReady: @Sendable () -> Bool
    let probes: [Probe]

    /// How far a start is extended where the manager names no limit.
    static let usualLimit = Duration.seconds(30)

    /// The limit that the environment sets, if it is meant for this process.
    ///
    /// - Parameter variable: a variable of the environment.
    static func limit(
        processID: Int32 = getpid(), variable: (String) -> String?
    ) -> Duration? {
        guard let text = variable("WATCHDOG_USEC"), let limit = Int64(text), limit > 0 else { return nil }
        if let process = variable("WATCHDOG_PID"), process != "\(processID)" { return nil }
        return .microseconds(limit)
    }

    /// Until the task is cancelled.
    func run() async {
        let limit = limit ?? Self.usualLimit
        while !Task.isCancelled {
            // A third: two messages more would be in time after one that a busy machine delays.
            let due = SuspendingClock.now + limit / 3
            await Answers.of(probes)
            try? await Task.sleep(until: due, clock: .suspending)
            if Task.isCancelled { return }
            if !isReady() {
                notify.extendTimeout(by: limit)
            } else if self.limit != nil {
                notify.watchdog()
            }
        }
    }
}

/// Counts the answers of one round. Whoever waits for them can give up.
private final class Answers: Sendable {
    private struct State {
        var missing: Int
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    private init(of count: Int) {
        state = Mutex(State(missing: count))
    }

    /// Returns when every probe has been answered, or the task is cancelled.
    static func of(_ probes: [Watchdog.Probe]) async {
        let answers = Answers(of: probes.count)
        for probe in probes { probe { answers.count() } }
        await answers.wait()
    }

    private func count() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.missing -= 1
            return state.missing <= 0 ? state.waiter.take() : nil
        }
        waiter?.resume()
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.missing <= 0 || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiter.take() }?.resume()
        }
    }
}

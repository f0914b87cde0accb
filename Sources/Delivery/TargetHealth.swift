import Timing

/// Whether a target takes requests at present. While it does not, one request at a time tries it, after a pause.
///
/// Requests that are under way when the target goes down fail together: only what began after a pause says anything
/// about the time after it. So each request carries the `epoch` that it began in.
struct TargetHealth: Sendable {
    /// Counts the pauses.
    private(set) var epoch = 0
    /// Nil while the target takes requests.
    private(set) var pausedUntil: Duration?
    private var isTried = false
    private var backoff = WebhookPace.targetDown

    /// No sooner than this, whatever the target asks for.
    private static let shortest = Duration.seconds(1)

    var isDown: Bool { pausedUntil != nil }

    /// Whether a request may begin now.
    func admits(now: Duration) -> Bool {
        guard let pausedUntil else { return true }
        return pausedUntil <= now && !isTried
    }

    mutating func began() {
        if isDown { isTried = true }
    }

    /// The target has answered something else than that it takes nothing. True when that is news.
    mutating func answered(in epoch: Int) -> Bool {
        guard epoch == self.epoch, isDown else { return false }
        pausedUntil = nil
        isTried = false
        backoff.reset()
        return true
    }

    /// - Parameter wait: what the target asked for; nil: the schedule.
    mutating func refused(in epoch: Int, wait: Duration?, now: Duration, random: Double) {
        if epoch == self.epoch {
            self.epoch += 1
            isTried = false
            let step = backoff.next(random: random)
            pausedUntil = now + (wait.map { max($0, Self.shortest) } ?? step)
        } else if let wait, let until = pausedUntil {
            pausedUntil = max(until, now + wait)
        }
    }
}

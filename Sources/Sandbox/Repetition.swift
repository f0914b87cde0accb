import Synchronization

/// Something that is done again and again until the order changes.
final class Repetition: Sendable {
    private let jobs: BackgroundJobs
    private let action: @Sendable () -> Void
    private let order = Mutex(0)

    init(jobs: BackgroundJobs, action: @escaping @Sendable () -> Void) {
        self.jobs = jobs
        self.action = action
    }

    /// Every so many seconds from now on, the first time after that many; 0 or less: not any more.
    func set(every seconds: Double) {
        let number = order.withLock { order in
            order += 1
            return order
        }
        guard seconds > 0 else { return }
        jobs.submit {
            var due = ContinuousClock.now
            while true {
                due = due.advanced(by: .seconds(seconds))
                do { try await Task.sleep(until: due, tolerance: .zero, clock: .continuous) } catch { return }
                guard self.order.withLock({ $0 == number }) else { return }
                self.action()
            }
        }
    }
}

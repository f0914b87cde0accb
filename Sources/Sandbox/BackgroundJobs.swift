/// Work that outlives the request which caused it: connections, collecting windows, events queued by the portal. It all
/// runs inside `run()` and ends with it.
final class BackgroundJobs: Sendable {
    typealias Job = @Sendable () async -> Void

    private let jobs: AsyncStream<Job>
    private let queue: AsyncStream<Job>.Continuation

    init() {
        (jobs, queue) = AsyncStream.makeStream()
    }

    func submit(_ job: @escaping Job) {
        queue.yield(job)
    }

    /// Submits a job that first waits for `seconds`, counted from now. A stop drops it.
    func submit(after seconds: Double, _ job: @escaping Job) {
        let due = ContinuousClock.now.advanced(by: .seconds(seconds))
        submit {
            do {
                try await Task.sleep(until: due, tolerance: .zero, clock: .continuous)
            } catch {
                return
            }
            await job()
        }
    }

    /// Runs submitted jobs until the task is cancelled, which cancels the jobs.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs {
                group.addTask(operation: job)
            }
        }
    }
}

import Logging

/// How a sink's run ends: by itself, or so long after the journal's end.
struct DrainLimit: Sendable {
    let name: String
    let source: any EventSource
    let limit: Duration
    let clock: DeliveryClock
    let logger: Logger

    private enum Ending {
        case delivered(SinkError?)
        case limitReached
        case limitNotReached
    }

    /// - Parameters:
    ///   - executor: the thread to deliver on; nil: any.
    ///   - counts: what is left in the end.
    ///   - deliver: returns when all is delivered, when its task is cancelled, or with a fault that does not pass.
    func run(
        on executor: (any TaskExecutor)? = nil, counts: @Sendable () -> SinkCounts,
        _ deliver: @escaping @Sendable () async -> SinkError?
    ) async throws(SinkError) {
        let fault = await withTaskGroup(of: Ending.self) { group in
            group.addTask(executorPreference: executor) { .delivered(await deliver()) }
            group.addTask { await self.wait() }
            // The limit only counts when it is reached; a cancelled wait for it says nothing.
            var fault: SinkError?
            for await ending in group {
                switch ending {
                case .delivered(let error):
                    fault = error
                    group.cancelAll()
                case .limitReached:
                    group.cancelAll()
                case .limitNotReached: break
                }
            }
            return fault
        }
        let pending = counts().pending
        if pending > 0 {
            logger.warning("sink stopped with events left", metadata: ["sink": "\(name)", "events": "\(pending)"])
        }
        if let fault, fault.code != .stopped { throw fault }
    }

    private func wait() async -> Ending {
        await source.finished()
        do {
            try await clock.sleep(limit)
            return .limitReached
        } catch {
            return .limitNotReached
        }
    }
}

import Logging
import Timing

/// How a sink's run ends: by itself, so long after the journal's end, or soon after somebody has asked for it.
struct DrainLimit: Sendable {
    let name: String
    let source: any EventSource
    /// After the journal's end.
    let limit: Duration
    /// After `requestStop`, for what is under way.
    let stopLimit: Duration
    let clock: DeliveryClock
    let logger: Logger
    /// Nothing new is to be begun.
    let isOver = OneShotSignal()
    private let isAsked = OneShotSignal()

    private enum Ending {
        case delivered(SinkError?)
        case limitReached
        case limitNotReached
    }

    init(
        name: String, source: any EventSource, limit: Duration, stopLimit: Duration, clock: DeliveryClock,
        logger: Logger
    ) {
        self.name = name
        self.source = source
        self.limit = limit
        self.stopLimit = stopLimit
        self.clock = clock
        self.logger = logger
    }

    func requestStop() {
        isAsked.fire()
        isOver.fire()
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
            group.addTask {
                await source.finished()
                return await self.sleep(limit)
            }
            group.addTask {
                await isAsked.wait()
                return isAsked.isFired ? await self.sleep(stopLimit) : .limitNotReached
            }
            // A limit only counts when it is reached; a cancelled wait for it says nothing.
            var fault: SinkError?
            for await ending in group {
                switch ending {
                case .delivered(let error):
                    fault = error
                    group.cancelAll()
                case .limitReached:
                    isOver.fire()
                    group.cancelAll()
                case .limitNotReached: break
                }
            }
            return fault
        }
        let pending = counts().pending
        // Asked to stop, it leaves them to its successor.
        if pending > 0, !isAsked.isFired {
            logger.warning("sink stopped with events left", metadata: ["sink": "\(name)", "events": "\(pending)"])
        }
        if let fault, fault.code != .stopped { throw fault }
    }

    private func sleep(_ duration: Duration) async -> Ending {
        do {
            try await clock.sleep(duration)
            return .limitReached
        } catch {
            return .limitNotReached
        }
    }
}

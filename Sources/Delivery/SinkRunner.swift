public import Journal
public import Logging

/// Takes events from the journal and gives them to one sink, for as long as the journal goes on.
public final class SinkRunner: Sendable {
    public let name: String
    private let sink: any Sink
    private let reader: JournalReader
    private let filter: EventFilter
    private let logger: Logger
    private let clock: DeliveryClock
    private let drainLimit: Duration
    private let progress: DeliveryProgress

    /// - Parameters:
    ///   - drainLimit: how long after the journal's end the rest of it may take.
    public init(
        name: String, sink: any Sink, reader: JournalReader, filter: EventFilter = .all, logger: Logger,
        drainLimit: Duration = .seconds(5), clock: DeliveryClock = .system
    ) {
        self.name = name
        self.sink = sink
        self.reader = reader
        self.filter = filter
        self.logger = logger
        self.drainLimit = drainLimit
        self.clock = clock
        progress = DeliveryProgress(sink: name, reader: reader, logger: logger, clock: clock)
    }

    public var counts: SinkCounts { progress.counts }

    /// Delivers until the journal is finished and everything in it delivered, or the drain limit is over. When the task
    /// is cancelled, what can go without waiting still goes.
    ///
    /// - Throws: a fault of the sink's that does not pass, such as a closed standard output.
    public func run() async throws(SinkError) {
        let fault = await withTaskGroup(of: Ending.self) { group in
            // The thread of the sink formats and writes: from the journal to the disk there is no further change.
            group.addTask(executorPreference: sink.executor) { await self.deliverAll() }
            group.addTask { await self.waitForDrainLimit() }
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
        let pending = counts.pending
        if pending > 0 {
            logger.warning(
                "sink stopped with events left",
                metadata: ["sink": "\(name)", "events": "\(pending)"])
        }
        if let fault, fault.code != .stopped { throw fault }
    }

    private enum Ending {
        case delivered(SinkError?)
        case limitReached
        case limitNotReached
    }

    private func deliverAll() async -> Ending {
        while let batches = await reader.next() {
            do throws(SinkError) {
                try await sink.deliver(batches, filter: filter, progress: progress)
            } catch {
                return .delivered(error)
            }
        }
        return .delivered(nil)
    }

    private func waitForDrainLimit() async -> Ending {
        await reader.finished()
        do {
            try await clock.sleep(drainLimit)
            return .limitReached
        } catch {
            return .limitNotReached
        }
    }
}

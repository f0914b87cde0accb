import Events
import Journal
public import Logging
import Timing

/// Gives events to a sink that takes them as a stream of lines: batch after batch, in order, on the sink's own thread.
public final class SinkRunner: EventRunner {
    public let name: String
    private let sink: any Sink
    private let reader: any EventSource
    private let logger: Logger
    private let filter: EventFilter
    private let clock: DeliveryClock
    private let settleInterval: Duration
    private let drain: DrainLimit
    private let progress: DeliveryProgress
    private let reading: PatientReading

    /// - Parameters:
    ///   - drainLimit: how long after the journal's end the rest of it may take.
    ///   - settleInterval: how long what is delivered may stay unsettled. After a crash a file is read from where it
    ///     was settled; other sinks deliver that much again.
    public init(
        name: String, sink: any Sink, reader: any EventSource, filter: EventFilter = .all, logger: Logger,
        drainLimit: Duration = .seconds(5), settleInterval: Duration = .seconds(1), clock: DeliveryClock = .system
    ) {
        self.name = name
        self.sink = sink
        self.reader = reader
        self.filter = filter
        self.logger = logger
        self.settleInterval = settleInterval
        self.clock = clock
        // What is under way ends by itself or would need waiting.
        drain = DrainLimit(
            name: name, source: reader, limit: drainLimit, stopLimit: .zero, clock: clock, logger: logger)
        progress = DeliveryProgress(sink: name, source: reader, logger: logger, clock: clock)
        reading = PatientReading(source: reader, progress: progress, clock: clock)
    }

    public var counts: SinkCounts { progress.counts }

    public func requestStop() { drain.requestStop() }

    public func reopen() {
        Task(executorPreference: sink.executor) { [self] in
            do throws(SinkError) { try await sink.reopen() } catch {
                logger.warning(
                    "sink cannot be opened anew",
                    metadata: ["sink": "\(name)", "reason": "\(error.message)", "cure": "\(error.cure)"])
            }
        }
    }

    /// What can go without waiting still goes when the task is cancelled, but not beyond the drain limit.
    public func run() async throws(SinkError) {
        // The thread of the sink formats and writes: from the journal to the disk there is no further change.
        try await drain.run(on: sink.executor, counts: { self.counts }) { [self] in await deliverAll() }
    }

    // MARK: deliveries

    private func deliverAll() async -> SinkError? {
        do throws(SinkError) {
            try await sink.begin(at: reader.cursor)
            // From the first event on it is known where to look for it after a crash.
            try await settle()
            var unsettledSince: Duration?
            while !drain.isOver.isFired, let batches = try await next(&unsettledSince) {
                progress.announce(batches)
                try await sink.deliver(batches, filter: filter, progress: progress)
                let now = clock.time.now().monotonic
                if progress.isUnsettled, now - (unsettledSince ?? now) >= settleInterval {
                    try await settle()
                    unsettledSince = nil
                } else if unsettledSince == nil, progress.isUnsettled {
                    unsettledSince = now
                }
            }
        } catch {
            // What has been delivered before the fault is kept; the fault itself says more than one of the disk's.
            try? await settleOnce()
            return error
        }
        do throws(SinkError) {
            if progress.isUnsettled { try await settle() }
            return nil
        } catch {
            return error
        }
    }

    /// What comes next, with a settling in between when it is due. Nil at the end.
    private func next(_ unsettledSince: inout Duration?) async throws(SinkError) -> [EventBatch]? {
        while true {
            guard let since = unsettledSince, !progress.hasMore else { return try await reading.next() }
            let rest = since + settleInterval - clock.time.now().monotonic
            let first = await readUntilDue(max(rest, .zero))
            if first.isDue {
                try await settle()
                unsettledSince = nil
            }
            if let batches = try first.result.get() { return batches }
            // Nothing, because the wait was called off, or because this is the end: then there is nothing again.
        }
    }

    private enum Waited {
        case read(Result<[EventBatch]?, SinkError>)
        case due
    }

    /// Waits for batches, but not beyond `rest`. Batches that come at the last moment come along.
    private func readUntilDue(_ rest: Duration) async -> (result: Result<[EventBatch]?, SinkError>, isDue: Bool) {
        await withTaskGroup(of: Waited.self) { group in
            group.addTask {
                do throws(SinkError) { return .read(.success(try await self.reading.next())) } catch {
                    return .read(.failure(error))
                }
            }
            group.addTask {
                try? await self.clock.sleep(rest)
                return .due
            }
            var result = Result<[EventBatch]?, SinkError>.success(nil)
            var isDue: Bool?
            for await waited in group {
                switch waited {
                case .due: isDue = isDue ?? true
                case .read(let read):
                    result = read
                    // At the end what has been delivered is due, too.
                    if case .success(.some) = read { isDue = isDue ?? false }
                }
                group.cancelAll()
            }
            return (result, isDue ?? true)
        }
    }

    // MARK: settling

    /// Settles, however often the disk has to be asked. Nothing is delivered meanwhile: what a disk does not take
    /// cannot be called delivered.
    private func settle() async throws(SinkError) {
        var backoff = Backoff.doubling(from: .milliseconds(250), to: .seconds(5), jitter: 0...0.2)
        while true {
            do throws(SinkError) {
                try await settleOnce()
                if backoff.failures > 0 { progress.resumed() }
                return
            } catch {
                progress.blocked(by: error)
                try await progress.pause(backoff.next(random: clock.random()))
            }
        }
    }

    private func settleOnce() async throws(SinkError) {
        progress.settled(place: try await sink.settle())
    }
}

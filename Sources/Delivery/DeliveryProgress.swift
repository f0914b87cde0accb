import Journal
import Logging
import Synchronization

/// What a sink reports while it delivers: how far it is, and when it is blocked and goes on again. Each such change is
/// logged once, however often the sink tries.
public final class DeliveryProgress: Sendable {
    private struct State {
        var counts = SinkCounts()
        var blockedSince: Duration?
    }

    private let sink: String
    private let reader: JournalReader
    private let logger: Logger
    private let clock: DeliveryClock
    private let state = Mutex(State())

    init(sink: String, reader: JournalReader, logger: Logger, clock: DeliveryClock) {
        self.sink = sink
        self.reader = reader
        self.logger = logger
        self.clock = clock
    }

    /// All events up to and including `sequence` are done with, these many of them delivered and held back.
    public func advance(through sequence: UInt64, delivered: Int, filtered: Int) {
        state.withLock { state in
            state.counts.delivered += UInt64(delivered)
            state.counts.filtered += UInt64(filtered)
        }
        reader.advance(through: sequence)
    }

    /// The sink cannot deliver at present and will try again.
    public func blocked(by error: SinkError) {
        let isNews = state.withLock { state in
            let isNews = state.counts.blockedBy?.code != error.code
            state.counts.blockedBy = error
            if state.blockedSince == nil { state.blockedSince = clock.time.now().monotonic }
            return isNews
        }
        guard isNews else { return }
        logger.warning(
            "sink blocked, its events wait",
            metadata: [
                "sink": "\(sink)", "code": "\(error.code.rawValue)", "reason": "\(error.message)",
                "cure": "\(error.cure)",
            ])
    }

    /// The sink has delivered something; ends what `blocked` began.
    public func resumed() {
        let since = state.withLock { state -> Duration? in
            defer { state.blockedSince = nil }
            state.counts.blockedBy = nil
            return state.blockedSince
        }
        guard let since else { return }
        let seconds = (clock.time.now().monotonic - since).components.seconds
        logger.notice("sink goes on", metadata: ["sink": "\(sink)", "blocked_seconds": "\(seconds)"])
    }

    /// Waits before another try.
    ///
    /// - Throws: `stopped` when the task is cancelled.
    public func pause(_ duration: Duration) async throws(SinkError) {
        do { try await clock.sleep(duration) } catch { throw SinkError.stopped }
        if Task.isCancelled { throw SinkError.stopped }
    }

    var counts: SinkCounts {
        var counts = state.withLock { $0.counts }
        counts.pending = reader.counts.pendingEvents
        return counts
    }
}

/// What a sink has done since the process began. `delivered + filtered + pending` is what the journal took.
public struct SinkCounts: Hashable, Sendable {
    public var delivered: UInt64 = 0
    /// Held back by the sink's filter.
    public var filtered: UInt64 = 0
    /// In the journal, not done with.
    public var pending: UInt64 = 0
    /// Why nothing is delivered at present; nil when all is well.
    public var blockedBy: SinkError?

    public init() {}
}

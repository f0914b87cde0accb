import Events
import Journal
import Logging
import Synchronization

/// What a sink reports while it delivers: how far it is, and when it is blocked and goes on again. Each such change is
/// logged once, however often the sink tries.
public final class DeliveryProgress: Sendable {
    /// Numbers that the journal does not have any more, below `next`, the first that it has.
    private struct Jump {
        var next: UInt64
        var missing: UInt64
    }

    private struct State {
        /// How far the sink is.
        var cursor: SinkCursor
        /// What the source was last told.
        var kept: SinkCursor
        /// The last number of all batches handed out.
        var announced: UInt64
        var jumps: [Jump] = []
        /// Batches handed out of which not every event is done with.
        var open = Queue<(last: UInt64, receivedAt: Int64)>()
        var blockedBy: SinkError?
        var blockedSince: Duration?
        var blockades: UInt64 = 0
        var saidImbalance: Bool
    }

    private let sink: String
    private let source: any EventSource
    private let logger: Logger
    private let clock: DeliveryClock
    private let state: Mutex<State>

    init(sink: String, source: any EventSource, logger: Logger, clock: DeliveryClock) {
        self.sink = sink
        self.source = source
        self.logger = logger
        self.clock = clock
        let cursor = source.cursor
        state = Mutex(
            State(cursor: cursor, kept: cursor, announced: cursor.sequence, saidImbalance: !cursor.isConserved))
    }

    /// The batches are about to be delivered. Numbers left out between them, or before the first, are given up: what
    /// they stood for is not in the journal any more, and a gap record says so.
    func announce(_ batches: [EventBatch]) {
        state.withLock { state in
            for batch in batches where !batch.events.isEmpty {
                let expected = state.announced &+ 1
                if batch.firstSequence > expected {
                    state.jumps.append(Jump(next: batch.firstSequence, missing: batch.firstSequence - expected))
                }
                state.announced = max(state.announced, batch.lastSequence)
                state.open.append((batch.lastSequence, batch.receivedAt))
            }
        }
    }

    /// All events up to and including `sequence` are done with, these many of them delivered, held back and given up.
    public func advance(through sequence: UInt64, delivered: Int, filtered: Int, dead: Int = 0) {
        let isImbalanced = state.withLock { state in
            state.cursor.delivered &+= UInt64(max(0, delivered))
            state.cursor.filtered &+= UInt64(max(0, filtered))
            state.cursor.dead &+= UInt64(max(0, dead))
            while let jump = state.jumps.first, jump.next <= sequence {
                state.cursor.dead &+= jump.missing
                state.jumps.removeFirst()
            }
            state.cursor.sequence = max(state.cursor.sequence, sequence)
            while let first = state.open.first, first.last <= sequence { _ = state.open.popFirst() }
            if state.saidImbalance || state.cursor.isConserved { return false }
            state.saidImbalance = true
            return true
        }
        if isImbalanced { reportImbalance() }
    }

    private func reportImbalance() {
        let cursor = cursor
        logger.warning(
            "the sink's counts do not add up",
            metadata: [
                "sink": "\(sink)", "base": "\(cursor.base)", "sequence": "\(cursor.sequence)",
                "delivered": "\(cursor.delivered)", "filtered": "\(cursor.filtered)", "dead": "\(cursor.dead)",
            ])
        assertionFailure("the counts of sink \(sink) do not add up")
    }

    /// So many events that had been given up are delivered after all.
    func revived(_ count: Int) {
        state.withLock { state in
            let count = min(UInt64(max(0, count)), state.cursor.dead)
            state.cursor.dead -= count
            state.cursor.delivered &+= count
        }
    }

    /// Everything reported so far is durable, and `place` belongs to it, as do these dead letters: new ones, and the
    /// numbers of those that are none any more.
    func settled(place: String, dead: [DeadLetter] = [], revived: [UInt64] = []) {
        let changed = state.withLock { state -> SinkCursor? in
            state.cursor.place = place
            guard state.cursor != state.kept || !dead.isEmpty || !revived.isEmpty else { return nil }
            state.kept = state.cursor
            return state.cursor
        }
        if let changed { source.commit(changed, dead: dead, revived: revived) }
    }

    /// How far the sink is, kept or not.
    var cursor: SinkCursor { state.withLock { $0.cursor } }

    /// Something has been reported since `settled`.
    var isUnsettled: Bool { state.withLock { $0.cursor != $0.kept } }

    /// The source has batches that were not yet announced, or will have them when they are on the journal's disk: asking
    /// for them waits for nothing else. While that disk does not answer it takes no cursor either.
    var hasMore: Bool {
        let counts = source.counts
        return state.withLock { counts.doneSequence &+ counts.pendingEvents > $0.announced }
    }

    // MARK: faults

    /// The sink cannot deliver at present and will try again.
    public func blocked(by error: SinkError) {
        let isNews = state.withLock { state in
            let isNews = state.blockedBy?.code != error.code
            state.blockedBy = error
            if state.blockedSince == nil {
                state.blockedSince = clock.time.now().monotonic
                state.blockades += 1
            }
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
            state.blockedBy = nil
            return state.blockedSince
        }
        guard let since else { return }
        let seconds = (clock.time.now().monotonic - since).components.seconds
        logger.notice("sink goes on", metadata: ["sink": "\(sink)", "blocked_seconds": "\(seconds)"])
    }

    /// Something the operator should know, which stops nothing.
    func tell(_ note: SinkNote) {
        logger.log(level: note.level, "\(note.message)", metadata: ["sink": "\(sink)", "file": "\(note.file)"])
    }

    /// Waits before another try.
    ///
    /// - Throws: `stopped` when the task is cancelled.
    public func pause(_ duration: Duration) async throws(SinkError) {
        do { try await clock.sleep(duration) } catch { throw SinkError.stopped }
        if Task.isCancelled { throw SinkError.stopped }
    }

    var counts: SinkCounts {
        let read = source.counts
        let now = clock.time.now()
        return state.withLock { state in
            var counts = SinkCounts()
            counts.delivered = state.cursor.delivered
            counts.filtered = state.cursor.filtered
            counts.dead = state.cursor.dead
            counts.blockedBy = state.blockedBy
            counts.blockedSince = state.blockedSince.map { now.wall - (now.monotonic - $0).inSeconds }
            counts.blockades = state.blockades
            counts.oldestPending = state.open.first.map { Double($0.receivedAt) / 1e6 }
            let (last, overflows) = read.doneSequence.addingReportingOverflow(read.pendingEvents)
            counts.pending = overflows || last <= state.cursor.sequence ? 0 : last - state.cursor.sequence
            return counts
        }
    }
}

/// A line for the log about a sink's files.
struct SinkNote {
    var level = Logger.Level.warning
    var message: String
    var file: String
}

extension EventBatch {
    /// The number of the last event; of an empty batch the one before its first.
    var lastSequence: UInt64 { firstSequence &+ UInt64(events.count) &- 1 }
}

/// What a sink has done since its first event, over restarts. `delivered + filtered + dead + pending` is what the
/// journal has taken since then.
public struct SinkCounts: Hashable, Sendable {
    public var delivered: UInt64 = 0
    /// Held back by the sink's filter.
    public var filtered: UInt64 = 0
    /// Given up: dead letters, and what the journal had to drop before the sink took it.
    public var dead: UInt64 = 0
    /// In the journal, not done with.
    public var pending: UInt64 = 0
    /// Why nothing is delivered at present; nil when all is well.
    public var blockedBy: SinkError?
    /// Unix seconds.
    public var blockedSince: Double?
    /// How often it was blocked in this run.
    public var blockades: UInt64 = 0
    /// When the oldest event that was handed out and is not done with was received, Unix seconds.
    public var oldestPending: Double?

    public init() {}
}

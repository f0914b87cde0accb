@testable import Delivery
import Events
import Journal
import Synchronization

/// The journal as sinks see it, in memory.
final class TestJournal: Sendable {
    fileprivate struct State {
        var batches: [EventBatch] = []
        var lastSequence: UInt64 = 0
        var isFinished = false
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var tickets: UInt64 = 0
    }

    fileprivate let state = Mutex(State())

    func append(_ batch: EventBatch) {
        wake { state in
            var batch = batch
            batch.firstSequence = state.lastSequence + 1
            state.lastSequence = batch.lastSequence
            state.batches.append(batch)
        }
    }

    /// As if the journal had dropped so many events.
    func skip(_ count: UInt64) {
        state.withLock { $0.lastSequence += count }
    }

    func finish() {
        wake { $0.isFinished = true }
    }

    var batches: [EventBatch] { state.withLock { $0.batches } }
    var lastSequence: UInt64 { state.withLock { $0.lastSequence } }

    func reader(named name: String = "sink", at cursor: SinkCursor = SinkCursor(base: 0)) -> TestReader {
        TestReader(journal: self, cursor: cursor)
    }

    fileprivate func wake(_ change: (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns once `isDone` or the task is cancelled.
    fileprivate func wait(until isDone: @Sendable @escaping (State) -> Bool) async {
        let ticket = state.withLock { state in
            state.tickets += 1
            return state.tickets
        }
        while !Task.isCancelled, !state.withLock({ isDone($0) }) {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let goesOn = state.withLock { state in
                        if isDone(state) || Task.isCancelled { return true }
                        state.waiting[ticket] = continuation
                        return false
                    }
                    if goesOn { continuation.resume() }
                }
            } onCancel: {
                state.withLock { $0.waiting.removeValue(forKey: ticket) }?.resume()
            }
        }
    }
}

final class TestReader: EventSource {
    private struct Own {
        var read: UInt64
        var commits: [SinkCursor]
        var failures: [JournalError] = []
        var letters: [UInt64: DeadLetter] = [:]
        /// Up to where the cursor is on disk; nil: always at once.
        var durable: UInt64?
    }

    private let journal: TestJournal
    private let own: Mutex<Own>

    init(journal: TestJournal, cursor: SinkCursor) {
        self.journal = journal
        own = Mutex(Own(read: cursor.sequence, commits: [cursor]))
    }

    /// The next readings fail with these.
    func fail(_ errors: [JournalError]) {
        own.withLock { $0.failures = errors }
    }

    /// Every cursor kept, the first one included.
    var commits: [SinkCursor] { own.withLock { $0.commits } }
    var cursor: SinkCursor { own.withLock { $0.commits.last ?? SinkCursor(base: 0) } }

    func next(budget: Int) async throws(JournalError) -> [EventBatch]? {
        let failure = own.withLock { $0.failures.isEmpty ? nil : $0.failures.removeFirst() }
        if let failure { throw failure }
        let read = own.withLock { $0.read }
        await journal.wait {
            $0.lastSequence > read && $0.batches.last.map { $0.lastSequence > read } == true || $0.isFinished
        }
        let batches = rest(of: journal.batches, after: read, budget: budget)
        if batches.isEmpty { return nil }
        own.withLock { $0.read = batches.last?.lastSequence ?? read }
        return batches
    }

    func commit(_ cursor: SinkCursor, dead: [DeadLetter], revived: [UInt64]) {
        own.withLock { own in
            own.commits.append(cursor)
            for letter in dead { own.letters[letter.sequence] = letter }
            for sequence in revived { own.letters[sequence] = nil }
        }
        journal.wake { _ in }
    }

    // MARK: dead letters

    /// Lowest number first.
    var letters: [DeadLetter] { own.withLock { $0.letters.values.sorted { $0.sequence < $1.sequence } } }

    func requestRetry(_ sequences: some Sequence<UInt64>) {
        own.withLock { own in
            for sequence in sequences { own.letters[sequence]?.isRetryRequested = true }
        }
    }

    func requestedRetries(limit: Int) -> [DeadLetter] {
        Array(letters.filter(\.isRetryRequested).prefix(limit))
    }

    // MARK: the disk

    /// From now on the cursor only comes to disk by `reachDisk`.
    func holdDisk() {
        own.withLock { $0.durable = $0.commits.last?.sequence }
    }

    func reachDisk() {
        own.withLock { own in
            if own.durable != nil { own.durable = own.commits.last?.sequence }
        }
        journal.wake { _ in }
    }

    var durableSequence: UInt64 { own.withLock { $0.durable ?? $0.commits.last?.sequence ?? 0 } }

    func durable(through sequence: UInt64) async {
        await journal.wait { _ in self.durableSequence >= sequence }
    }

    func finished() async {
        await journal.wait { $0.isFinished }
    }

    var counts: JournalReaderCounts {
        let done = cursor.sequence
        return JournalReaderCounts(doneSequence: done, pendingEvents: journal.lastSequence - done)
    }
}

/// What follows `sequence`, the first batch trimmed to it.
func rest(of batches: [EventBatch], after sequence: UInt64, budget: Int = .max) -> [EventBatch] {
    var result: [EventBatch] = []
    var bytes = 0
    for var batch in batches where batch.lastSequence > sequence && bytes < budget {
        if batch.firstSequence <= sequence {
            batch.events.removeFirst(Int(sequence + 1 - batch.firstSequence))
            batch.firstSequence = sequence + 1
        }
        bytes += batch.bytes.count
        result.append(batch)
    }
    return result
}

/// The lines of numbered batches.
func lines(of batches: [EventBatch], _ filter: EventFilter = .all) -> String {
    var output = OutputBuffer()
    for batch in batches { _ = EventLine(batch).append(where: filter, to: &output) }
    return output.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}

public import Events
import Synchronization

/// The only hand-off between those who receive events and those who deliver them. This form lives in memory: it holds
/// what its slowest reader still needs, and when that is more than the window, whoever appends waits. Nothing is lost
/// or dropped in it; what a process held when it died is gone.
///
/// While there is no reader at all, everything is kept for the first one.
public final class Journal: EventIntake, Sendable {
    /// 8 MiB, about 14,000 events of 400 bytes.
    public static let defaultWindow = 8 * 1024 * 1024

    private let window: UInt64
    private let state = Mutex(JournalState())

    /// - Parameter window: in bytes; what is held may exceed it by one batch. At least one byte.
    public init(window: Int = Journal.defaultWindow) {
        self.window = UInt64(max(1, window))
    }

    /// Takes the events of one received unit and numbers them on from the last one; the first event of a process has
    /// the number 1. Waits while the window is full, in the order of the calls.
    ///
    /// - Throws: `JournalError.finished` after `finish()`; `CancellationError` when the task is cancelled while it
    ///   waits, and then nothing of the batch was taken.
    public func append(_ batch: EventBatch) async throws {
        if batch.events.isEmpty { return }
        let result = state.withLock { state -> AppendResult in
            if state.isFinished { return .refused }
            if state.isFull(window) { return .full }
            state.take(batch)
            return .taken(state.readersToWake())
        }
        switch result {
        case .taken(let waiting): waiting.resume()
        case .refused: throw JournalError.finished
        case .full: try await waitAndAppend(batch)
        }
    }

    /// A new reader, which begins with the oldest event that is still held. Register all readers before the first
    /// event is appended, so that each gets everything.
    public func reader(named name: String) -> JournalReader {
        let index = state.withLock { $0.addReader() }
        return JournalReader(name: name, journal: self, index: index)
    }

    /// Nothing more will come: readers get what is there and then nil. Waiting appends are still taken, since their
    /// events have been received; later ones are refused.
    public func finish() {
        let (waiting, watchers) = state.withLock { state in
            state.isFinished = true
            // Counted against no window any more: nothing can follow them.
            let writers = state.admitWaiting(window: .max)
            let watchers = state.finishWatchers
            state.finishWatchers = []
            return (Waiting(readers: state.readersToWake(), writers: writers), watchers)
        }
        waiting.resume()
        for watcher in watchers { watcher.continuation.resume() }
    }

    /// Somebody waits to append, because the slowest reader is further behind than the window.
    public var isPaused: Bool {
        state.withLock { !$0.writers.isEmpty }
    }

    public var counts: JournalCounts {
        state.withLock { $0.counts }
    }

    // MARK: waiting writers

    private enum AppendResult {
        case taken(ReadersToWake)
        case full
        case refused
    }

    private func waitAndAppend(_ batch: EventBatch) async throws {
        let ticket = state.withLock { $0.nextTicket() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let refusal = state.withLock { state -> (any Error)? in
                    if state.isFinished { return JournalError.finished }
                    if Task.isCancelled { return CancellationError() }
                    state.enqueue(JournalState.Writer(ticket: ticket, batch: batch, continuation: continuation))
                    return nil
                }
                if let refusal { continuation.resume(throwing: refusal) } else { admitIfRoom() }
            }
        } onCancel: {
            state.withLock { $0.removeWriter(ticket) }?.continuation.resume(throwing: CancellationError())
        }
    }

    /// Room may have come between the look at the window and the place in the queue.
    private func admitIfRoom() {
        let waiting = state.withLock { state in
            let writers = state.admitWaiting(window: window)
            return Waiting(readers: writers.isEmpty ? .none : state.readersToWake(), writers: writers)
        }
        waiting.resume()
    }

    // MARK: for readers

    func next(for index: Int, budget: Int) async -> [EventBatch]? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<[EventBatch]?, Never>) in
                let (answer, displaced) = state.withLock { state in
                    state.read(index, budget: budget, cancelled: Task.isCancelled, continuation)
                }
                displaced?.resume(returning: [])
                switch answer {
                case .batches(let batches): continuation.resume(returning: batches)
                case .end: continuation.resume(returning: nil)
                case .later: break
                }
            }
        } onCancel: {
            state.withLock { $0.removeReaderWait(index) }?.resume(returning: nil)
        }
    }

    func advance(_ index: Int, through sequence: UInt64) {
        let waiting = state.withLock { state in
            state.advance(index, through: sequence)
            let writers = state.admitWaiting(window: window)
            return Waiting(readers: writers.isEmpty ? .none : state.readersToWake(), writers: writers)
        }
        waiting.resume()
    }

    func counts(for index: Int) -> JournalReaderCounts {
        state.withLock { $0.counts(for: index) }
    }

    func finished() async {
        let ticket = state.withLock { $0.nextTicket() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let waits = state.withLock { state in
                    if state.isFinished || Task.isCancelled { return false }
                    state.finishWatchers.append(JournalState.Watcher(ticket: ticket, continuation: continuation))
                    return true
                }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.removeWatcher(ticket) }?.continuation.resume()
        }
    }
}

/// Why a journal did not take a batch.
public enum JournalError: Error, Hashable, Sendable {
    /// `finish()` has been called: the process is stopping.
    case finished
}

extension JournalError: CustomStringConvertible {
    public var description: String { "the journal takes no more events: the process is stopping" }
}

/// What a journal has done since the process began.
public struct JournalCounts: Hashable, Sendable {
    /// Events taken, which is also the last sequence number given.
    public var events: UInt64 = 0
    /// Their size in memory, in bytes.
    public var bytes: UInt64 = 0
    /// The part of `bytes` that some reader still needs.
    public var heldBytes: UInt64 = 0
    /// How many appends had to wait.
    public var pauses: UInt64 = 0

    public init() {}
}

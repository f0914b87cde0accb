import Dispatch
public import Events
import Synchronization
import Timing

/// The only hand-off between those who receive events and those who deliver them, and all that a process must remember: a
/// SQLite database in a state directory.
///
/// ```
///  append ──► queue ──► writer: one transaction ──► memory of what is on disk ──► readers
///            (window)   with all that is there       (window)      └── disk ────► readers further behind
/// ```
///
/// Entries are on disk in the order of the calls, and so are their sequence numbers, which go on over restarts. Readers get
/// only what is on disk. A slow reader holds nothing up; a disk that fails does.
public final class Journal: EventIntake, Sendable {
    let options: JournalOptions
    let time: TimeSource
    let directory: StateDirectory
    let isTemporary: Bool
    let onTrouble: @Sendable (JournalTrouble?) -> Void
    let state: Mutex<JournalState>
    let writer: Mutex<JournalWriter>
    /// Work that has failed and waits to be tried again, and the pause before that.
    let unfinished = Mutex(UnfinishedWork())
    let lookup: Mutex<JournalReading?>
    /// For readers that are behind what is in memory.
    let archive: Mutex<JournalReading?>
    /// Copies the log into the database, beside the writer.
    let keeper: Mutex<Database?>
    let upkeep = Mutex(Upkeep())
    /// Those who want to hear of the writer.
    let writerProbes = Mutex<[@Sendable () -> Void]>([])
    let writing = DispatchQueue(label: "pulld.journal.writing")
    let reading = DispatchQueue(label: "pulld.journal.reading")
    let keeping = DispatchQueue(label: "pulld.journal.keeping")

    init(
        _ parts: consuming OpenedParts, options: JournalOptions, time: TimeSource, isTemporary: Bool,
        onTrouble: @escaping @Sendable (JournalTrouble?) -> Void
    ) {
        self.options = options
        self.time = time
        self.isTemporary = isTemporary
        self.onTrouble = onTrouble
        directory = parts.directory
        state = parts.state
        writer = parts.writer
        keeper = parts.keeper
        lookup = parts.lookup
        archive = parts.archive
    }

    // MARK: appending

    /// Takes what one received unit brought. A batch of whose bytes the events need less than half is stored, and handed
    /// on, without the rest.
    public func append(_ entry: JournalEntry) async throws {
        var entry = entry
        entry.batch = entry.batch?.compacted()
        let result = state.withLock { $0.offer(entry) }
        switch result {
        case .taken(let start): if start { startWriter() }
        case .refused(let error): throw error
        case .full: try await waitAndAppend(entry)
        }
    }

    private func waitAndAppend(_ entry: JournalEntry) async throws {
        let ticket = state.withLock { $0.nextTicket() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let refusal = state.withLock { state -> (any Error)? in
                    if let refusal = state.refusal { return refusal }
                    if Task.isCancelled { return CancellationError() }
                    state.enqueue(JournalState.Writer(ticket: ticket, entry: entry, continuation: continuation))
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
        let (wakes, start) = state.withLock { state in
            let writers = state.admitWaiting()
            return (JournalWakes(writers: writers), !writers.isEmpty && state.startWriting())
        }
        if start { startWriter() }
        wakes.resume()
    }

    public func committed() async throws {
        let ticket = state.withLock { $0.nextTicket() }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                let result = state.withLock { state -> Result<Void, any Error>? in
                    if let failure = state.failure { return .failure(failure) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    return state.watchCommit(ticket, continuation) ? nil : .success(())
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            state.withLock { $0.removeCommitWatcher(ticket) }?.continuation.resume(throwing: CancellationError())
        }
    }

    /// An append waits, because what is not yet on disk fills the window.
    public var isPaused: Bool {
        state.withLock { $0.isPaused }
    }

    public var counts: JournalCounts {
        state.withLock { $0.snapshot }
    }

    // MARK: looking things up

    public func record(of portal: String) throws(JournalError) -> PortalRecord {
        let record = try endingWhenDamaged { () throws(JournalError) in
            try look { (reading) throws(SQLiteFailure) in try reading.record(of: portal) }
        }
        state.withLock { $0.note(record.counts, of: portal) }
        return record
    }

    public func seen(_ id: MessageID, portal: String) throws(JournalError) -> [SeenMark] {
        try look { (reading) throws(SQLiteFailure) in try reading.seen(id, portal: portal) }
    }

    /// Marks without an id count as lower than all others, and as above `.zero` only.
    public func seen(above id: MessageID, portal: String, limit: Int) throws(JournalError) -> [SeenMark] {
        try endingWhenDamaged { () throws(JournalError) in
            try look { (reading) throws(SQLiteFailure) in try reading.seen(above: id, portal: portal, limit: limit) }
        }
    }

    /// What a session needs to begin with does not get whole by reading it again: the journal ends, and says why.
    private func endingWhenDamaged<Value>(
        _ body: () throws(JournalError) -> Value
    ) throws(JournalError) -> Value {
        do throws(JournalError) {
            return try body()
        } catch {
            if error.code == .damaged { state.withLock { $0.fail(error) }.resume() }
            throw error
        }
    }

    func look<Value: Sendable>(
        _ body: (JournalReading) throws(SQLiteFailure) -> Value
    ) throws(JournalError) -> Value {
        let result = lookup.withLock { reading -> Result<Value, JournalError> in
            guard let reading else { return .failure(.finished) }
            do throws(SQLiteFailure) {
                return .success(try body(reading))
            } catch {
                return .failure(error.error(path: directory.journal))
            }
        }
        return try result.get()
    }

    // MARK: readers

    /// Goes on where the reader of this name stood; one that is new begins after the last event there is.
    public func reader(named name: String) throws(JournalError) -> JournalReader {
        let (failure, start) = state.withLock { state in
            if state.failure == nil { _ = state.activateReader(name) }
            return (state.failure, state.readers.hasDirtyCursors && state.startWriting())
        }
        if let failure { throw failure }
        if start { startWriter() }
        return JournalReader(name: name, journal: self)
    }

    /// All readers but these hold nothing any more: what they have not had can go. Their cursors stay.
    public func retireReaders(except names: Set<String>) throws(JournalError) {
        let (failure, start) = state.withLock { state in
            state.readers.retire(except: names)
            return (state.failure, state.readers.hasDirtyCursors && state.startWriting())
        }
        if let failure { throw failure }
        if start { startWriter() }
    }

    // MARK: the end

    /// No appends any more. Everything held is still committed, appends that wait included; readers get the rest and then
    /// nil.
    public func finish() {
        let (wakes, watchers, start) = state.withLock { $0.finish() }
        if start { startWriter() }
        wakes.resume()
        for watcher in watchers { watcher.continuation.resume() }
    }

    func finished() async {
        let ticket = state.withLock { $0.nextTicket() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let waits = state.withLock { !Task.isCancelled && $0.watchFinish(ticket, continuation) }
                if !waits { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.removeFinishWatcher(ticket) }?.continuation.resume()
        }
    }
}

import Events

/// What the journal's lock guards, and the rules over it. No waiting, no resuming and no disk in here: what is to be done is
/// handed out and done after the lock is free.
struct JournalState {
    struct Writer {
        var ticket: UInt64
        var entry: JournalEntry
        var continuation: CheckedContinuation<Void, any Error>
    }

    /// Somebody who waits for everything up to an entry to be on disk.
    struct CommitWatcher {
        var ticket: UInt64
        var target: UInt64
        var continuation: CheckedContinuation<Void, any Error>
    }

    struct FinishWatcher {
        var ticket: UInt64
        var continuation: CheckedContinuation<Void, Never>
    }

    enum AppendResult {
        /// True: the writer must be set going.
        case taken(startWriter: Bool)
        case full
        case refused(JournalError)
    }

    let window: UInt64
    var readers = JournalReaders()
    private(set) var counts = JournalCounts()
    /// What has been received, by portal, as it is on disk.
    private(set) var portalCounts: [String: IntakeCounts] = [:]
    private(set) var isFinished = false
    /// Why the journal takes nothing any more.
    private(set) var failure: JournalError?
    /// A transaction is under way or scheduled.
    private(set) var isWriting = false
    private var cursorsAreScheduled = false
    private var queue: [JournalEntry] = []
    /// The number of the last event that a transaction was given.
    private var lastTakenSequence: UInt64
    private var writers: [Writer] = []
    private var commitWatchers: [CommitWatcher] = []
    private var finishWatchers: [FinishWatcher] = []
    private var takenEntries: UInt64 = 0
    private var committedEntries: UInt64 = 0
    private var lastTicket: UInt64 = 0

    init(
        window: UInt64, lastSequence: UInt64, cursors: [String: StoredCursor], deadTotals: [String: DeadTotals]
    ) {
        self.window = window
        lastTakenSequence = lastSequence
        counts.lastSequence = lastSequence
        counts.committedSequence = lastSequence
        readers.committed = lastSequence
        for (name, cursor) in cursors { readers.add(name, cursor) }
        readers.deadTotals = deadTotals
    }

    mutating func nextTicket() -> UInt64 {
        lastTicket += 1
        return lastTicket
    }

    var snapshot: JournalCounts {
        var counts = counts
        counts.memoryBytes = readers.window.bytes
        return counts
    }

    var isPaused: Bool { !writers.isEmpty }

    /// Why an append is refused.
    var refusal: JournalError? { failure ?? (isFinished ? .finished : nil) }

    // MARK: appending

    /// Whoever waits goes first, so a queue of writers is a full window too.
    mutating func offer(_ entry: JournalEntry) -> AppendResult {
        if let refusal { return .refused(refusal) }
        if counts.heldBytes >= window || !writers.isEmpty { return .full }
        take(entry)
        return .taken(startWriter: startWriting())
    }

    private mutating func take(_ entry: JournalEntry) {
        var entry = entry
        if let batch = entry.batch {
            entry.batch?.firstSequence = counts.lastSequence + 1
            counts.lastSequence += UInt64(batch.events.count)
            counts.events += UInt64(batch.events.count)
            counts.bytes += batch.memorySize
        }
        counts.heldBytes += entry.memorySize
        queue.append(entry)
        takenEntries += 1
    }

    mutating func enqueue(_ writer: Writer) {
        counts.pauses += 1
        writers.append(writer)
    }

    mutating func removeWriter(_ ticket: UInt64) -> Writer? {
        guard let index = writers.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return writers.remove(at: index)
    }

    /// Takes the entries of those who wait, oldest first, while there is room; all of them when nothing can follow.
    mutating func admitWaiting() -> [Writer] {
        var admitted = 0
        while admitted < writers.count, isFinished || counts.heldBytes < window {
            take(writers[admitted].entry)
            admitted += 1
        }
        if admitted == 0 { return [] }
        let result = Array(writers[..<admitted])
        writers.removeFirst(admitted)
        return result
    }

    // MARK: transactions

    /// True: nobody was writing, the caller has to begin.
    mutating func startWriting() -> Bool {
        if isWriting || failure != nil { return false }
        isWriting = true
        return true
    }

    /// Of one transaction, in bytes: what has piled up before a full disk must not need as much room at once as it takes
    /// in memory.
    private static let transactionLimit: UInt64 = 1024 * 1024

    /// What is there for the next transaction; nil, and nobody is writing any more, when that is nothing.
    mutating func takeWork() -> JournalWork? {
        if failure != nil || queue.isEmpty && !readers.hasDirtyCursors {
            isWriting = false
            return nil
        }
        var work = JournalWork()
        var count = 0
        while count < queue.count, work.bytes < Self.transactionLimit {
            let entry = queue[count]
            work.bytes += entry.memorySize
            if let batch = entry.batch, !batch.events.isEmpty {
                lastTakenSequence = batch.firstSequence + UInt64(batch.events.count) - 1
            }
            count += 1
        }
        if count == queue.count {
            work.entries = queue
            queue = []
        } else {
            work.entries = Array(queue[..<count])
            queue.removeFirst(count)
        }
        readers.takeDirty(into: &work)
        work.floor = readers.floor
        work.lastSequence = lastTakenSequence
        return work
    }

    /// What must be woken when work is on disk.
    mutating func finishWork(_ work: JournalWork, _ outcome: JournalOutcome) -> JournalWakes {
        for entry in work.entries {
            if let batch = entry.batch, !batch.events.isEmpty { readers.append(batch, window: window / 3) }
        }
        committedEntries += UInt64(work.entries.count)
        counts.committedSequence = work.lastSequence
        readers.committed = work.lastSequence
        counts.heldBytes -= min(counts.heldBytes, work.bytes)
        counts.commits += 1
        note(outcome)
        counts.faults += UInt64(outcome.faults.count)
        portalCounts.merge(outcome.portalCounts) { $1 }
        var wakes = JournalWakes()
        wakes.writers = admitWaiting()
        let committed = committedEntries
        wakes.committed = takeCommitWatchers { $0.target <= committed }
        wakes.durable = readers.didWrite(work, outcome.deadTotals)
        wakes.readers = readers.wakes(isEnd: isDrained)
        return wakes
    }

    /// A transaction that only deletes; nil while somebody writes.
    var upkeepWork: JournalWork? {
        if isWriting || failure != nil { return nil }
        return JournalWork(floor: readers.floor, lastSequence: lastTakenSequence, isUpkeep: true)
    }

    mutating func note(_ outcome: JournalOutcome) {
        counts.fileBytes = outcome.fileBytes
        counts.dropped += outcome.dropped
    }

    /// What was read of a portal; what was written since is newer.
    mutating func note(_ counts: IntakeCounts, of portal: String) {
        if portalCounts[portal] == nil { portalCounts[portal] = counts }
    }

    mutating func note(_ trouble: JournalTrouble?) -> Bool {
        if counts.trouble?.code == trouble?.code { return false }
        counts.trouble = trouble
        return true
    }

    /// The journal is finished and everything is on disk.
    private var isDrained: Bool { isFinished && takenEntries == committedEntries && writers.isEmpty }

    // MARK: the end

    /// Everything is on disk, or will never be.
    var isIdle: Bool { failure != nil || !isWriting && queue.isEmpty && !readers.hasDirtyCursors }

    mutating func finish() -> (JournalWakes, [FinishWatcher], startWriter: Bool) {
        isFinished = true
        var wakes = JournalWakes()
        if failure == nil { wakes.writers = admitWaiting() }
        wakes.readers = readers.wakes(isEnd: isDrained)
        let watchers = finishWatchers
        finishWatchers = []
        let start = queue.isEmpty && !readers.hasDirtyCursors ? false : startWriting()
        return (wakes, watchers, start)
    }

    /// Nothing is taken or handed out any more.
    mutating func fail(_ error: JournalError) -> JournalWakes {
        failure = failure ?? error
        isWriting = false
        var wakes = JournalWakes()
        wakes.failure = error
        wakes.writers = writers
        wakes.committed = takeCommitWatchers { _ in true }
        wakes.readers = readers.failAll(error)
        wakes.durable = readers.takeDurableWatchers { _ in true }
        writers = []
        return wakes
    }

    // MARK: watchers

    /// False: everything is on disk already.
    mutating func watchCommit(
        _ ticket: UInt64, _ continuation: CheckedContinuation<Void, any Error>
    ) -> Bool {
        if committedEntries == takenEntries { return false }
        commitWatchers.append(CommitWatcher(ticket: ticket, target: takenEntries, continuation: continuation))
        return true
    }

    mutating func removeCommitWatcher(_ ticket: UInt64) -> CommitWatcher? {
        guard let index = commitWatchers.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return commitWatchers.remove(at: index)
    }

    private mutating func takeCommitWatchers(_ isDone: (CommitWatcher) -> Bool) -> [CommitWatcher] {
        if commitWatchers.isEmpty { return [] }
        let done = commitWatchers.filter(isDone)
        commitWatchers.removeAll(where: isDone)
        return done
    }

    mutating func watchFinish(_ ticket: UInt64, _ continuation: CheckedContinuation<Void, Never>) -> Bool {
        if isFinished { return false }
        finishWatchers.append(FinishWatcher(ticket: ticket, continuation: continuation))
        return true
    }

    mutating func removeFinishWatcher(_ ticket: UInt64) -> FinishWatcher? {
        guard let index = finishWatchers.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return finishWatchers.remove(at: index)
    }

    // MARK: reading

    mutating func activateReader(_ name: String) -> SinkCursor {
        readers.activate(name, last: counts.lastSequence)
    }

    /// True: nobody will write the cursors unless the caller sees to it.
    mutating func scheduleCursors() -> Bool {
        if isWriting || cursorsAreScheduled || failure != nil { return false }
        cursorsAreScheduled = true
        return true
    }

    mutating func cursorsAreDue() {
        cursorsAreScheduled = false
    }

    mutating func countFault() {
        counts.faults += 1
    }

    mutating func read(_ name: String, _ wait: JournalReaders.Wait, isCancelled: Bool) -> JournalReaders.Answer {
        if let failure { return .failed(failure) }
        return readers.read(name, wait, isEnd: isDrained || isCancelled)
    }
}

/// Waits that are over, to be ended outside the lock.
struct JournalWakes {
    var readers: [JournalReaders.Wake] = []
    var writers: [JournalState.Writer] = []
    var committed: [JournalState.CommitWatcher] = []
    /// They look themselves at how far it is.
    var durable: [JournalReaders.DurableWatcher] = []
    /// Writers and watchers get this instead of success.
    var failure: JournalError?

    func resume() {
        for wake in readers { wake.resume() }
        for watcher in durable { watcher.continuation.resume() }
        let result: Result<Void, any Error> = failure.map { .failure($0) } ?? .success(())
        for writer in writers { writer.continuation.resume(with: result) }
        for watcher in committed { watcher.continuation.resume(with: result) }
    }
}

extension JournalEntry {
    /// What it holds in memory, about.
    var memorySize: UInt64 {
        let pieces = quarantine.reduce(0) { $0 + $1.bytes.count + 128 }
        let sets = (channels ?? []).reduce(0) { $0 + $1.content.count + 64 }
        return (batch?.memorySize ?? 0) + UInt64(marks.count * MemoryLayout<SeenMark>.stride + pieces + sets + 256)
    }
}

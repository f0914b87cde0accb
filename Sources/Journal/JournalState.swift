import Events

/// What the journal's lock guards, and the rules over it. No waiting and no resuming in here: what is to be woken is
/// handed out and woken after the lock is free.
struct JournalState {
    struct Reader {
        /// The number of the next batch to hand out.
        var next: Int
        /// The number of the first batch that is not done with.
        var done: Int
        /// The last event that is done with.
        var doneSequence: UInt64
        var wait: Wait?

        struct Wait {
            var budget: Int
            var continuation: CheckedContinuation<[EventBatch]?, Never>
        }

        init(next: Int, doneSequence: UInt64) {
            self.next = next
            done = next
            self.doneSequence = doneSequence
        }
    }

    struct Writer {
        var ticket: UInt64
        var batch: EventBatch
        var continuation: CheckedContinuation<Void, any Error>
    }

    struct Watcher {
        var ticket: UInt64
        var continuation: CheckedContinuation<Void, Never>
    }

    enum ReadAnswer {
        case batches([EventBatch])
        case end
        case later
    }

    var queue = BatchQueue()
    var readers: [Reader] = []
    var writers: [Writer] = []
    var finishWatchers: [Watcher] = []
    var isFinished = false
    private(set) var counts = JournalCounts()
    private var lastTicket: UInt64 = 0

    mutating func nextTicket() -> UInt64 {
        lastTicket += 1
        return lastTicket
    }

    // MARK: writing

    /// Whoever waits goes first, so a queue of writers is a full journal too.
    func isFull(_ window: UInt64) -> Bool {
        counts.heldBytes >= window || !writers.isEmpty
    }

    mutating func take(_ batch: EventBatch) {
        var batch = batch
        batch.firstSequence = counts.events + 1
        let size = Self.size(of: batch)
        counts.events += UInt64(batch.events.count)
        counts.bytes += size
        counts.heldBytes += size
        queue.append(BatchQueue.Entry(batch: batch, total: counts.bytes, lastSequence: counts.events))
    }

    mutating func enqueue(_ writer: Writer) {
        counts.pauses += 1
        writers.append(writer)
    }

    /// Takes the batches of those who wait, oldest first, while there is room.
    mutating func admitWaiting(window: UInt64) -> [Writer] {
        var admitted = 0
        while admitted < writers.count, counts.heldBytes < window {
            take(writers[admitted].batch)
            admitted += 1
        }
        if admitted == 0 { return [] }
        let result = Array(writers[..<admitted])
        writers.removeFirst(admitted)
        return result
    }

    mutating func removeWriter(_ ticket: UInt64) -> Writer? {
        guard let index = writers.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return writers.remove(at: index)
    }

    mutating func removeWatcher(_ ticket: UInt64) -> Watcher? {
        guard let index = finishWatchers.firstIndex(where: { $0.ticket == ticket }) else { return nil }
        return finishWatchers.remove(at: index)
    }

    // MARK: reading

    /// The index of a new reader that begins with the oldest batch that is held.
    mutating func addReader() -> Int {
        let oldest = queue[queue.first]?.batch.firstSequence ?? counts.events + 1
        readers.append(Reader(next: queue.first, doneSequence: oldest - 1))
        return readers.count - 1
    }

    /// The waits that can end now, with their batches. One reader is the usual case and costs no array.
    mutating func readersToWake() -> ReadersToWake {
        var result = ReadersToWake.none
        for index in readers.indices {
            guard let wait = readers[index].wait else { continue }
            let batches = takeBatches(for: index, budget: wait.budget)
            if batches.isEmpty && !isFinished { continue }
            readers[index].wait = nil
            result.add(wait.continuation, batches.isEmpty ? nil : batches)
        }
        return result
    }

    /// An earlier wait of the same reader is displaced: a reader serves one task.
    mutating func read(
        _ index: Int, budget: Int, cancelled: Bool, _ continuation: CheckedContinuation<[EventBatch]?, Never>
    ) -> (ReadAnswer, displaced: CheckedContinuation<[EventBatch]?, Never>?) {
        let displaced = removeReaderWait(index)
        let batches = takeBatches(for: index, budget: budget)
        if !batches.isEmpty { return (.batches(batches), displaced) }
        if isFinished || cancelled { return (.end, displaced) }
        readers[index].wait = Reader.Wait(budget: budget, continuation: continuation)
        return (.later, displaced)
    }

    mutating func removeReaderWait(_ index: Int) -> CheckedContinuation<[EventBatch]?, Never>? {
        let continuation = readers[index].wait?.continuation
        readers[index].wait = nil
        return continuation
    }

    private mutating func takeBatches(for index: Int, budget: Int) -> [EventBatch] {
        var batches: [EventBatch] = []
        var size = 0
        while size < budget || batches.isEmpty, let entry = queue[readers[index].next] {
            batches.append(entry.batch)
            size += entry.batch.bytes.count
            readers[index].next += 1
        }
        return batches
    }

    /// Marks what `index` has done, and forgets what all have done.
    mutating func advance(_ index: Int, through sequence: UInt64) {
        // Only what was handed out can be done.
        let handedOut = queue[readers[index].next - 1]?.lastSequence ?? readers[index].doneSequence
        let sequence = min(sequence, handedOut)
        if sequence <= readers[index].doneSequence { return }
        readers[index].doneSequence = sequence
        while let entry = queue[readers[index].done], entry.lastSequence <= sequence {
            readers[index].done += 1
        }
        let floor = readers.reduce(Int.max) { min($0, $1.done) }
        if floor == queue.first { return }
        queue.removeAll(before: floor)
        counts.heldBytes = oldestTotal.map { counts.bytes - $0 } ?? 0
    }

    /// Bytes appended before the oldest batch that is held.
    private var oldestTotal: UInt64? {
        guard let oldest = queue[queue.first] else { return nil }
        return oldest.total - Self.size(of: oldest.batch)
    }

    func counts(for index: Int) -> JournalReaderCounts {
        JournalReaderCounts(
            doneSequence: readers[index].doneSequence, pendingEvents: counts.events - readers[index].doneSequence)
    }

    /// In memory: the bytes, the offsets, and the objects around them.
    private static func size(of batch: EventBatch) -> UInt64 {
        UInt64(batch.bytes.count + batch.events.count * MemoryLayout<Event>.stride + 256)
    }
}

/// Readers whose wait is over, to be resumed outside the lock.
struct ReadersToWake {
    private typealias Wake = (continuation: CheckedContinuation<[EventBatch]?, Never>, batches: [EventBatch]?)
    private var first: Wake?
    private var others: [Wake] = []

    static var none: ReadersToWake { ReadersToWake() }

    mutating func add(_ continuation: CheckedContinuation<[EventBatch]?, Never>, _ batches: [EventBatch]?) {
        if first == nil { first = (continuation, batches) } else { others.append((continuation, batches)) }
    }

    func resume() {
        guard let first else { return }
        first.continuation.resume(returning: first.batches)
        for other in others { other.continuation.resume(returning: other.batches) }
    }
}

/// Readers and writers whose wait is over.
struct Waiting {
    var readers: ReadersToWake
    var writers: [JournalState.Writer]

    func resume() {
        readers.resume()
        for writer in writers { writer.continuation.resume() }
    }
}

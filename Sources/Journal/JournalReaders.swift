import Events

/// The readers: how far each is, and what can be handed out from memory.
struct JournalReaders {
    typealias Continuation = CheckedContinuation<Result<[EventBatch]?, JournalError>, Never>

    struct Reader {
        var stored: StoredCursor
        /// Not as it is on disk, or will be with the transaction that is under way.
        var isDirty = false
        /// As it is on disk.
        var durable: SinkCursor
        /// For the next transaction.
        var dead: [DeadChange] = []
        /// In the transaction that is under way.
        var writtenDead: [DeadChange] = []
        /// The next number to hand out.
        var next: UInt64
        var wait: Wait?
    }

    struct Wait {
        var budget: Int
        var continuation: Continuation
    }

    /// Somebody who waits for a cursor to be on disk.
    struct DurableWatcher {
        var ticket: UInt64
        var name: String
        var sequence: UInt64
        var continuation: CheckedContinuation<Void, Never>
    }

    /// What a reader gets when it asks.
    enum Answer {
        case batches([EventBatch])
        case end
        case failed(JournalError)
        /// From the disk: from `next` up to before `limit`.
        case disk(from: UInt64, limit: UInt64)
        case later
    }

    /// A wait that is over.
    struct Wake {
        var continuation: Continuation
        var result: Result<[EventBatch]?, JournalError>

        func resume() { continuation.resume(returning: result) }
    }

    /// The last number that is on disk.
    var committed: UInt64 = 0
    private(set) var window = CommittedWindow()
    private var readers: [String: Reader] = [:]
    private(set) var durableWatchers: [DurableWatcher] = []
    /// By sink, as far as is known: another process may drop some.
    var deadTotals: [String: DeadTotals] = [:]

    // MARK: who reads

    mutating func add(_ name: String, _ cursor: StoredCursor) {
        readers[name] = Reader(stored: cursor, durable: cursor.cursor, next: cursor.cursor.sequence &+ 1)
    }

    /// Where the reader stood; a new one begins after `last`. What was handed out beyond the cursor comes again: whoever
    /// had it before is gone.
    mutating func activate(_ name: String, last: UInt64) -> SinkCursor {
        if readers[name] == nil {
            add(name, StoredCursor(SinkCursor(base: last)))
            readers[name]?.isDirty = true
        }
        if readers[name]?.stored.isActive == false {
            readers[name]?.stored.isActive = true
            readers[name]?.isDirty = true
        }
        let cursor = readers[name]?.stored.cursor ?? SinkCursor(base: last)
        readers[name]?.next = cursor.sequence &+ 1
        return cursor
    }

    mutating func retire(except names: Set<String>) {
        for name in readers.keys where !names.contains(name) && readers[name]?.stored.isActive == true {
            readers[name]?.stored.isActive = false
            readers[name]?.isDirty = true
        }
        forget()
    }

    func cursor(of name: String) -> SinkCursor? { readers[name]?.stored.cursor }

    // MARK: cursors

    /// False: it lies before the stored one, or beyond what was handed out, or a letter is not one of a single event up
    /// to the cursor.
    mutating func commit(_ name: String, _ cursor: SinkCursor, dead: [DeadLetter], revived: [UInt64]) -> Bool {
        guard var reader = readers[name], cursor.sequence >= reader.stored.cursor.sequence,
            cursor.sequence < max(reader.next, reader.stored.cursor.sequence + 1),
            dead.allSatisfy({ $0.batch.events.count == 1 && $0.sequence > 0 && $0.sequence <= cursor.sequence })
        else { return false }
        if cursor == reader.stored.cursor, dead.isEmpty, revived.isEmpty { return true }
        let before = reader.stored.cursor.sequence
        for letter in dead { reader.dead.append(.died(letter, isRetry: letter.sequence <= before)) }
        for sequence in revived { reader.dead.append(.revived(sequence)) }
        reader.stored.cursor = cursor
        reader.isDirty = true
        readers[name] = reader
        return true
    }

    var hasDirtyCursors: Bool { readers.values.contains { $0.isDirty } }

    /// Cursors that changed, with what becomes of the sinks' dead letters.
    mutating func takeDirty(into work: inout JournalWork) {
        for (name, reader) in readers where reader.isDirty {
            work.cursors.append((name, reader.stored))
            if !reader.dead.isEmpty { work.dead.append((name, reader.dead)) }
            readers[name]?.isDirty = false
            readers[name]?.writtenDead = reader.dead
            readers[name]?.dead = []
        }
    }

    /// What `takeDirty` gave is on disk. Returns those who waited for it.
    mutating func didWrite(_ work: JournalWork, _ totals: [String: DeadTotals]?) -> [DurableWatcher] {
        if let totals { deadTotals = totals }
        for (name, cursor) in work.cursors {
            readers[name]?.durable = cursor.cursor
            readers[name]?.writtenDead = []
        }
        if work.cursors.isEmpty || durableWatchers.isEmpty { return [] }
        return takeDurableWatchers { [readers] in $0.sequence <= readers[$0.name]?.durable.sequence ?? .max }
    }

    /// Numbers of dead letters of whose fate the disk does not know yet.
    func unwrittenDead(of name: String) -> Set<UInt64> {
        guard let reader = readers[name] else { return [] }
        return Set((reader.dead + reader.writtenDead).map(\.sequence))
    }

    func durableSequence(of name: String) -> UInt64 { readers[name]?.durable.sequence ?? 0 }

    /// By reader.
    var durableCursors: [String: SinkCursor] { readers.mapValues(\.durable) }

    // MARK: waiting for the disk

    /// False: it is there already.
    mutating func watchDurable(_ watcher: DurableWatcher) -> Bool {
        guard let reader = readers[watcher.name], reader.durable.sequence < watcher.sequence else { return false }
        durableWatchers.append(watcher)
        return true
    }

    mutating func takeDurableWatchers(_ isDone: (DurableWatcher) -> Bool) -> [DurableWatcher] {
        let done = durableWatchers.filter(isDone)
        if !done.isEmpty { durableWatchers.removeAll(where: isDone) }
        return done
    }

    /// Somebody waits for a cursor that nobody is writing yet.
    var hasUrgentCursors: Bool {
        durableWatchers.contains { watcher in
            readers[watcher.name].map { $0.isDirty && $0.stored.cursor.sequence >= watcher.sequence } ?? false
        }
    }

    /// All that hold events have had everything up to here.
    var floor: UInt64 {
        readers.values.reduce(UInt64.max) { $1.stored.isActive ? min($0, $1.stored.cursor.sequence) : $0 }
    }

    // MARK: batches

    mutating func append(_ batch: EventBatch, window limit: UInt64) {
        window.append(batch)
        window.removeAll(through: 0, limit: limit)
    }

    /// Forgets what everybody has been handed. Who is so far behind that it reads the disk keeps nothing here.
    private mutating func forget() {
        let first = window.firstSequence ?? 0
        let handed = readers.values.reduce(UInt64.max) { handed, reader in
            reader.stored.isActive && reader.next >= first ? min(handed, reader.next - 1) : handed
        }
        window.removeAll(through: min(handed, committed), limit: .max)
    }

    mutating func read(_ name: String, _ wait: Wait, isEnd: Bool) -> Answer {
        guard var reader = readers[name] else { return .end }
        if reader.next <= committed {
            if let first = window.firstSequence, first <= reader.next {
                let batches = window.batches(from: reader.next, budget: wait.budget)
                if let last = batches.last {
                    readers[name]?.next = last.lastSequence + 1
                    forget()
                    return .batches(batches)
                }
            }
            return .disk(from: reader.next, limit: window.firstSequence ?? committed + 1)
        }
        if isEnd { return .end }
        reader.wait = wait
        readers[name] = reader
        return .later
    }

    /// What was read from disk is handed out now.
    mutating func handedOut(_ name: String, through last: UInt64) {
        guard let reader = readers[name] else { return }
        readers[name]?.next = max(reader.next, last + 1)
        forget()
    }

    mutating func removeWait(_ name: String) -> Wait? {
        let wait = readers[name]?.wait
        readers[name]?.wait = nil
        return wait
    }

    /// The waits that can end now. Whoever waits has had everything before, so what is new is in memory.
    mutating func wakes(isEnd: Bool) -> [Wake] {
        var result: [Wake] = []
        for name in readers.keys {
            guard let wait = removeWait(name) else { continue }
            switch read(name, wait, isEnd: isEnd) {
            case .batches(let batches): result.append(Wake(continuation: wait.continuation, result: .success(batches)))
            case .end: result.append(Wake(continuation: wait.continuation, result: .success(nil)))
            case .failed(let error): result.append(Wake(continuation: wait.continuation, result: .failure(error)))
            // More than the window came at once: asking again leads to the disk.
            case .disk: result.append(Wake(continuation: wait.continuation, result: .success([])))
            case .later: break
            }
        }
        forget()
        return result
    }

    mutating func failAll(_ error: JournalError) -> [Wake] {
        var result: [Wake] = []
        for name in readers.keys {
            if let wait = removeWait(name) {
                result.append(Wake(continuation: wait.continuation, result: .failure(error)))
            }
        }
        return result
    }

    func counts(for name: String, last: UInt64) -> JournalReaderCounts {
        let done = readers[name]?.stored.cursor.sequence ?? 0
        let dead = deadTotals[name] ?? DeadTotals()
        return JournalReaderCounts(
            doneSequence: done, pendingEvents: last >= done ? last - done : 0, deadLetters: dead.letters,
            overflowedLetters: dead.overflowed)
    }
}

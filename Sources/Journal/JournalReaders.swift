import Events

/// The readers: how far each is, and what can be handed out from memory.
struct JournalReaders {
    typealias Continuation = CheckedContinuation<Result<[EventBatch]?, JournalError>, Never>

    struct Reader {
        var stored: StoredCursor
        /// As it is on disk, or will be with the transaction that is under way.
        var isDirty = false
        /// The next number to hand out.
        var next: UInt64
        var wait: Wait?
    }

    struct Wait {
        var budget: Int
        var continuation: Continuation
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

    // MARK: who reads

    mutating func add(_ name: String, _ cursor: StoredCursor) {
        readers[name] = Reader(stored: cursor, next: cursor.cursor.sequence &+ 1)
    }

    /// Where the reader stood; a new one begins after `last`.
    mutating func activate(_ name: String, last: UInt64) -> SinkCursor {
        if readers[name] == nil {
            add(name, StoredCursor(SinkCursor(base: last)))
            readers[name]?.isDirty = true
        }
        if readers[name]?.stored.isActive == false {
            readers[name]?.stored.isActive = true
            readers[name]?.isDirty = true
        }
        return readers[name]?.stored.cursor ?? SinkCursor(base: last)
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

    /// False: it lies before the stored one, or beyond what was handed out.
    mutating func commit(_ name: String, _ cursor: SinkCursor) -> Bool {
        guard var reader = readers[name], cursor.sequence >= reader.stored.cursor.sequence,
            cursor.sequence < max(reader.next, reader.stored.cursor.sequence + 1)
        else { return false }
        if cursor == reader.stored.cursor { return true }
        reader.stored.cursor = cursor
        reader.isDirty = true
        readers[name] = reader
        return true
    }

    var hasDirtyCursors: Bool { readers.values.contains { $0.isDirty } }

    mutating func takeDirtyCursors() -> [(name: String, cursor: StoredCursor)] {
        var result: [(name: String, cursor: StoredCursor)] = []
        for (name, reader) in readers where reader.isDirty {
            result.append((name, reader.stored))
            readers[name]?.isDirty = false
        }
        return result
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

    /// Forgets what everybody has been handed.
    private mutating func forget() {
        let handed = readers.values.reduce(UInt64.max) { $1.stored.isActive ? min($0, $1.next - 1) : $0 }
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
        return JournalReaderCounts(doneSequence: done, pendingEvents: last >= done ? last - done : 0)
    }
}

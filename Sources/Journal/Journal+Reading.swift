import Dispatch
import Events

/// What readers ask for.
extension Journal {
    func next(for name: String, budget: Int) async throws(JournalError) -> [EventBatch]? {
        while true {
            let result: Result<[EventBatch]?, JournalError> = await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let wait = JournalReaders.Wait(budget: budget, continuation: continuation)
                    let (answer, displaced) = state.withLock { state in
                        let displaced = state.readers.removeWait(name)
                        return (state.read(name, wait, isCancelled: Task.isCancelled), displaced)
                    }
                    displaced?.continuation.resume(returning: .success(nil))
                    switch answer {
                    case .batches(let batches): continuation.resume(returning: .success(batches))
                    case .end: continuation.resume(returning: .success(nil))
                    case .failed(let error): continuation.resume(returning: .failure(error))
                    case .disk(let from, let limit): readDisk(name, from, limit, wait)
                    case .later: break
                    }
                }
            } onCancel: {
                state.withLock { $0.readers.removeWait(name) }?.continuation.resume(returning: .success(nil))
            }
            // What it waited for came in such a size that it has to be read from disk.
            if let batches = try result.get(), batches.isEmpty { continue }
            return try result.get()
        }
    }

    /// On a thread of its own: the disk may take its time, and the tasks' threads are few.
    private func readDisk(_ name: String, _ from: UInt64, _ limit: UInt64, _ wait: JournalReaders.Wait) {
        reading.async { [self] in
            let now = Int64(time.now().wall * 1e6)
            let result = archive.withLock { archive -> Result<[EventBatch]?, JournalError> in
                guard let archive else { return .failure(.finished) }
                do throws(SQLiteFailure) {
                    return .success(try archive.batches(from: from, before: limit, budget: wait.budget, now: now))
                } catch {
                    return .failure(error.error(path: directory.journal))
                }
            }
            if case .success(let batches?) = result, let last = batches.last {
                state.withLock { $0.readers.handedOut(name, through: last.lastSequence) }
            }
            wait.continuation.resume(returning: result)
        }
    }

    func durableSequence(of name: String) -> UInt64 {
        state.withLock { $0.readers.durableSequence(of: name) }
    }

    func durable(through sequence: UInt64, of name: String) async {
        let ticket = state.withLock { $0.nextTicket() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                let watcher = JournalReaders.DurableWatcher(
                    ticket: ticket, name: name, sequence: sequence, continuation: continuation)
                let (waits, start) = state.withLock { state in
                    if Task.isCancelled || state.failure != nil { return (false, false) }
                    let waits = state.readers.watchDurable(watcher)
                    return (waits, waits && state.readers.hasUrgentCursors && state.startWriting())
                }
                if !waits { continuation.resume() }
                if start { startWriter() }
            }
        } onCancel: {
            let watchers = state.withLock { $0.readers.takeDurableWatchers { $0.ticket == ticket } }
            for watcher in watchers { watcher.continuation.resume() }
        }
    }

    /// Letters of one answer at most.
    private static let longestRetryList = 10_000

    func requestedRetries(of name: String, limit: Int) throws(JournalError) -> [DeadLetter] {
        // Before the disk is looked at: what is written meanwhile the disk may not show yet.
        let unwritten = state.withLock { $0.readers.unwrittenDead(of: name) }
        let wanted = min(max(0, limit), Self.longestRetryList)
        let found = try look { (reading) throws(SQLiteFailure) in
            try reading.dead().requested(by: name, limit: wanted + unwritten.count)
        }
        guard let found else { return [] }
        state.withLock { $0.readers.deadTotals = found.totals }
        return Array(found.letters.lazy.filter { !unwritten.contains($0.sequence) }.prefix(wanted))
    }

    func cursor(of name: String) -> SinkCursor {
        state.withLock { $0.readers.cursor(of: name) } ?? SinkCursor(base: 0)
    }

    func counts(for name: String) -> JournalReaderCounts {
        state.withLock { $0.readers.counts(for: name, last: $0.counts.lastSequence) }
    }

    func commit(_ cursor: SinkCursor, dead: [DeadLetter], revived: [UInt64], of name: String) {
        let letters = dead.map { letter in
            var letter = letter
            if letter.batch.events.count == 1 { letter.batch = letter.batch.single(0) }
            return letter
        }
        let (isTaken, start, mustWait) = state.withLock { state in
            let isTaken = state.readers.commit(name, cursor, dead: letters, revived: revived)
            if !isTaken { state.countFault() }
            let start = isTaken && state.readers.hasUrgentCursors && state.startWriting()
            return (isTaken, start, isTaken && !start && state.scheduleCursors())
        }
        if !isTaken {
            options.onFault("the cursor of \(name), or a dead letter, goes back, or beyond what was handed out")
        }
        if start { startWriter() }
        if mustWait {
            writing.asyncAfter(deadline: .now() + options.cursorDelay.inSeconds) { [weak self] in
                self?.writeCursors()
            }
        }
    }
}

import Dispatch
import Timing

/// Work that could not be brought to disk yet.
struct UnfinishedWork {
    var work: JournalWork?
    var delay: Duration?
    /// Since when another process has kept the file locked.
    var busySince: Duration?
}

/// The writer: takes everything that is there and brings it to disk in one transaction, again and again, without a pause
/// while there is something. Only runs on the queue `writing`.
extension Journal {
    /// The caller has been told by `startWriting` to do so.
    func startWriter() {
        writing.async { self.write() }
    }

    private func write() {
        // A retry can come after the end.
        while state.withLock({ $0.failure == nil }) {
            let waiting = unfinished.withLock { $0.work }
            guard let work = waiting ?? state.withLock({ $0.takeWork() }) else { break }
            let result = writer.withLock { writer -> Result<JournalOutcome, SQLiteFailure> in
                do throws(SQLiteFailure) { return .success(try writer.commit(work)) } catch { return .failure(error) }
            }
            switch result {
            case .success(let outcome):
                unfinished.withLock { $0 = UnfinishedWork() }
                let (wakes, wasTrouble) = state.withLock { ($0.finishWork(work, outcome), $0.note(nil)) }
                if wasTrouble { onTrouble(nil) }
                wakes.resume()
                for fault in outcome.faults { options.onFault("\(fault) do not add up") }
                keepLog(outcome)
                // Under load this goes on and on, and what is queued behind it would wait for as long.
                answerProbes()
            case .failure(let failure):
                unfinished.withLock { $0.work = work }
                return handle(failure)
            }
        }
        scheduleUpkeep(after: .seconds(1))
    }

    /// Damage ends the journal; everything else is tried again for as long as it takes.
    private func handle(_ failure: SQLiteFailure) {
        let error = failure.error(path: directory.journal)
        if failure.isDamage {
            state.withLock { $0.fail(error) }.resume()
            onTrouble(JournalTrouble(code: error.code, message: error.message, cure: error.cure))
            return
        }
        let trouble = JournalTrouble(code: error.code, message: error.message, cure: error.cure)
        if !isBusyForMoments(failure), state.withLock({ $0.note(trouble) }) { onTrouble(trouble) }
        let delay = unfinished.withLock { unfinished in
            let delay = unfinished.delay ?? options.retryDelay
            unfinished.delay = min(delay * 2, options.longestRetryDelay)
            return delay
        }
        writing.asyncAfter(deadline: .now() + delay.inSeconds) { [weak self] in self?.write() }
    }

    /// Another process writes, and has not for longer than it may.
    private func isBusyForMoments(_ failure: SQLiteFailure) -> Bool {
        let now = time.now().monotonic
        return unfinished.withLock { unfinished in
            if !failure.isBusy {
                unfinished.busySince = nil
                return false
            }
            let since = unfinished.busySince ?? now
            unfinished.busySince = since
            return now - since < options.busyPatience
        }
    }

    /// Cursors have waited for a transaction to go with.
    func writeCursors() {
        let start = state.withLock { state in
            state.cursorsAreDue()
            return state.readers.hasDirtyCursors && state.startWriting()
        }
        if start { write() }
    }
}

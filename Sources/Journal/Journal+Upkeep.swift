import Dispatch
import Synchronization
import Timing

/// What goes on beside the transactions.
struct Upkeep {
    /// The log is being copied.
    var isCopying = false
    /// A look at what is old is scheduled.
    var isScheduled = false
    /// Of the log, as of the last commit.
    var logBytes: UInt64 = 0
    /// Nothing is scheduled any more.
    var isClosed = false
}

/// The write-ahead log is copied into the database beside the writer, on a connection and a thread of their own, so that no
/// event waits for it. What is old goes with the transactions, and once in a while when there are none.
extension Journal {
    /// In bytes: from here on the log is copied while the writer goes on …
    private static let longLog: UInt64 = 4 << 20
    /// … and from here on the writer waits for it, so that the next transaction begins the log anew.
    private static let longestLog: UInt64 = 64 << 20
    /// Between two looks at what is old while nothing is to be written.
    private static let upkeepInterval = Duration.seconds(30)

    /// Runs on the queue `writing`, after a commit.
    func keepLog(_ outcome: JournalOutcome) {
        let mustCopy = upkeep.withLock { upkeep in
            upkeep.logBytes = outcome.logBytes
            if outcome.logBytes < Self.longLog || upkeep.isCopying { return false }
            upkeep.isCopying = true
            return true
        }
        if mustCopy { keeping.async { [self] in copyLog() } }
        if outcome.logBytes >= Self.longestLog {
            // The writer is here, so this one is complete but for what a reader still looks at.
            keeping.sync { copyLog() }
        }
    }

    /// Runs on the queue `keeping`. When the writer has added to the log meanwhile, the second time has little to do, and
    /// a log that is copied whole is begun anew.
    private func copyLog() {
        keeper.withLock { database in
            for _ in 0..<3 {
                // A failure shows again at the next commit, which knows what to do.
                guard let database, let log = try? database.checkpoint(.passive), log.checkpointed < log.frames else {
                    break
                }
            }
        }
        upkeep.withLock { $0.isCopying = false }
    }

    /// Nothing is to be written at present.
    func scheduleUpkeep(after delay: Duration) {
        let mustSchedule = upkeep.withLock { upkeep in
            if upkeep.isScheduled || upkeep.isClosed { return false }
            upkeep.isScheduled = true
            return true
        }
        guard mustSchedule else { return }
        writing.asyncAfter(deadline: .now() + delay.inSeconds) { [weak self] in self?.runUpkeep() }
    }

    /// Runs on the queue `writing`.
    func runUpkeep() {
        let isClosed = upkeep.withLock { upkeep in
            upkeep.isScheduled = false
            return upkeep.isClosed
        }
        if isClosed { return }
        let hasMore = deleteOld()
        let mustCopy = upkeep.withLock { upkeep in
            if upkeep.logBytes == 0 || upkeep.isCopying { return false }
            upkeep.isCopying = true
            upkeep.logBytes = 0
            return true
        }
        if mustCopy { keeping.async { [self] in copyLog() } }
        scheduleUpkeep(after: hasMore ? .milliseconds(10) : Self.upkeepInterval)
    }

    /// One small transaction, if there is something to delete and nothing to write.
    private func deleteOld() -> Bool {
        guard let work = state.withLock({ $0.upkeepWork }) else { return false }
        let outcome = writer.withLock { writer in
            (try? writer.hasOld(work)) == true ? try? writer.commit(work) : nil
        }
        guard let outcome else { return false }
        upkeep.withLock { $0.logBytes = outcome.logBytes }
        state.withLock { $0.note(outcome) }
        return outcome.hasMoreToDelete
    }
}

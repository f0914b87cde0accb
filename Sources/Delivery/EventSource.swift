public import Events
public import Journal

/// Where a sink's events come from, and where its progress is kept: the journal's reader. One task at a time.
public protocol EventSource: Sendable {
    /// As last kept.
    var cursor: SinkCursor { get }
    /// What follows the last batch handed out, oldest first; waits while there is nothing. Nil when nothing more will
    /// come, or when the task is cancelled and nothing is there.
    ///
    /// - Parameter budget: bytes of events after which no further batch is added; at least one batch is returned.
    func next(budget: Int) async throws(JournalError) -> [EventBatch]?
    /// Keeps the cursor: at once in memory, on disk with the next transaction.
    func commit(_ cursor: SinkCursor)
    /// Returns when nothing more will be added, or the task is cancelled. Events may still be there to read.
    func finished() async
    /// As of the cursor last kept.
    var counts: JournalReaderCounts { get }
}

extension JournalReader: EventSource {}

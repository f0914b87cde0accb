public import Events
public import Journal

/// Where a sink's events come from, and where its progress is kept: the journal's reader. One task at a time reads; the
/// rest may be called beside.
public protocol EventSource: Sendable {
    /// As last kept.
    var cursor: SinkCursor { get }
    /// What follows the last batch handed out, oldest first; waits while there is nothing. Nil when nothing more will
    /// come, or when the task is cancelled and nothing is there.
    ///
    /// - Parameter budget: bytes of events after which no further batch is added; at least one batch is returned.
    func next(budget: Int) async throws(JournalError) -> [EventBatch]?
    /// Keeps the cursor: at once in memory, on disk with the next transaction. In the same transaction the dead letters
    /// are kept (in the place of one with the same number, if there is one), and those with the numbers `revived` removed.
    func commit(_ cursor: SinkCursor, dead: [DeadLetter], revived: [UInt64])
    /// How far the cursor is on disk: from there on events come again after a crash.
    var durableSequence: UInt64 { get }
    /// Returns when the cursor is on disk up to there, or the task is cancelled.
    func durable(through sequence: UInt64) async
    /// Dead letters of this sink that somebody asked to be sent again, oldest first.
    func requestedRetries(limit: Int) throws(JournalError) -> [DeadLetter]
    /// Returns when nothing more will be added, or the task is cancelled. Events may still be there to read.
    func finished() async
    /// As of the cursor last kept.
    var counts: JournalReaderCounts { get }
}

extension JournalReader: EventSource {}

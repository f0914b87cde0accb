public import Events

/// One reader's place in the journal. It serves one task at a time.
public final class JournalReader: Sendable {
    /// 256 KiB of the events' own bytes.
    public static let defaultBudget = 256 * 1024

    public let name: String
    private let journal: Journal

    init(name: String, journal: Journal) {
        self.name = name
        self.journal = journal
    }

    /// As stored when the reader was made, then as last committed.
    public var cursor: SinkCursor {
        journal.cursor(of: name)
    }

    /// The batches behind those handed out last (at first: behind the cursor), as far as they are on disk; waits while
    /// there are none. Nil when the journal is finished and this reader has had everything, or when the task is cancelled
    /// and nothing is there.
    ///
    /// The first number of a batch can be above the last one of the batch before it. The numbers between are those of
    /// events that are not to be had any more, and the gap records that say so have the highest of them; to the sink these
    /// numbers are dead.
    ///
    /// - Parameter budget: no further batch is added once the batches' bytes reach it; at least one batch is returned.
    /// - Throws: `.damaged` when the file cannot be read, `.inputOutput` when the disk does not do its work.
    public func next(budget: Int = JournalReader.defaultBudget) async throws(JournalError) -> [EventBatch]? {
        try await journal.next(for: name, budget: budget)
    }

    /// The sink is done with everything up to the cursor, durably. It is on disk with the next transaction, or soon. A
    /// cursor that goes back, or beyond what was handed out, is refused as a fault.
    public func commit(_ cursor: SinkCursor) {
        journal.commit(cursor, dead: [], revived: [], of: name)
    }

    /// The same, with what becomes of dead letters, in one transaction: after a crash all of it is on disk, or nothing.
    ///
    /// A letter above the last cursor is new. One at or below it belongs to a retry that failed again: it takes the place
    /// of the one that is kept, its request is over, and it is not kept anew if somebody has dropped it meanwhile.
    ///
    /// - Parameters:
    ///   - dead: one event each, with a number up to the cursor's; another is refused as a fault, the cursor with it.
    ///     Their sink is this reader, whatever they say.
    ///   - revived: numbers of letters that are dead no more.
    public func commit(_ cursor: SinkCursor, dead: [DeadLetter], revived: [UInt64]) {
        journal.commit(cursor, dead: dead, revived: revived, of: name)
    }

    /// The cursor's number as it is on disk: a crash now would go on behind it.
    public var durableSequence: UInt64 {
        journal.durableSequence(of: name)
    }

    /// Returns when the cursor on disk is at `sequence` or above it, when the task is cancelled, or when the journal has
    /// ended. While somebody waits the cursor does not wait for `JournalOptions.cursorDelay`.
    public func durable(through sequence: UInt64) async {
        await journal.durable(through: sequence, of: name)
    }

    /// Dead letters that somebody asked to be sent again, lowest number first, as they are on disk. Those of whose fate
    /// `commit` was told already are not among them. Reads the disk: some microseconds when nothing was requested.
    public func requestedRetries(limit: Int) throws(JournalError) -> [DeadLetter] {
        try journal.requestedRetries(of: name, limit: limit)
    }

    /// Returns when the journal is finished, or the task cancelled. Events may still be there to read.
    public func finished() async {
        await journal.finished()
    }

    public var counts: JournalReaderCounts {
        journal.counts(for: name)
    }
}

/// How far a reader is.
public struct JournalReaderCounts: Hashable, Sendable {
    /// The last event it is done with; 0 for none.
    public var doneSequence: UInt64
    /// Events appended that it is not done with.
    public var pendingEvents: UInt64
    /// Dead letters kept, as of the last transaction, or of the last look for retries: others may drop some.
    public var deadLetters: UInt64
    /// Dead letters that went because there were too many, since the journal was made.
    public var overflowedLetters: UInt64

    public init(
        doneSequence: UInt64, pendingEvents: UInt64, deadLetters: UInt64 = 0, overflowedLetters: UInt64 = 0
    ) {
        self.doneSequence = doneSequence
        self.pendingEvents = pendingEvents
        self.deadLetters = deadLetters
        self.overflowedLetters = overflowedLetters
    }
}

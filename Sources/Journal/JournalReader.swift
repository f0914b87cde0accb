public import Events

/// One reader's place in the journal. It serves one task at a time.
public final class JournalReader: Sendable {
    /// 256 KiB of the events' own bytes.
    public static let defaultBudget = 256 * 1024

    public let name: String
    private let journal: Journal
    private let index: Int

    init(name: String, journal: Journal, index: Int) {
        self.name = name
        self.journal = journal
        self.index = index
    }

    /// The batches that are there now, oldest first; waits while there are none. Nil when the journal is finished and
    /// this reader has had everything, or when the task is cancelled and nothing is there. They stay held until
    /// `advance(through:)`.
    ///
    /// - Parameter budget: no further batch is added once the batches' bytes reach it; at least one batch is returned.
    public func next(budget: Int = JournalReader.defaultBudget) async -> [EventBatch]? {
        await journal.next(for: index, budget: budget)
    }

    /// This reader is done with all events up to and including `sequence`; what all readers are done with is freed.
    /// A number that was not handed out yet counts as the last one that was.
    public func advance(through sequence: UInt64) {
        journal.advance(index, through: sequence)
    }

    /// Returns when the journal is finished, or the task cancelled. Events may still be there to read.
    public func finished() async {
        await journal.finished()
    }

    public var counts: JournalReaderCounts {
        journal.counts(for: index)
    }
}

/// How far a reader is.
public struct JournalReaderCounts: Hashable, Sendable {
    /// The last event it is done with; 0 for none.
    public var doneSequence: UInt64
    /// Events appended that it is not done with.
    public var pendingEvents: UInt64

    public init(doneSequence: UInt64, pendingEvents: UInt64) {
        self.doneSequence = doneSequence
        self.pendingEvents = pendingEvents
    }
}

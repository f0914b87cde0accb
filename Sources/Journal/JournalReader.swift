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
        journal.commit(cursor, of: name)
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

    public init(doneSequence: UInt64, pendingEvents: UInt64) {
        self.doneSequence = doneSequence
        self.pendingEvents = pendingEvents
    }
}

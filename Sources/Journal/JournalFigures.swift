/// How a journal stands at one moment, for people and metrics. The counts of portals and sinks are those on disk: they do
/// not go back by a crash, and they belong together, as of one transaction.
public struct JournalFigures: Hashable, Sendable {
    /// One sink's.
    public struct Sink: Hashable, Sendable {
        public var cursor: SinkCursor
        /// Events and gap records since the sink's first; `delivered + filtered + dead + pending`.
        public var journaled: UInt64
        public var pending: UInt64
        /// Dead letters that are kept, and those that went because there were too many.
        public var deadLetters: UInt64
        public var overflowedLetters: UInt64
    }

    public var counts: JournalCounts
    /// In bytes.
    public var sizeLimit: UInt64
    /// An append waits.
    public var isPaused: Bool
    /// By name: portals whose record was read or written since the journal was opened.
    public var portals: [String: IntakeCounts]
    /// By name: all readers that there ever were.
    public var sinks: [String: Sink]
}

extension Journal {
    public var figures: JournalFigures {
        state.withLock { state in
            JournalFigures(
                counts: state.snapshot, sizeLimit: options.size, isPaused: state.isPaused,
                portals: state.portalCounts, sinks: state.readers.figures)
        }
    }
}

extension JournalReaders {
    fileprivate var figures: [String: JournalFigures.Sink] {
        durableCursors.reduce(into: [:]) { figures, entry in
            let (name, cursor) = entry
            // A new one begins behind what is not yet on disk.
            let last = max(committed, cursor.sequence)
            let dead = deadTotals[name] ?? DeadTotals()
            figures[name] = JournalFigures.Sink(
                cursor: cursor, journaled: last - min(last, cursor.base), pending: last - cursor.sequence,
                deadLetters: dead.letters, overflowedLetters: dead.overflowed)
        }
    }
}

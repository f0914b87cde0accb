import Events

/// What one transaction brings to disk.
struct JournalWork: Sendable {
    /// Their batches are numbered.
    var entries: [JournalEntry] = []
    /// Cursors that changed.
    var cursors: [(name: String, cursor: StoredCursor)] = []
    /// What becomes of dead letters, in order; of sinks whose cursors are here too.
    var dead: [(sink: String, changes: [DeadChange])] = []
    /// All readers that hold events have had everything up to this number.
    var floor: UInt64 = .max
    /// Of `entries`, as held against the window.
    var bytes: UInt64 = 0
    /// The number of the last event of `entries`, or of those before.
    var lastSequence: UInt64 = 0
    /// Only deletes.
    var isUpkeep = false
}

/// What a transaction made of it.
struct JournalOutcome: Sendable {
    /// Of the pages in use.
    var fileBytes: UInt64 = 0
    /// Of the write-ahead log.
    var logBytes: UInt64 = 0
    /// Events dropped that some reader had not had.
    var dropped: UInt64 = 0
    /// There is more to delete than one transaction should.
    var hasMoreToDelete = false
    /// How many dead letters there are, by sink; nil when none changed.
    var deadTotals: [String: DeadTotals]?
    /// Of portals that had a part in it, by name.
    var portalCounts: [String: IntakeCounts] = [:]
    /// Counts that do not add up, for people.
    var faults: [String] = []
}

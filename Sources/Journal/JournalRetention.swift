import Events
import Timing

/// Which batches go, always the oldest first:
///
/// ```
///   oldest                        floor                                newest
///   │ every reader has had these   │ some reader has not had these          │
///   │ go when older than `keep`,   │ go only while the file is too large;   │
///   │ or the file is too large     │ `dropped` then says what went          │
/// ```
struct JournalRetention {
    /// Zero: what all have had goes, whatever the clock says.
    var keep: Duration
    /// In bytes of used pages.
    var size: UInt64
    /// The last number that every reader that holds events has had.
    var floor: UInt64
    /// Unix seconds.
    var now: Double
    /// What dead letters take beyond their share, in bytes: no event goes for it. The journal may have been larger once.
    var deadExcess: UInt64 = 0

    /// What a row costs beside its content, about.
    private static let rowOverhead: UInt64 = 48
    /// About what a block of marks takes.
    private static let blockSize: UInt64 = 2048

    /// - Parameter entries: of the same transaction.
    func apply(to file: JournalFile, entries: Int, _ outcome: inout JournalOutcome) throws(SQLiteFailure) {
        outcome.fileBytes = try file.usedBytes()
        let used = used(outcome.fileBytes)
        let steps = steps(entries, used)
        let hadMarks = try file.seen.expire(now: Int64(now), limit: marksLimit, steps: steps)
        var drops: [Int64: StoredDrop] = [:]
        var deleted: UInt64 = 0
        var freed: UInt64 = 0
        var count = 0
        while count < steps, let oldest = try file.oldest(behind: deleted) {
            let isPassed = oldest.last <= floor
            let isTooMuch = used > size &+ freed
            guard isTooMuch || isPassed && isOld(oldest) else { break }
            var drop = StoredDrop()
            if let known = drops[oldest.portal] { drop = known } else { drop = try file.drop(of: oldest.portal) }
            if drop.last <= floor {
                // Nobody needs to know of what went before.
                drop = StoredDrop()
            }
            drop.last = oldest.last
            if !isPassed {
                let events = try file.events(of: oldest)
                let count = events.map { UInt64($0.count) } ?? oldest.presumedCount
                let missing = min(count, oldest.last - max(floor, deleted))
                drop.events &+= missing
                outcome.dropped &+= missing
                for id in (events ?? []).lazy.compactMap(\.id) {
                    drop.lowest = min(drop.lowest ?? id, id)
                    drop.highest = max(drop.highest ?? id, id)
                }
            }
            drops[oldest.portal] = drop
            deleted = oldest.last
            freed += oldest.size &+ Self.rowOverhead
            count += 1
        }
        outcome.hasMoreToDelete = count == steps || hadMarks
        if count == 0 { return }
        try file.deleteBatches(through: deleted)
        for (portal, drop) in drops { try file.write(drop, portal: portal) }
        outcome.fileBytes = try file.usedBytes()
    }

    private func used(_ bytes: UInt64) -> UInt64 { bytes - min(bytes, deadExcess) }

    /// Rows to delete at most: few, so that no transaction takes long, unless what is added is larger than what goes.
    private func steps(_ entries: Int, _ used: UInt64) -> Int {
        if used <= size { return entries * 2 + 32 }
        return used - size <= size / 8 ? entries * 2 + 1024 : entries * 2 + 32_768
    }

    func hasWork(in file: JournalFile) throws(SQLiteFailure) -> Bool {
        if try file.seen.isExpired(now: Int64(now), limit: marksLimit) { return true }
        guard let oldest = try file.oldest(behind: 0) else { return false }
        if oldest.last <= floor, isOld(oldest) { return true }
        return try used(file.usedBytes()) > size
    }

    /// Marks never take more than half of the room.
    private var marksLimit: Int64 { Int64(clamping: max(16, size / 2 / Self.blockSize)) }

    private func isOld(_ oldest: JournalFile.Oldest) -> Bool {
        keep == .zero || now - Double(oldest.received) / 1e6 > keep.inSeconds
    }
}

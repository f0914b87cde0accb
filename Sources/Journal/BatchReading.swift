import Events

/// Reading on from a number, with something in the place of everything that is not there any more:
///
/// ```
///  asked from 5:    dropped 5…8      row 9…12    row damaged    nothing     row 30…31
///  handed out:      gap 7, gap 8     9…12        gap 20         gap 29      30…31
///                   (a portal each)              (damaged)      (damaged)
/// ```
///
/// A gap record has the last of the numbers that it stands for. So numbers that are skipped have no event any more.
extension JournalReading {
    /// - Parameters:
    ///   - limit: the first number that is not wanted. Everything below it is committed.
    ///   - budget: no further batch is added once the batches' bytes reach it.
    ///   - now: microseconds since 1970, for gap records.
    func batches(
        from number: UInt64, before limit: UInt64, budget: Int, now: Int64
    ) throws(SQLiteFailure) -> [EventBatch] {
        try snapshot { () throws(SQLiteFailure) in
            try batchesInSnapshot(from: number, before: limit, budget: budget, now: now)
        }
    }

    /// The same within a snapshot.
    func batchesInSnapshot(
        from number: UInt64, before limit: UInt64, budget: Int, now: Int64
    ) throws(SQLiteFailure) -> [EventBatch] {
        guard number < limit else { return [] }
        var result: [EventBatch] = []
        var next = number
        var size = 0
        try visitBatches(from: number) { (row) throws(SQLiteFailure) in
            guard let batch = try? row.batch(portal: try name(of: row.portal)) else {
                // Its numbers may be what is damaged: the row behind it says where it ended.
                return true
            }
            if batch.lastSequence < next { return true }
            if batch.firstSequence > next {
                try fill(next...min(batch.firstSequence, limit) - 1, to: &result, now: now)
                next = min(batch.firstSequence, limit)
            }
            if batch.firstSequence >= limit { return false }
            let trimmed = batch.trimmed(from: next)
            result.append(trimmed)
            size += trimmed.bytes.count
            next = batch.lastSequence + 1
            return size < budget && next < limit
        }
        if next < limit, size < budget || result.isEmpty {
            try fill(next...limit - 1, to: &result, now: now)
        }
        // Not even a portal is left that a record could name.
        if result.isEmpty { throw SQLiteFailure.damage("the events from \(number) on are missing") }
        return result
    }

    /// Gap records for numbers that no row has.
    private func fill(
        _ numbers: ClosedRange<UInt64>, to result: inout [EventBatch], now: Int64
    ) throws(SQLiteFailure) {
        var next = numbers.lowerBound
        for (portal, drop) in try drops(within: numbers) {
            let limit = drop.last - numbers.lowerBound + 1
            let gap = MissingEvents(
                reason: .journalFull, lowest: drop.lowest, highest: drop.highest,
                events: drop.events == 0 ? limit : min(drop.events, limit))
            result.append(gap.batch(portal: try name(of: portal), sequence: drop.last, receivedAt: now))
            next = drop.last + 1
        }
        guard next <= numbers.upperBound else { return }
        try fillDamage(next...numbers.upperBound, to: &result, now: now)
    }

    /// Nobody can say whose events these were: each portal gets a record, as far as there are numbers for them.
    private func fillDamage(
        _ numbers: ClosedRange<UInt64>, to result: inout [EventBatch], now: Int64
    ) throws(SQLiteFailure) {
        let count = numbers.upperBound - numbers.lowerBound + 1
        let portals = try portalNames(limit: Int(clamping: count))
        let gap = MissingEvents(reason: .damaged, events: count)
        for (index, portal) in portals.enumerated() {
            let sequence = numbers.upperBound - UInt64(portals.count - 1 - index)
            result.append(gap.batch(portal: portal, sequence: sequence, receivedAt: now))
        }
    }
}

/// What only a view asks for. Within a snapshot.
extension JournalReading {
    /// The number of the first event there is; one more than the last number when there is none.
    func firstSequence() throws(SQLiteFailure) -> UInt64 {
        let row = try database.prepare("SELECT first, last FROM batch ORDER BY last LIMIT 1")
        // A first number that is damaged must not hide what follows.
        if try row.step() { return min(row.unsigned(0), row.unsigned(1)) }
        return try state().lastSequence + 1
    }

    /// By halving: rows are in the order of their receipt, and have no index for it.
    func sequence(receivedSince microseconds: Int64) throws(SQLiteFailure) -> UInt64? {
        let row = try database.prepare("SELECT last, first, received FROM batch WHERE last >= ? ORDER BY last LIMIT 1")
        var low = try firstSequence()
        var high = try state().lastSequence
        var found: UInt64?
        while low <= high {
            let middle = low + (high - low) / 2
            row.bind(middle, at: 1)
            defer { row.reset() }
            guard try row.step() else {
                if middle <= low { break }
                high = middle - 1
                continue
            }
            let (last, first) = (row.unsigned(0), row.unsigned(1))
            // Of a tree whose numbers are damaged: there is no halving it.
            if last < middle { break }
            if row.integer(2) >= microseconds {
                found = min(first, last)
                // Between a number that no row has and the row behind it there is nothing either.
                let begin = min(first, middle)
                if begin <= low { break }
                high = begin - 1
            } else {
                if last >= high { break }
                low = last + 1
            }
        }
        return found
    }
}

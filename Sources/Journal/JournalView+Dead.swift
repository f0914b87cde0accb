extension JournalView {
    /// Letters of one transaction: the daemon must not wait long.
    private static let step = 500

    /// Letters in the order of sinks and numbers, fewer than asked for when they are large; empty at the end.
    ///
    /// - Parameters:
    ///   - sink: nil for all.
    ///   - last: the last letter of the answer before.
    public func deadLetters(
        sink: String?, after last: DeadLetter? = nil, limit: Int
    ) throws(JournalError) -> [DeadLetter] {
        try read { (reading) throws(SQLiteFailure) in
            try reading.dead().letters(of: sink, behind: last.map { ($0.sink, $0.sequence) }, limit: limit)
        }
    }

    /// How many letters are kept, by sink.
    public func deadLetterCounts() throws(JournalError) -> [String: UInt64] {
        try read { (reading) throws(SQLiteFailure) in try reading.dead().totals() }.mapValues(\.letters)
    }

    /// Asks for letters to be sent again: the daemon sees it soon, or when it starts.
    ///
    /// - Returns: how many of them there are.
    public func requestRetry(sink: String, sequences: [UInt64]) throws(JournalError) -> Int {
        try change(sequences) { (dead, part) throws(SQLiteFailure) in try dead.requestRetry(part, of: sink) }
    }

    /// Deletes letters. The sink counts them as dead for ever.
    ///
    /// - Returns: how many of them there were.
    public func drop(sink: String, sequences: [UInt64]) throws(JournalError) -> Int {
        try change(sequences) { (dead, part) throws(SQLiteFailure) in try dead.drop(part, of: sink) }
    }

    /// On a connection of its own that lives as long as the call, a short transaction for each part.
    private func change(
        _ sequences: [UInt64], _ body: (DeadTable, ArraySlice<UInt64>) throws(SQLiteFailure) -> Int
    ) throws(JournalError) -> Int {
        // Takes note of a file in the journal's place, and keeps a connection open meanwhile.
        _ = try lastSequence
        do throws(SQLiteFailure) {
            let database = try Database(path: path, mode: .readWrite)
            try database.execute("PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON")
            let dead = try DeadTable(database)
            var count = 0
            var rest = sequences[...]
            while !rest.isEmpty {
                try database.execute("BEGIN IMMEDIATE")
                let part: Int
                do throws(SQLiteFailure) {
                    part = try body(dead, rest.prefix(Self.step))
                    try database.execute("COMMIT")
                } catch {
                    if database.isInTransaction { try database.execute("ROLLBACK") }
                    throw error
                }
                count += part
                rest = rest.dropFirst(Self.step)
            }
            return count
        } catch {
            throw error.viewError(path: path)
        }
    }
}

import Events
import Glibc

extension Journal {
    /// Looks through all of a journal, beside a daemon that may be writing: SQLite's own check of the file, each row's
    /// checksum, that no event number is missing, and that the counts add up.
    ///
    /// - Throws: the first fault.
    public static func check(directory: String) throws(JournalError) {
        let path = StateDirectory.journal(in: directory)
        guard access(path, R_OK) == 0 else {
            throw StateDirectory.failure("\(path) cannot be read", errno)
        }
        let reading: JournalReading
        do throws(SQLiteFailure) {
            reading = try JournalReading(path: path)
        } catch {
            throw error.error(path: path)
        }
        let version = try JournalSchema.current.verify(reading.database)
        do throws(SQLiteFailure) {
            try reading.snapshot { () throws(SQLiteFailure) in
                try reading.checkEverything()
                if version >= JournalSchema.versionWithDeadLetters { try reading.checkDeadLetters() }
            }
        } catch {
            throw error.error(path: path)
        }
    }
}

extension JournalReading {
    func checkEverything() throws(SQLiteFailure) {
        let result = try database.text("PRAGMA integrity_check(1)")
        guard result == "ok" else { throw SQLiteFailure.damage(result) }
        let state = try state()
        let cursors = try cursors()
        try checkNumbers(state, cursors)
        for (name, cursor) in cursors where !cursor.cursor.isConserved {
            throw SQLiteFailure.damage("the counts of the sink \(name) do not add up")
        }
        for name in try portalNames(limit: .max) {
            guard try recordInSnapshot(of: name).counts.isConserved else {
                throw SQLiteFailure.damage("the counts of \(name) do not add up")
            }
        }
        try checkMarks()
        try checkBatches(through: state.lastSequence)
    }

    private func checkBatches(through last: UInt64) throws(SQLiteFailure) {
        var previous: UInt64?
        try visitBatches(from: 0) { (row) throws(SQLiteFailure) in
            guard let batch = try? row.batch(portal: "") else {
                throw SQLiteFailure.damage("the events \(row.first) to \(row.last) are not what was written")
            }
            if let previous, batch.firstSequence != previous + 1 {
                throw SQLiteFailure.damage("events are missing between \(previous) and \(batch.firstSequence)")
            }
            guard !(try name(of: row.portal)).isEmpty else {
                throw SQLiteFailure.damage("the events \(row.first) to \(row.last) belong to no portal")
            }
            previous = batch.lastSequence
            return true
        }
        if let previous, previous != last {
            throw SQLiteFailure.damage("events are missing between \(previous) and \(last + 1)")
        }
    }

    func checkDeadLetters() throws(SQLiteFailure) {
        let dead = try dead()
        if let (sink, sequence) = try dead.firstDamaged(in: database) {
            throw SQLiteFailure.damage("the dead letter \(sequence) of \(sink) is not what was written")
        }
        for (sink, totals) in try dead.totals() {
            let counted = try dead.countedTotals(of: sink)
            guard counted.letters == totals.letters, counted.bytes == totals.bytes else {
                throw SQLiteFailure.damage("the number of dead letters of \(sink) does not add up")
            }
        }
    }

    private func checkMarks() throws(SQLiteFailure) {
        let rows = try database.prepare("SELECT portal, checksum, content FROM seen")
        while try rows.step() { _ = try SeenTable.block(rows, checksum: 1, portal: rows.integer(0)) }
    }
}

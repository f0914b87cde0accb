/// The reading side of the dead letters.
final class DeadReading {
    /// Of the contents, in bytes: what one answer holds about, one letter at least.
    private static let budget = 4 << 20

    private let requestedRows: Statement
    private let rowsOfSink: Statement
    private let rowsOfAll: Statement
    private let dataVersion: Statement
    private let totalsTable: DeadTotalsTable
    /// Sinks of which no retry was requested, and the file's version then.
    private var quiet: [String: Int64] = [:]

    init(_ database: Database) throws(SQLiteFailure) {
        requestedRows = try database.prepare(
            "SELECT \(DeadRow.columns) FROM dead WHERE sink = ? AND retry = 1 ORDER BY sequence")
        rowsOfSink = try database.prepare(
            "SELECT \(DeadRow.columns) FROM dead WHERE sink = ?1 AND sequence > ?2 ORDER BY sequence")
        rowsOfAll = try database.prepare(
            "SELECT \(DeadRow.columns) FROM dead WHERE (sink, sequence) > (?1, ?2) ORDER BY sink, sequence")
        // Changes with what other connections commit (https://www.sqlite.org/pragma.html#pragma_data_version).
        dataVersion = try database.prepare("PRAGMA data_version")
        totalsTable = try DeadTotalsTable(database)
    }

    func version() throws(SQLiteFailure) -> Int64 {
        defer { dataVersion.reset() }
        return try dataVersion.step() ? dataVersion.integer(0) : 0
    }

    func totals() throws(SQLiteFailure) -> [String: DeadTotals] {
        try totalsTable.all()
    }

    func countedTotals(of sink: String) throws(SQLiteFailure) -> DeadTotals {
        try totalsTable.counted(sink)
    }

    /// Letters that somebody asked to be sent again, and how many there are by sink. Nil: none, as before.
    func requested(
        by sink: String, limit: Int
    ) throws(SQLiteFailure) -> (letters: [DeadLetter], totals: [String: DeadTotals])? {
        // What is committed after this is seen the next time.
        let version = try version()
        if quiet[sink] == version { return nil }
        requestedRows.bind(sink, at: 1)
        let letters = try letters(requestedRows, limit: limit)
        quiet[sink] = letters.isEmpty ? version : nil
        return (letters, try totals())
    }

    /// Those of a sink behind a number, or of all sinks behind one sink's number, in the order of sinks and numbers.
    func letters(
        of sink: String?, behind last: (sink: String, sequence: UInt64)?, limit: Int
    ) throws(SQLiteFailure) -> [DeadLetter] {
        let statement = sink == nil ? rowsOfAll : rowsOfSink
        statement.bind(sink ?? last?.sink ?? "", at: 1)
        statement.bind(last?.sequence ?? 0, at: 2)
        return try letters(statement, limit: limit)
    }

    private func letters(_ statement: Statement, limit: Int) throws(SQLiteFailure) -> [DeadLetter] {
        defer { statement.reset() }
        var result: [DeadLetter] = []
        var bytes = 0
        while result.count < limit, bytes < Self.budget, try statement.step() {
            let letter = DeadRow(from: statement).letter
            bytes += letter.batch.bytes.count
            result.append(letter)
        }
        return result
    }

    /// - Returns: the first letter that is not what was written.
    func firstDamaged(in database: Database) throws(SQLiteFailure) -> (sink: String, sequence: UInt64)? {
        let rows = try database.prepare("SELECT \(DeadRow.columns) FROM dead")
        while try rows.step() {
            let row = DeadRow(from: rows)
            if row.wholeLetter == nil { return (row.sink, row.sequence) }
        }
        return nil
    }
}

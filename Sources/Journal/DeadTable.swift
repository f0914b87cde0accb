/// The writing side of the dead letters: the daemon's, in the transaction of the cursor, and that of somebody who decides
/// what is to become of them.
///
/// Neither age nor a full journal removes a letter. All together they take at most a quarter of the journal's size; beyond
/// that the oldest letter of the sink that takes most goes, and is counted.
final class DeadTable {
    /// Letters that go at most because of what one transaction adds.
    private static let overflowLimit = 1000

    private let sizeOf: Statement
    private let insert: Statement
    private let update: Statement
    private let delete: Statement
    private let mark: Statement
    private let oldest: Statement
    private let totals: DeadTotalsTable

    init(_ database: Database) throws(SQLiteFailure) {
        sizeOf = try database.prepare("SELECT length(content) FROM dead WHERE sink = ? AND sequence = ?")
        insert = try database.prepare(
            """
            INSERT INTO dead (sink, sequence, portal, received, died, attempts, reason, checksum, content, retry)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)
            """)
        update = try database.prepare(
            """
            UPDATE dead SET portal = ?3, received = ?4, died = ?5, attempts = ?6, reason = ?7, checksum = ?8,
                content = ?9, retry = 0
            WHERE sink = ?1 AND sequence = ?2
            """)
        delete = try database.prepare("DELETE FROM dead WHERE sink = ? AND sequence = ? RETURNING length(content)")
        mark = try database.prepare("UPDATE dead SET retry = 1 WHERE sink = ? AND sequence = ? RETURNING 1")
        oldest = try database.prepare("SELECT sequence FROM dead WHERE sink = ? ORDER BY sequence LIMIT 1")
        totals = try DeadTotalsTable(database)
    }

    /// - Parameter limit: what all letters together may take, in bytes.
    /// - Returns: how many there are then, by sink.
    func apply(_ changes: [(sink: String, changes: [DeadChange])], limit: UInt64)
        throws(SQLiteFailure) -> [String: DeadTotals]
    {
        let before = try totals.all()
        var after = before
        for (sink, changes) in changes {
            var own = after[sink] ?? DeadTotals()
            for change in changes { try apply(change, sink, &own) }
            after[sink] = own
        }
        try overflow(&after, limit: limit)
        for (sink, own) in after where own != before[sink] { try totals.write(own, of: sink) }
        return after
    }

    private func apply(_ change: DeadChange, _ sink: String, _ totals: inout DeadTotals) throws(SQLiteFailure) {
        switch change {
        case .died(let letter, let isRetry):
            let row = DeadRow(letter, sink: sink)
            let old = try size(of: row.sequence, sink)
            if old == nil, isRetry { return }
            if let old { totals.remove(old) }
            try write(row, isThere: old != nil)
            totals.add(row.size)
        case .revived(let sequence):
            if let size = try remove(sequence, sink) { totals.remove(size) }
        }
    }

    private func overflow(_ totals: inout [String: DeadTotals], limit: UInt64) throws(SQLiteFailure) {
        for _ in 0..<Self.overflowLimit {
            guard DeadTotals.bytes(of: totals) > limit,
                let (sink, own) = totals.max(by: { $0.value.bytes < $1.value.bytes }), own.letters > 1,
                let sequence = try oldest(of: sink), let size = try remove(sequence, sink)
            else { return }
            totals[sink]?.remove(size)
            totals[sink]?.overflowed &+= 1
        }
    }

    // MARK: what somebody decides

    /// - Returns: how many of them there were.
    func drop(_ sequences: some Sequence<UInt64>, of sink: String) throws(SQLiteFailure) -> Int {
        var own = try totals.all()[sink] ?? DeadTotals()
        var count = 0
        for sequence in sequences {
            guard let size = try remove(sequence, sink) else { continue }
            own.remove(size)
            count += 1
        }
        if count > 0 { try totals.write(own, of: sink) }
        return count
    }

    /// - Returns: how many of them there are.
    func requestRetry(_ sequences: some Sequence<UInt64>, of sink: String) throws(SQLiteFailure) -> Int {
        var count = 0
        for sequence in sequences {
            mark.bind(sink, at: 1)
            mark.bind(sequence, at: 2)
            while try mark.step() { count += 1 }
        }
        return count
    }

    // MARK: rows

    private func write(_ row: DeadRow, isThere: Bool) throws(SQLiteFailure) {
        let statement = isThere ? update : insert
        statement.bind(row.sink, at: 1)
        statement.bind(row.sequence, at: 2)
        statement.bind(row.portal, at: 3)
        statement.bind(row.received, at: 4)
        statement.bind(row.died, at: 5)
        statement.bind(row.attempts, at: 6)
        statement.bind(row.reason, at: 7)
        statement.bind(row.checksum, at: 8)
        statement.bind(row.content, at: 9)
        try statement.run()
    }

    /// As counted in the totals; nil when there is none.
    private func size(of sequence: UInt64, _ sink: String) throws(SQLiteFailure) -> UInt64? {
        sizeOf.bind(sink, at: 1)
        sizeOf.bind(sequence, at: 2)
        defer { sizeOf.reset() }
        return try sizeOf.step() ? sizeOf.unsigned(0) &+ DeadRow.overhead : nil
    }

    private func remove(_ sequence: UInt64, _ sink: String) throws(SQLiteFailure) -> UInt64? {
        delete.bind(sink, at: 1)
        delete.bind(sequence, at: 2)
        var size: UInt64?
        while try delete.step() { size = delete.unsigned(0) &+ DeadRow.overhead }
        return size
    }

    private func oldest(of sink: String) throws(SQLiteFailure) -> UInt64? {
        oldest.bind(sink, at: 1)
        defer { oldest.reset() }
        return try oldest.step() ? oldest.unsigned(0) : nil
    }
}

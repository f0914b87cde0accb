import Events
import Timing

/// A connection that only reads, beside the writer's. It belongs to whoever holds it.
final class JournalReading {
    let database: Database
    private let names: Statement
    private let portalRow: Statement
    private let channelsRow: Statement
    private let stateRow: Statement
    private let cursorRows: Statement
    private let rows: Statement
    private let drops: Statement
    private let blocksWith: Statement
    private let blocksAbove: Statement
    private var knownNames: [Int64: String] = [:]
    private var knownDead: DeadReading?
    /// The block that was looked into last: what is asked for next is often in it too.
    private var lastBlock: (number: Int64, checksum: UInt64, block: SeenBlock)?

    convenience init(path: String) throws(SQLiteFailure) {
        try self.init(Database(path: path, mode: .readOnly))
    }

    init(_ database: Database) throws(SQLiteFailure) {
        self.database = database
        try database.execute("PRAGMA cell_size_check = ON; PRAGMA cache_size = -512")
        names = try database.prepare("SELECT name FROM portal WHERE id = ?")
        portalRow = try database.prepare("SELECT id, checksum, content FROM portal WHERE name = ?")
        channelsRow = try database.prepare("SELECT content FROM channels WHERE portal = ?")
        stateRow = try database.prepare("SELECT checksum, content FROM state WHERE id = 1")
        cursorRows = try database.prepare("SELECT name, checksum, content FROM cursor")
        rows = try database.prepare(
            "SELECT last, first, portal, received, checksum, content FROM batch WHERE last >= ? ORDER BY last")
        drops = try database.prepare("SELECT portal, checksum, content FROM dropped")
        blocksWith = try database.prepare(
            """
            SELECT * FROM (SELECT number, checksum, content FROM seen
                WHERE portal = ?1 AND late = 0 AND highest >= ?2 ORDER BY highest LIMIT 1)
            UNION ALL
            SELECT number, checksum, content FROM seen
                WHERE portal = ?1 AND late = 1 AND highest >= ?2 AND lowest <= ?2
            """)
        blocksAbove = try database.prepare(
            "SELECT number, checksum, content FROM seen WHERE portal = ? AND late = ? AND highest >= ? ORDER BY highest DESC"
        )
    }

    /// Reads in one snapshot.
    func snapshot<Value>(_ body: () throws(SQLiteFailure) -> Value) throws(SQLiteFailure) -> Value {
        try database.execute("BEGIN")
        let result: Result<Value, SQLiteFailure>
        do throws(SQLiteFailure) { result = .success(try body()) } catch { result = .failure(error) }
        if database.isInTransaction { try database.execute("COMMIT") }
        return try result.get()
    }

    // MARK: what the journal knows of itself

    func state() throws(SQLiteFailure) -> StoredState {
        defer { stateRow.reset() }
        guard try stateRow.step() else { throw SQLiteFailure.damage("the journal's own state is missing") }
        let content = stateRow.bytes(1)
        guard stateRow.unsigned(0) == Checksum.of(content), let state = try? StoredState(content: content) else {
            throw SQLiteFailure.damage("the journal's own state is not what was written")
        }
        return state
    }

    func cursors() throws(SQLiteFailure) -> [String: StoredCursor] {
        defer { cursorRows.reset() }
        var result: [String: StoredCursor] = [:]
        while try cursorRows.step() {
            let name = cursorRows.text(0)
            let content = cursorRows.bytes(2)
            guard cursorRows.unsigned(1) == RowChecksum.of(content, name: name),
                let cursor = try? StoredCursor(content: content)
            else { throw SQLiteFailure.damage("the cursor of \(name) is not what was written") }
            result[name] = cursor
        }
        return result
    }

    /// A table that has lost rows does not say so itself.
    func checkNumbers(_ state: StoredState, _ cursors: [String: StoredCursor]) throws(SQLiteFailure) {
        guard UInt64(cursors.count) == state.cursors else { throw SQLiteFailure.damage("a sink's cursor is missing") }
        let portals = try database.integer("SELECT count(*) FROM portal")
        guard UInt64(clamping: portals) == state.portals else {
            throw SQLiteFailure.damage("the record of a portal is missing")
        }
        for (name, cursor) in cursors where cursor.cursor.sequence > state.lastSequence {
            throw SQLiteFailure.damage("the cursor of \(name) lies beyond the last event")
        }
    }

    // MARK: portals

    func record(of name: String) throws(SQLiteFailure) -> PortalRecord {
        try snapshot { () throws(SQLiteFailure) in try recordInSnapshot(of: name) }
    }

    /// The same within a snapshot.
    func recordInSnapshot(of name: String) throws(SQLiteFailure) -> PortalRecord {
        guard let (id, portal) = try portal(named: name) else { return PortalRecord() }
        var record = portal.record
        record.channels = try channels(of: id, name, checksum: portal.channelsChecksum)
        return record
    }

    private func portal(named name: String) throws(SQLiteFailure) -> (id: Int64, portal: StoredPortal)? {
        portalRow.bind(name, at: 1)
        defer { portalRow.reset() }
        guard try portalRow.step() else { return nil }
        let content = portalRow.bytes(2)
        guard portalRow.unsigned(1) == RowChecksum.of(content, name: name),
            let portal = try? StoredPortal(content: content)
        else { throw SQLiteFailure.damage("the record of \(name), with its positions, is not what was written") }
        return (portalRow.integer(0), portal)
    }

    private func channels(of id: Int64, _ name: String, checksum: UInt64) throws(SQLiteFailure) -> [StoredChannels] {
        if checksum == 0 { return [] }
        channelsRow.bind(id, at: 1)
        defer { channelsRow.reset() }
        if try channelsRow.step() {
            let content = channelsRow.bytes(0)
            if RowChecksum.of(content, portal: id) == checksum, let sets = try? StoredPortal.channels(in: content) {
                return sets
            }
        }
        throw SQLiteFailure.damage("the channels of \(name) are not what was written")
    }

    /// Empty for a portal that is not known.
    func name(of portal: Int64) throws(SQLiteFailure) -> String {
        if let name = knownNames[portal] { return name }
        names.bind(portal, at: 1)
        defer { names.reset() }
        guard try names.step() else { return "" }
        let name = names.text(0)
        knownNames[portal] = name
        return name
    }

    func portalNames(limit: Int) throws(SQLiteFailure) -> [String] {
        let statement = try database.prepare("SELECT name FROM portal ORDER BY id LIMIT ?")
        statement.bind(Int64(limit), at: 1)
        var result: [String] = []
        while try statement.step() { result.append(statement.text(0)) }
        return result
    }

    // MARK: dead letters

    /// Made when it is needed: a file of an older version has no such table.
    func dead() throws(SQLiteFailure) -> DeadReading {
        if let knownDead { return knownDead }
        let dead = try DeadReading(database)
        knownDead = dead
        return dead
    }

    // MARK: batches

    /// Calls `visit` for the rows from that with event `number` on, until it says no.
    func visitBatches(
        from number: UInt64, _ visit: (BatchRow) throws(SQLiteFailure) -> Bool
    ) throws(SQLiteFailure) {
        rows.bind(number, at: 1)
        defer { rows.reset() }
        while try rows.step() {
            let row = BatchRow(
                last: rows.unsigned(0), first: rows.unsigned(1), portal: rows.integer(2), received: rows.integer(3),
                checksum: rows.unsigned(4), content: rows.bytes(5))
            if try !visit(row) { return }
        }
    }

    /// What was dropped with numbers of this range, in order.
    func drops(within numbers: ClosedRange<UInt64>) throws(SQLiteFailure) -> [(portal: Int64, drop: StoredDrop)] {
        defer { drops.reset() }
        var result: [(portal: Int64, drop: StoredDrop)] = []
        while try drops.step() {
            let portal = drops.integer(0)
            let content = drops.bytes(2)
            guard drops.unsigned(1) == RowChecksum.of(content, portal: portal),
                let drop = try? StoredDrop(content: content)
            else { continue }
            if numbers.contains(drop.last) { result.append((portal, drop)) }
        }
        return result.sorted { $0.drop.last < $1.drop.last }
    }

    // MARK: marks

    func seen(_ id: MessageID, portal name: String) throws(SQLiteFailure) -> [SeenMark] {
        guard let (portal, _) = try portal(named: name) else { return [] }
        blocksWith.bind(portal, at: 1)
        blocksWith.bind(id.sortable, at: 2)
        defer { blocksWith.reset() }
        var result: [SeenMark] = []
        while try blocksWith.step() {
            result += try block(blocksWith, portal).marks.filter { $0.id == id }
        }
        return result
    }

    /// Marks without an id count as the lowest, and as above `.zero` only.
    func seen(above id: MessageID, portal name: String, limit: Int) throws(SQLiteFailure) -> [SeenMark] {
        guard limit > 0, let (portal, _) = try portal(named: name) else { return [] }
        return try snapshot { () throws(SQLiteFailure) in
            var result: [SeenMark] = []
            for late in [0, 1] as [Int64] {
                blocksAbove.bind(portal, at: 1)
                blocksAbove.bind(late, at: 2)
                blocksAbove.bind(id == .zero ? [] : id.sortable, at: 3)
                defer { blocksAbove.reset() }
                while late == 1 || result.count < limit, try blocksAbove.step() {
                    result += try block(blocksAbove, portal).marks.filter { mark in
                        mark.id.map { $0 > id } ?? (id == .zero)
                    }
                }
            }
            if result.count <= limit { return result }
            result.sort { ($0.id ?? .zero) > ($1.id ?? .zero) }
            return Array(result.prefix(limit))
        }
    }

    private func block(_ statement: Statement, _ portal: Int64) throws(SQLiteFailure) -> SeenBlock {
        let number = statement.integer(0)
        let checksum = statement.unsigned(1)
        if let lastBlock, lastBlock.number == number, lastBlock.checksum == checksum { return lastBlock.block }
        let block = try SeenTable.block(statement, checksum: 1, portal: portal)
        lastBlock = (number, checksum, block)
        return block
    }

}

import Events

/// The writing side of the marks. Blocks of a portal come in two kinds:
///
/// ```
///  in order:  [3 … 17] [18 … 40] [44 … 61|open]     each begins above the one before it: a look-up meets one
///  late:      [20 … 25|open]                        ids below what the open block of the first kind begins with
/// ```
///
/// A block takes marks until it is full or an hour old, so blocks go in about the order in which they were made.
final class SeenTable {
    /// How long a message is remembered, in seconds: servers keep theirs for 24 hours.
    static let lifetime: Int64 = 26 * 3600
    /// How long a block takes marks, in seconds.
    static let openTime: Int64 = 3600

    /// Where the next marks of a portal go.
    struct Place: Hashable {
        struct Open: Hashable {
            var number: Int64
            var count: Int
            /// Unix seconds.
            var began: Int64
        }
        var inOrder: Open?
        var late: Open?
        /// The first id of the open block in order: what is below is late.
        var lowest: MessageID?
        /// The last id of all blocks in order.
        var highest: MessageID?
    }

    private let insert: Statement
    private let update: Statement
    private let select: Statement
    private let newest: Statement
    private let delete: Statement
    private let bounds: Statement

    init(_ database: Database) throws(SQLiteFailure) {
        insert = try database.prepare(
            """
            INSERT INTO seen (portal, late, lowest, highest, began, count, checksum, content)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING number
            """)
        update = try database.prepare(
            "UPDATE seen SET lowest = ?, highest = ?, count = ?, checksum = ?, content = ? WHERE number = ?")
        select = try database.prepare("SELECT checksum, content FROM seen WHERE number = ?")
        newest = try database.prepare(
            """
            SELECT number, began, checksum, content FROM seen WHERE portal = ? AND late = 0
            ORDER BY highest DESC LIMIT 1
            """)
        delete = try database.prepare("DELETE FROM seen WHERE number = ?")
        bounds = try database.prepare(
            """
            SELECT (SELECT min(number) FROM seen), (SELECT max(number) FROM seen),
                (SELECT began FROM seen ORDER BY number LIMIT 1)
            """)
    }

    /// Where the marks of a portal go on after a start.
    func place(of portal: Int64) throws(SQLiteFailure) -> Place {
        var place = Place()
        newest.bind(portal, at: 1)
        defer { newest.reset() }
        guard try newest.step() else { return place }
        let block = try Self.block(newest, checksum: 2, portal: portal)
        place.highest = block.highest
        place.lowest = block.lowest
        place.inOrder = Place.Open(number: newest.integer(0), count: block.marks.count, began: newest.integer(1))
        return place
    }

    /// - Parameter now: Unix seconds.
    func add(_ marks: [SeenMark], portal: Int64, at place: inout Place, now: Int64) throws(SQLiteFailure) {
        if let open = place.inOrder, !Self.takesMore(open, now) { place.inOrder = nil }
        if let open = place.late, !Self.takesMore(open, now) { place.late = nil }
        if place.inOrder == nil { place.lowest = nil }

        var within: [SeenMark] = []
        var above: [SeenMark] = []
        var late: [SeenMark] = []
        for mark in marks {
            guard let id = mark.id else {
                late.append(mark)
                continue
            }
            guard let highest = place.highest, id <= highest else {
                above.append(mark)
                continue
            }
            if let lowest = place.lowest, id >= lowest { within.append(mark) } else { late.append(mark) }
        }
        // What belongs between the open block's ids must go there, full or not.
        above.sort { ($0.id ?? .zero) < ($1.id ?? .zero) }
        let room = max(0, SeenBlock.capacity - (place.inOrder?.count ?? 0) - within.count)
        let joining = place.inOrder == nil ? 0 : Self.wholeIDs(min(room, above.count), of: above[...])
        if !within.isEmpty || joining > 0 {
            place.inOrder = try extend(place.inOrder, by: within + above[..<joining], portal, late: false, now)
        }
        var rest = above[joining...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(Self.wholeIDs(min(SeenBlock.capacity, rest.count), of: rest)))
            rest = rest.dropFirst(part.count)
            place.inOrder = try extend(nil, by: part, portal, late: false, now)
            place.lowest = part.first?.id
        }
        if let highest = above.last?.id { place.highest = highest }
        while !late.isEmpty {
            let room = max(1, SeenBlock.capacity - (place.late?.count ?? 0))
            place.late = try extend(place.late, by: Array(late.prefix(room)), portal, late: true, now)
            late.removeFirst(min(room, late.count))
            if let open = place.late, !Self.takesMore(open, now) { place.late = nil }
        }
    }

    /// Deletes the oldest blocks that nobody needs, at most `steps` of them.
    ///
    /// - Parameter limit: how many blocks there may be.
    /// - Returns: whether it ended because of `steps`.
    func expire(now: Int64, limit: Int64, steps: Int) throws(SQLiteFailure) -> Bool {
        for _ in 0..<steps {
            guard let number = try expired(now: now, limit: limit) else { return false }
            delete.bind(number, at: 1)
            try delete.run()
        }
        return true
    }

    func isExpired(now: Int64, limit: Int64) throws(SQLiteFailure) -> Bool {
        try expired(now: now, limit: limit) != nil
    }

    /// The oldest block, if it is to go. Numbers follow each other, so the first and the last say how many there are.
    private func expired(now: Int64, limit: Int64) throws(SQLiteFailure) -> Int64? {
        defer { bounds.reset() }
        guard try bounds.step(), !bounds.isNull(0) else { return nil }
        let (number, last, began) = (bounds.integer(0), bounds.integer(1), bounds.integer(2))
        // A clock that was ahead must not keep a block for ever.
        let isOld = began < now - Self.lifetime - Self.openTime || began > now + Self.lifetime
        let (span, overflows) = last.subtractingReportingOverflow(number)
        return isOld || overflows || span >= limit ? number : nil
    }

    /// `count`, or as many more as have the last one's id: one id never stands in two blocks in order.
    private static func wholeIDs(_ count: Int, of marks: ArraySlice<SeenMark>) -> Int {
        var end = marks.startIndex + count
        while end > marks.startIndex, end < marks.endIndex, marks[end].id == marks[end - 1].id { end += 1 }
        return end - marks.startIndex
    }

    private static func takesMore(_ open: Place.Open, _ now: Int64) -> Bool {
        // The time of a block that was found can be any.
        open.count < SeenBlock.capacity && open.began > now - openTime && open.began < now + openTime
    }

    /// Adds to a block, or makes a new one.
    private func extend(
        _ open: Place.Open?, by marks: [SeenMark], _ portal: Int64, late: Bool, _ now: Int64
    ) throws(SQLiteFailure) -> Place.Open {
        if let open, var block = try block(open, portal) {
            block.marks += marks
            let content = block.content
            update.bind(block.lowest?.sortable ?? [], at: 1)
            update.bind(block.highest?.sortable ?? [], at: 2)
            update.bind(Int64(block.marks.count), at: 3)
            update.bind(RowChecksum.of(content, portal: portal), at: 4)
            update.bind(content, at: 5)
            update.bind(open.number, at: 6)
            try update.run()
            return Place.Open(number: open.number, count: block.marks.count, began: open.began)
        }
        let block = SeenBlock(marks)
        let content = block.content
        insert.bind(portal, at: 1)
        insert.bind(late ? 1 : 0 as Int64, at: 2)
        insert.bind(block.lowest?.sortable ?? [], at: 3)
        insert.bind(block.highest?.sortable ?? [], at: 4)
        insert.bind(now, at: 5)
        insert.bind(Int64(marks.count), at: 6)
        insert.bind(RowChecksum.of(content, portal: portal), at: 7)
        insert.bind(content, at: 8)
        var number: Int64 = 0
        while try insert.step() { number = insert.integer(0) }
        return Place.Open(number: number, count: marks.count, began: now)
    }

    /// Nil when it was deleted for room.
    private func block(_ open: Place.Open, _ portal: Int64) throws(SQLiteFailure) -> SeenBlock? {
        select.bind(open.number, at: 1)
        defer { select.reset() }
        return try select.step() ? Self.block(select, checksum: 0, portal: portal) : nil
    }

    static func block(
        _ statement: Statement, checksum column: Int32, portal: Int64
    ) throws(SQLiteFailure) -> SeenBlock {
        let content = statement.bytes(column + 1)
        guard statement.unsigned(column) == RowChecksum.of(content, portal: portal),
            let block = try? SeenBlock(content: content)
        else { throw SQLiteFailure.damage("marks of received messages are not what was written") }
        return block
    }
}

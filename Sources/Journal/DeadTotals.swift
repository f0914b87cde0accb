/// How many dead letters of a sink are kept.
///
/// ```
///  content:  1 │ letters │ bytes │ overflowed (64 bits each)
/// ```
struct DeadTotals: Hashable, Sendable {
    private static let version: UInt8 = 1

    var letters: UInt64 = 0
    /// What they take in the file, about.
    var bytes: UInt64 = 0
    /// Letters that went because there were too many of them.
    var overflowed: UInt64 = 0

    var content: [UInt8] {
        var writer = StoredBytesWriter(capacity: 25)
        writer.write(Self.version)
        for number in [letters, bytes, overflowed] { writer.write(number) }
        return writer.bytes
    }

    init() {}

    init(content: [UInt8]) throws(UnreadableBytes) {
        self = try content.readStored { (reader) throws(UnreadableBytes) in
            guard try reader.byte() == Self.version else { throw UnreadableBytes() }
            var totals = DeadTotals()
            totals.letters = try reader.uint64()
            totals.bytes = try reader.uint64()
            totals.overflowed = try reader.uint64()
            return totals
        }
    }

    /// Of all sinks together.
    static func bytes(of totals: [String: DeadTotals]) -> UInt64 {
        totals.values.reduce(UInt64(0)) { $0 &+ $1.bytes }
    }

    mutating func add(_ size: UInt64) {
        letters &+= 1
        bytes &+= size
    }

    mutating func remove(_ size: UInt64) {
        letters -= min(letters, 1)
        bytes -= min(bytes, size)
    }
}

/// The table `dead_sink`: a row for each sink that ever had a dead letter. Whoever changes `dead` changes it in the same
/// transaction, so that nobody has to count.
final class DeadTotalsTable {
    private let rows: Statement
    private let count: Statement
    private let upsert: Statement

    init(_ database: Database) throws(SQLiteFailure) {
        rows = try database.prepare("SELECT sink, checksum, content FROM dead_sink")
        count = try database.prepare("SELECT count(*), sum(length(content)) FROM dead WHERE sink = ?")
        upsert = try database.prepare(
            """
            INSERT INTO dead_sink (sink, checksum, content) VALUES (?, ?, ?)
            ON CONFLICT (sink) DO UPDATE SET checksum = excluded.checksum, content = excluded.content
            """)
    }

    /// By sink. Letters are counted where the row is not what was written; how many overflowed is lost then.
    func all() throws(SQLiteFailure) -> [String: DeadTotals] {
        var result: [String: DeadTotals] = [:]
        var unreadable: [String] = []
        while try rows.step() {
            let sink = rows.text(0)
            let content = rows.bytes(2)
            if rows.unsigned(1) == RowChecksum.of(content, name: sink), let totals = try? DeadTotals(content: content) {
                result[sink] = totals
            } else {
                unreadable.append(sink)
            }
        }
        for sink in unreadable { result[sink] = try counted(sink) }
        return result
    }

    /// What the letters themselves say.
    func counted(_ sink: String) throws(SQLiteFailure) -> DeadTotals {
        count.bind(sink, at: 1)
        defer { count.reset() }
        var totals = DeadTotals()
        guard try count.step() else { return totals }
        totals.letters = count.unsigned(0)
        totals.bytes = count.unsigned(1) &+ totals.letters &* DeadRow.overhead
        return totals
    }

    func write(_ totals: DeadTotals, of sink: String) throws(SQLiteFailure) {
        let content = totals.content
        upsert.bind(sink, at: 1)
        upsert.bind(RowChecksum.of(content, name: sink), at: 2)
        upsert.bind(content, at: 3)
        try upsert.run()
    }
}

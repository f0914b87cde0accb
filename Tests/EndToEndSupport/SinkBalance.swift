import Foundation

/// What has become of a sink's events, as its row in the journal says it, read past the program.
///
/// The row holds its own count of each fate; how many events there are in all, and how many wait, follows from the
/// numbers. So a sum that is right is one thing, and tests hold each count against what they have seen from outside.
public struct SinkBalance: Sendable, Hashable, CustomStringConvertible {
    /// Events since the sink was added.
    public var journaled: Int
    public var delivered: Int
    /// Held back by its filter.
    public var filtered: Int
    /// Given up.
    public var dead: Int
    /// Behind its cursor.
    public var pending: Int
    /// Kept as dead letters.
    public var letters: Int

    public init(
        journaled: Int, delivered: Int = 0, filtered: Int = 0, dead: Int = 0, pending: Int = 0, letters: Int = 0
    ) {
        self.journaled = journaled
        self.delivered = delivered
        self.filtered = filtered
        self.dead = dead
        self.pending = pending
        self.letters = letters
    }

    /// Reads it from the database, beside the daemon or after it. While a daemon runs, its last seconds may not be
    /// there yet.
    public init(of sink: String, in path: String) async throws {
        guard
            let row = try await DatabaseDamage.rows(
                of: """
                    SELECT hex(cursor.content), hex(state.content), (SELECT count(*) FROM dead WHERE sink = '\(sink)')
                    FROM cursor, state WHERE cursor.name = '\(sink)'
                    """, in: path
            ).first
        else { throw CommandLineTool.Failure(description: "\(path) has no cursor of \(sink)") }
        let columns = row.split(separator: "|").map(String.init)
        // A byte for the version, one for whether the sink is configured; then base, sequence, delivered, filtered, dead.
        let cursor = Self.numbers(in: columns[0], from: 2)
        // A byte for the version, then the last number.
        let last = Self.numbers(in: columns[1], from: 1)
        guard columns.count == 3, cursor.count >= 5, let last = last.first, let letters = Int(columns[2]) else {
            throw CommandLineTool.Failure(description: "\(path): the cursor of \(sink) is \(row)")
        }
        self.init(
            journaled: last - cursor[0], delivered: cursor[2], filtered: cursor[3], dead: cursor[4],
            pending: last - cursor[1], letters: letters)
    }

    /// Each event has had one fate, or has it still before it.
    public var isConserved: Bool { journaled == delivered + filtered + dead + pending }

    public var description: String {
        """
        journaled \(journaled), delivered \(delivered), filtered \(filtered), dead \(dead), pending \(pending), \
        letters \(letters)
        """
    }

    /// 64 bits each, the lowest byte first.
    private static func numbers(in hex: String, from offset: Int) -> [Int] {
        let digits = Array(hex.utf8)
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).map { index in
            UInt64(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) ?? 0
        }
        return stride(from: offset, through: bytes.count - 8, by: 8).map { start in
            Int(truncatingIfNeeded: bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | $1 })
        }
    }
}

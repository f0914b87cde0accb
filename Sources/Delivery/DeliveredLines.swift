import Events

/// Lines that stand in files already although the cursor does not cover them. Their events come again and are not
/// written again.
struct DeliveredLines {
    struct Line: Hashable {
        var sequence: UInt64
        /// Fingerprint of `,"portal":"NAME"` and of the message's id: the line of another program that numbers its own is not
        /// ours, nor is one of a journal that has since lost its end and given the number to another event.
        var mark: UInt64

        init(sequence: UInt64, portal: UInt64, id: MessageID?) {
            self.sequence = sequence
            mark = portal
            if let id { mark ^= (id.generation &* 0x9E37_79B9_7F4A_7C15 &+ id.counter) &* 0xD6E8_FEB8_6659_FD93 }
        }
    }

    /// 64 MiB of them. What is beyond is written again.
    private static let limit = 4 * 1024 * 1024

    private var lines: Set<Line> = []
    private var highest: UInt64 = 0

    var isEmpty: Bool { lines.isEmpty }
    var count: Int { lines.count }

    mutating func insert(_ line: Line) {
        guard lines.count < Self.limit else { return }
        lines.insert(line)
        highest = max(highest, line.sequence)
    }

    /// Whether the line was there; it is then forgotten.
    mutating func take(_ line: Line) -> Bool {
        lines.remove(line) != nil
    }

    /// Events up to and including this one do not come any more. What is left when none of them can is forgotten.
    mutating func forget(through sequence: UInt64) {
        if sequence >= highest { lines = [] }
    }
}

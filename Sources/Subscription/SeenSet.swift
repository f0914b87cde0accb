import Events

/// The messages received lately: (id, hash of the body). A lower id after a higher one is no repetition, and the same id
/// with another body is none either (a server's counter that went back), so it is a set and compares both.
///
/// It forgets by generations: the younger table fills for `span` or up to `limit` messages, then takes the place of the
/// older one. So a message is remembered for between one and two spans, and `forgottenThrough` says up to which id the
/// memory is not complete: no position below it may be asked for.
struct SeenSet {
    enum Finding {
        case new
        case repeated
        /// The id is known with another body.
        case conflicting
    }

    /// Of one table: 16 MiB of memory at most for each of the two.
    static let limit = 512 * 1024
    static let span = Duration.seconds(900)
    /// The same while the position is held: as long as servers keep messages.
    static let heldSpan = Duration.seconds(86_400)

    private var young = SeenTable()
    private var old = SeenTable()
    private var youngSince: Duration?
    private var highestOfYoung: MessageID?
    private var highestOfOld: MessageID?
    private(set) var forgottenThrough: MessageID?
    /// A held position will be asked from, however old: what came after it has to be known until then.
    private var isHeld = false

    var count: Int { young.count + old.count }

    mutating func insert(_ id: MessageID?, hash: UInt64, at now: Duration) -> Finding {
        let key = id.map { $0.counter } ?? (hash | 1 << 63)
        let mark = id.map { hash ^ ($0.generation &* 0x9E37_79B9_7F4A_7C15) } ?? hash
        if young.count >= Self.limit { turn(at: now) } else { expire(at: now) }
        if youngSince == nil { youngSince = now }
        // Not before the turn: it may just have put the message there.
        let before = old.count == 0 ? .new : old.find(key, mark)
        if before == .repeated { return .repeated }
        let finding = young.insert(key, mark)
        if finding != .repeated, let id { highestOfYoung = max(highestOfYoung ?? id, id) }
        return finding == .new ? before : finding
    }

    mutating func hold() { isHeld = true }

    /// The connection that ends a hold has asked from a while ago, and the answer may still be on its way.
    mutating func release(at now: Duration) {
        isHeld = false
        let since = now + PositionTrail.lag - Self.span
        youngSince = youngSince.map { max($0, since) }
    }

    /// Forgets what is due, so that a session that has become quiet does not keep what a busy time filled.
    mutating func expire(at now: Duration) {
        guard let since = youngSince, now - since >= (isHeld ? Self.heldSpan : Self.span) else { return }
        turn(at: now)
        if count == 0 { youngSince = nil }
    }

    private mutating func turn(at now: Duration) {
        if let gone = highestOfOld { forgottenThrough = max(forgottenThrough ?? gone, gone) }
        old = young
        highestOfOld = highestOfYoung
        young = SeenTable()
        highestOfYoung = nil
        youngSince = now
    }
}

/// Open addressing with linear probing, at most half full. Servers number upwards in steps of one, so neighbours are looked
/// up one after the other. Empty until the first insertion.
struct SeenTable {
    private struct Entry {
        /// Plus one, so that zero is "empty".
        var key: UInt64
        var mark: UInt64
    }

    private var entries: [Entry] = []
    private(set) var count = 0

    /// Neighbours in groups of eight, two cache lines; the groups scattered by Fibonacci hashing, so that no stride of ids
    /// piles up.
    @inline(__always)
    private static func place(_ key: UInt64, _ mask: Int) -> Int {
        let group = ((key >> 3) &* 0x9E37_79B9_7F4A_7C15) >> 32
        return Int(truncatingIfNeeded: group << 3 | key & 7) & mask
    }

    func find(_ key: UInt64, _ mark: UInt64) -> SeenSet.Finding {
        entries.withUnsafeBufferPointer { entries in
            let mask = entries.count - 1
            var finding = SeenSet.Finding.new
            var place = Self.place(key, mask)
            while entries[place].key != 0 {
                if entries[place].key == key &+ 1 {
                    if entries[place].mark == mark { return .repeated }
                    finding = .conflicting
                }
                place = (place + 1) & mask
            }
            return finding
        }
    }

    mutating func insert(_ key: UInt64, _ mark: UInt64) -> SeenSet.Finding {
        if count * 2 >= entries.count { grow() }
        let finding = entries.withUnsafeMutableBufferPointer { entries in
            let mask = entries.count - 1
            var finding = SeenSet.Finding.new
            var place = Self.place(key, mask)
            while entries[place].key != 0 {
                if entries[place].key == key &+ 1 {
                    if entries[place].mark == mark { return SeenSet.Finding.repeated }
                    finding = .conflicting
                }
                place = (place + 1) & mask
            }
            entries[place] = Entry(key: key &+ 1, mark: mark)
            return finding
        }
        if finding != .repeated { count += 1 }
        return finding
    }

    /// Entries looked at to find one that is there, on average: 1 at best.
    var meanWalk: Double {
        let mask = entries.count - 1
        var sum = 0
        for (index, entry) in entries.enumerated() where entry.key != 0 {
            sum += ((index - Self.place(entry.key &- 1, mask)) & mask) + 1
        }
        return count == 0 ? 0 : Double(sum) / Double(count)
    }

    private mutating func grow() {
        let former = entries
        entries = Array(repeating: Entry(key: 0, mark: 0), count: max(64, former.count * 2))
        entries.withUnsafeMutableBufferPointer { entries in
            let mask = entries.count - 1
            for entry in former where entry.key != 0 {
                var place = Self.place(entry.key &- 1, mask)
                while entries[place].key != 0 { place = (place + 1) & mask }
                entries[place] = entry
            }
        }
    }
}

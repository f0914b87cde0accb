/// Open addressing with linear probing, at most three quarters full. Servers number upwards in steps of one, so neighbours are looked
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
        if count * 4 >= entries.count * 3 { grow() }
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

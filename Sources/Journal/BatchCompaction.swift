public import Events

/// A unit can be large and little of it new: then its batch keeps only what its events point to.
///
/// ```
///  bytes:   ···[body of an event: ··params··]······[ body ]········[params merged by the decoder]
///                                                                   not within its body
///  kept:       [body of an event: ··params··][ body ][params merged by the decoder]
/// ```
extension EventBatch {
    /// The same events over fewer bytes, if they need less than half of them.
    func compacted() -> EventBatch {
        needsCompaction ? reduced() : self
    }

    /// The event at an index alone, with its own number, over no more bytes than it needs; without events when there is
    /// none at this index.
    public func single(_ index: Int) -> EventBatch {
        var result = self
        result.events = events.indices.contains(index) ? [events[index]] : []
        result.firstSequence = firstSequence &+ UInt64(clamping: index)
        return result.reduced()
    }

    private func reduced() -> EventBatch {
        let parts = neededParts()
        var result = self
        result.bytes = []
        result.bytes.reserveCapacity(parts.reduce(0) { $0 + $1.count })
        // Where each part begins afterwards.
        var starts: [Int] = []
        for part in parts {
            starts.append(result.bytes.count)
            result.bytes.append(contentsOf: bytes[part])
        }
        let moved = { (range: ByteRange) -> ByteRange in
            let range = range.stored(limit: bytes.count)
            if range.isEmpty { return .absent }
            // Each range lies within exactly one part: the last that begins at or before it.
            var low = 0
            var high = parts.count
            while high - low > 1 {
                let middle = (low + high) / 2
                if parts[middle].lowerBound <= Int(range.start) { low = middle } else { high = middle }
            }
            let start = starts[low] + Int(range.start) - parts[low].lowerBound
            return ByteRange(start..<start + range.count)
        }
        for index in events.indices {
            result.events[index].body = moved(events[index].body)
            result.events[index].module = moved(events[index].module)
            result.events[index].command = moved(events[index].command)
            result.events[index].params = moved(events[index].params)
            result.events[index].extra = moved(events[index].extra)
        }
        return result
    }

    /// Counts what overlaps twice only where it is rare: what lies within an event's own body is not counted again.
    private var needsCompaction: Bool {
        var needed = 0
        for event in events {
            needed += event.body.stored(limit: bytes.count).count
            for range in [event.module, event.command, event.params, event.extra]
            where range.start < event.body.start || range.end > event.body.end {
                needed += range.stored(limit: bytes.count).count
            }
            if needed >= bytes.count / 2 { return false }
        }
        return true
    }

    /// All ranges, those that touch or overlap joined, in order.
    private func neededParts() -> [Range<Int>] {
        var parts: [Range<Int>] = []
        let ranges = events.flatMap(\.ranges).map { $0.stored(limit: bytes.count) }.filter { !$0.isEmpty }
        for range in ranges.map(\.range).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = parts.last, range.lowerBound <= last.upperBound {
                parts[parts.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                parts.append(range)
            }
        }
        return parts
    }
}

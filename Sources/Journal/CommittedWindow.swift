import Events

/// The newest batches that are on disk, in memory too: a reader that is not far behind never reads the disk. Without a gap
/// from its first number to its last.
struct CommittedWindow {
    private var slots: [EventBatch?] = []
    private var head = 0
    private(set) var bytes: UInt64 = 0

    var isEmpty: Bool { head == slots.count }

    /// The lowest number that is here; nil when nothing is.
    var firstSequence: UInt64? { isEmpty ? nil : slots[head]?.firstSequence }

    mutating func append(_ batch: EventBatch) {
        slots.append(batch)
        bytes += batch.memorySize
    }

    /// Forgets what ends at or below `sequence`, and the oldest until at most `limit` bytes are left.
    mutating func removeAll(through sequence: UInt64, limit: UInt64) {
        while head < slots.count, let oldest = slots[head], oldest.lastSequence <= sequence || bytes > limit {
            bytes -= min(bytes, oldest.memorySize)
            slots[head] = nil
            head += 1
        }
        if head == slots.count {
            slots.removeAll(keepingCapacity: slots.count <= 1024)
            head = 0
        } else if head > 32, head > slots.count / 2 {
            slots.removeFirst(head)
            head = 0
        }
    }

    /// What there is from `sequence` on. A reader that was made anew can stand in the middle of a batch, and has had what
    /// is before.
    ///
    /// - Parameter budget: no further batch is added once their bytes reach it; one at least.
    func batches(from sequence: UInt64, budget: Int) -> [EventBatch] {
        var low = head
        var high = slots.count
        while low < high {
            let middle = (low + high) / 2
            if let batch = slots[middle], batch.lastSequence < sequence { low = middle + 1 } else { high = middle }
        }
        var result: [EventBatch] = []
        var size = 0
        while low < slots.count, size < budget || result.isEmpty, let batch = slots[low] {
            result.append(batch.trimmed(from: sequence))
            size += batch.bytes.count
            low += 1
        }
        return result
    }
}

import Events

/// The batches that some reader still needs, oldest first. A batch keeps its number for ever, however many before it
/// have gone:
///
/// ```
///  slots:  nil nil │ batch batch batch
///          ── head ┘ ▲                 ▲
///                    first             end      (numbers, not offsets)
/// ```
///
/// Taking from the front costs constant time on average: the slots move only when half of them are empty.
struct BatchQueue {
    struct Entry {
        var batch: EventBatch
        /// Bytes ever appended, this batch included.
        var total: UInt64
        /// The sequence number of the batch's last event.
        var lastSequence: UInt64
    }

    private var slots: [Entry?] = []
    private var head = 0
    /// The number of the oldest batch that is still here.
    private(set) var first = 0

    /// The number that the next batch gets.
    var end: Int { first + slots.count - head }

    subscript(number: Int) -> Entry? {
        let index = head + number - first
        return number >= first && index < slots.count ? slots[index] : nil
    }

    mutating func append(_ entry: Entry) {
        slots.append(entry)
    }

    /// Forgets all batches before `number`.
    mutating func removeAll(before number: Int) {
        while first < number, head < slots.count {
            slots[head] = nil
            head += 1
            first += 1
        }
        if head == slots.count {
            slots.removeAll(keepingCapacity: slots.count <= 1024)
            head = 0
        } else if head > 32, head > slots.count / 2 {
            slots.removeFirst(head)
            head = 0
        }
    }
}

import Events

/// A record of the journal's own that stands in the place of events it does not hold any more:
///
/// ```
///  {"reason":"journal-full","after":"17000000000000000000000041","before":"17000000000000000000000044","events":2}
/// ```
///
/// What is missing lies between the two ids; they are left out where they are not known. It has the last of the sequence
/// numbers whose place it takes.
struct GapRecord: Hashable {
    enum Reason: String {
        /// Dropped for room, or kept no longer because nobody seemed to want it.
        case journalFull = "journal-full"
        /// What the file holds is not what was written.
        case damaged
    }

    var reason: Reason
    var lowest: MessageID?
    var highest: MessageID?
    /// How many at most.
    var events: UInt64

    func batch(portal: String, sequence: UInt64, receivedAt: Int64) -> EventBatch {
        var text = #"{"reason":"\#(reason.rawValue)""#
        if let lowest { text += #","after":"\#(lowest.predecessor)""# }
        if let highest { text += #","before":"\#(highest.successor)""# }
        text += #","events":\#(events)}"#
        let body = Array(text.utf8)
        var event = Event()
        event.shape = .gap
        event.body = ByteRange(0..<body.count)
        var batch = EventBatch(portal: portal, receivedAt: receivedAt, bytes: body, events: [event])
        batch.firstSequence = sequence
        return batch
    }
}

extension MessageID {
    private static let counters: UInt64 = 10_000_000_000_000_000

    /// The highest id below this one; itself at the lower end.
    fileprivate var predecessor: MessageID {
        if counter > 0 { return MessageID(generation: generation, counter: counter - 1) }
        return generation > 0 ? MessageID(generation: generation - 1, counter: Self.counters - 1) : self
    }

    /// The lowest id above this one; itself at the upper end.
    fileprivate var successor: MessageID {
        if counter + 1 < Self.counters { return MessageID(generation: generation, counter: counter + 1) }
        return generation + 1 < 10_000_000_000 ? MessageID(generation: generation + 1, counter: 0) : self
    }
}

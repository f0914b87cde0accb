import Events

/// Events that the journal does not hold any more. A gap record of its own stands in their place, with the last of their
/// sequence numbers.
struct MissingEvents {
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
        var record = GapRecord(reason: reason.rawValue, after: lowest?.predecessor, before: highest?.successor)
        record.events = events
        var bytes: [UInt8] = []
        let event = record.event(appendingTo: &bytes)
        var batch = EventBatch(portal: portal, receivedAt: receivedAt, bytes: bytes, events: [event])
        batch.firstSequence = sequence
        return batch
    }
}

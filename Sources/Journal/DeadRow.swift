import Events

/// A row of `dead`, as it is written and as it is found. `content` is that of a batch with the one event.
struct DeadRow {
    /// What a row costs beside its content, with both indexes, about.
    static let overhead: UInt64 = 160
    /// In the order of `init(_:from:)`.
    static let columns = "sink, sequence, portal, received, died, attempts, reason, retry, checksum, content"

    var sink: String
    var sequence: UInt64
    var portal: String
    /// Microseconds since 1970, as `died`.
    var received: Int64
    var died: Int64
    var attempts: Int64
    var reason: String
    /// Not covered by the checksum: a mark that comes or goes by a flipped bit costs one delivery, or one more request.
    var isRetryRequested = false
    /// Of all else.
    var checksum: UInt64
    var content: [UInt8]

    var size: UInt64 { UInt64(content.count) &+ Self.overhead }

    init(_ letter: DeadLetter, sink: String) {
        self.sink = sink
        sequence = letter.sequence
        portal = letter.batch.portal
        received = letter.batch.receivedAt
        died = letter.diedAt
        attempts = Int64(letter.attempts)
        reason = letter.reason.cut(to: DeadLetter.longestReason)
        content = StoredBatch.content(of: letter.batch)
        checksum = 0
        checksum = computedChecksum
    }

    /// The present row of a statement that asks for `columns`.
    init(from statement: Statement) {
        sink = statement.text(0)
        sequence = statement.unsigned(1)
        portal = statement.text(2)
        received = statement.integer(3)
        died = statement.integer(4)
        attempts = statement.integer(5)
        reason = statement.text(6)
        isRetryRequested = statement.integer(7) != 0
        checksum = statement.unsigned(8)
        content = statement.bytes(9)
    }

    private var computedChecksum: UInt64 {
        var checksum = Checksum.of(content)
        for text in [sink, portal, reason] { checksum = Checksum.joined(checksum, Checksum.of(Array(text.utf8))) }
        for number in [received, died, attempts] { checksum = Checksum.joined(checksum, UInt64(bitPattern: number)) }
        return Checksum.joined(checksum, sequence)
    }

    /// Nil: the row is not what was written.
    var wholeLetter: DeadLetter? {
        guard checksum == computedChecksum, let (events, bytes) = try? StoredBatch.read(content), events.count == 1
        else { return nil }
        var batch = EventBatch(portal: portal, receivedAt: received, bytes: bytes, events: events)
        batch.firstSequence = sequence
        return letter(batch, reason: reason)
    }

    /// A damaged one can still be seen, and dropped.
    var letter: DeadLetter {
        if let wholeLetter { return wholeLetter }
        let gap = MissingEvents(reason: .damaged, events: 1)
        return letter(
            gap.batch(portal: portal.cut(to: 256), sequence: sequence, receivedAt: received),
            reason: "what was kept of it is damaged")
    }

    private func letter(_ batch: EventBatch, reason: String) -> DeadLetter {
        DeadLetter(
            // Of a damaged row this is any number, and whoever sends the letter again counts on.
            sink: sink, batch: batch, diedAt: died, attempts: Int(UInt32(clamping: attempts)), reason: reason,
            isRetryRequested: isRetryRequested)
    }
}

extension String {
    /// Its beginning, of at most so many bytes of UTF-8.
    fileprivate func cut(to limit: Int) -> String {
        if utf8.count <= limit { return self }
        var end = utf8.index(utf8.startIndex, offsetBy: limit)
        // Not in the middle of a character.
        while end > utf8.startIndex, end.samePosition(in: unicodeScalars) == nil { end = utf8.index(before: end) }
        return String(self[..<end])
    }
}

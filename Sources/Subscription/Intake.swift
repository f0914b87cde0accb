import Events
import Journal
import PullProtocol

/// Bytes of one connection to an entry for the journal: decodes, drops repetitions, takes out service commands, follows the
/// positions, keeps what is no message. One for each portal, for all its connections together.
struct Intake {
    /// What is known of a received unit beside its bytes.
    struct Reception {
        /// The push server that it came from, by `PullConfiguration.pushServer`.
        var server: String
        /// Known when the connection carries only one.
        var channel = ChannelKind.unknown
        /// Cut in transport.
        var isTruncated = false
        /// Microseconds since 1970.
        var receivedAt: Int64
        /// On the monotonic clock.
        var at: Duration
        /// Known messages with a higher id do not show that an answer reaches back far enough.
        var reach: MessageID?
        /// The bytes are a part of a unit.
        var isPiece = false
        /// The newest id of the parts of that unit before this one.
        var newestBefore: MessageID?
        /// Of the messages some came in a text. Found here.
        var isText = false
    }

    struct Outcome {
        /// Nil when the unit brought nothing new and moved nothing.
        var entry: JournalEntry?
        var commands: [ServiceCommand] = []
        var replies: [String] = []
        var acknowledgements: [String] = []
        /// Messages, new or not, malformed ones among them: only a subscriber gets any.
        var messageCount = 0
        var newCount = 0
        /// Those published by clients, so through a public id; nil where the server does not tell.
        var fromClients: Int?
        /// One of them was known before.
        var reachesKnown = false
        /// The highest id in it, for the poll loop that it came through, and the lowest.
        var newest: MessageID?
        var lowest: MessageID?
        /// Tag and time, where the server gives no ids.
        var legacyPosition: Position?
        /// New messages whose id was known with another body, or came below what counted as complete.
        var wentBack = 0
        /// `newest` takes the place of a higher position: the server gives out ids anew.
        var isBack = false
        /// The server has a new store.
        var lostStore = false
        var malformed: [MalformedPiece] = []
        var damage: Damage?
        var unknownBytes = 0
        var lookUpFailure: JournalError?
        /// Numbers of heartbeats among the new messages.
        var heartbeats: [UInt64] = []

        /// What both say of the answer that they are parts of, `next` being the later one; all else is that of `next`.
        func followed(by next: Outcome) -> Outcome {
            var sum = next
            sum.messageCount += messageCount
            sum.newCount += newCount
            sum.fromClients = fromClients.flatMap { count in next.fromClients.map { $0 + count } }
            sum.reachesKnown = reachesKnown || next.reachesKnown
            sum.lowest = [lowest, next.lowest].compactMap(\.self).min()
            sum.newest = next.isBack ? next.newest ?? newest : [newest, next.newest].compactMap(\.self).max()
            sum.legacyPosition = next.legacyPosition ?? legacyPosition
            sum.wentBack += wentBack
            sum.isBack = isBack || next.isBack
            sum.lostStore = lostStore || next.lostStore
            sum.unknownBytes += unknownBytes
            return sum
        }
    }

    /// Reads marks on disk.
    typealias LookUp = @Sendable (MessageID) throws(JournalError) -> [SeenMark]

    let portal: String
    var findsHeartbeats = false
    var positions: ServerPositions
    private(set) var counts = IntakeCounts()
    /// Not yet in an entry.
    var unsavedCounts = IntakeCounts()
    var seen = SeenSet()
    var decoded = DecodedUnit()
    let lookUp: LookUp

    init(
        portal: String, lag: Duration = SessionRules().auditLag, start: StartPolicy = .now,
        lookUp: @escaping LookUp = { _ in [] }
    ) {
        self.portal = portal
        self.lookUp = lookUp
        positions = ServerPositions(lag: lag, start: start)
    }

    /// What an earlier run has left; see `SeenSet.restore` and `ServerPositions.restore`.
    mutating func restore(_ record: PortalRecord, marks: [SeenMark], through: MessageID?, at now: Duration) -> [String]
    {
        counts = record.counts
        seen.restore(marks, through: through, at: now)
        if record.lastContact != nil { positions.startsRetained = true }
        return positions.restore(record.positions, at: now)
    }

    /// Gives back memory that a busy time has left; to be called now and then.
    mutating func tidy(at now: Duration) {
        seen.expire(at: now)
        decoded = DecodedUnit()
    }

    /// A position that has moved without a message, for the journal.
    mutating func movedPosition() -> JournalEntry? {
        guard let position = positions.changed(positions.current) else { return nil }
        var entry = JournalEntry(portal: portal)
        entry.position = position
        return entry
    }

    /// A record of messages that are gone.
    mutating func gap(_ gap: SessionGap, _ bounds: HistoryReach.Bounds, receivedAt: Int64) -> JournalEntry {
        var bytes: [UInt8] = []
        var record = GapRecord(reason: gap.reason.rawValue, after: bounds.after, before: bounds.before)
        record.channel = gap.channel
        let event = record.event(appendingTo: &bytes)
        var entry = JournalEntry(
            portal: portal,
            batch: EventBatch(portal: portal, receivedAt: receivedAt, bytes: bytes, events: [event]))
        unsavedCounts.gaps += 1
        saveCounts(in: &entry)
        return entry
    }

    /// - Parameters:
    ///   - units: where the units stand in `bytes`, in order.
    ///   - place: where in the first of them its bytes begin, after `takeFront`.
    mutating func take(
        _ bytes: [UInt8], units: [(range: Range<Int>, kind: FrameKind)], from place: UnitPlace = .beginning,
        decoder: UnitDecoder, reception: Reception
    ) -> Outcome {
        var entry = JournalEntry(portal: portal)
        var (place, reception) = (place, reception)
        decoded.reset(appendixOffset: bytes.count)
        bytes.withUnsafeBytes { buffer in
            for unit in units {
                let part = UnsafeRawBufferPointer(rebasing: buffer[unit.range])
                let damagedBefore = decoded.damage?.undecodedBytes
                decoder.decode(
                    part, baseOffset: unit.range.lowerBound, kind: unit.kind, isTruncated: reception.isTruncated,
                    from: place, into: &decoded)
                place = .beginning
                if decoded.kind == .envelopes || decoded.kind == .json { reception.isText = true }
                if decoded.kind == .unknown {
                    unsavedCounts.unknownUnits += 1
                    quarantine(part, "unknown unit", reception, &entry)
                } else if let damage = decoded.damage, damage.undecodedBytes != damagedBefore {
                    let rest = damage.undecodedBytes > 0 ? damage.undecodedBytes : part.count
                    quarantine(
                        UnsafeRawBufferPointer(rebasing: part.suffix(rest)), "damaged frame", reception, &entry)
                }
            }
        }
        return conclude(bytes, entry, reception)
    }

    /// Takes what is whole at the front of a unit that is still coming, or of what is left of it.
    ///
    /// - Parameter place: where in the unit the bytes begin; moved.
    /// - Returns: how many bytes were taken; nil: none yet.
    mutating func takeFront(
        _ bytes: [UInt8], kind: FrameKind, from place: inout UnitPlace, decoder: UnitDecoder, reception: Reception
    ) -> (count: Int, outcome: Outcome)? {
        decoded.reset(appendixOffset: bytes.count)
        let count = bytes.withUnsafeBytes { decoder.decodeFront($0, kind: kind, from: &place, into: &decoded) }
        if count == 0 { return nil }
        var reception = reception
        // Of a text only envelopes are taken while they come.
        reception.isText = decoded.kind != .protobuf
        return (count, conclude(bytes, JournalEntry(portal: portal), reception))
    }

    /// What was decoded of `bytes` becomes an entry.
    private mutating func conclude(_ bytes: [UInt8], _ entry: JournalEntry, _ reception: Reception) -> Outcome {
        var outcome = Outcome()
        var entry = entry
        let size = bytes.count
        var bytes = bytes
        bytes += decoded.appendix
        var kept: [Event] = []
        var ids = NewIDs()
        bytes.withUnsafeBytes { buffer in
            sort(buffer, reception, &entry, &kept, &ids, &outcome)
            keepMalformed(buffer, reception, &entry, &ids, &outcome)
        }
        outcome.replies = decoded.replies
        outcome.acknowledgements = decoded.acknowledgements
        outcome.damage = decoded.damage
        outcome.unknownBytes = decoded.unknownBytes
        if let former = notePosition(ids, reception, &outcome) {
            let generation = outcome.newest?.generation
            let first = entry.marks.compactMap(\.id).filter { $0.generation == generation }.min()
            var record = GapRecord(reason: GapReason.serverStoreLost.rawValue, after: former, before: first)
            record.channel = reception.channel
            kept.insert(record.event(appendingTo: &bytes), at: 0)
            unsavedCounts.gaps += 1
            outcome.lostStore = true
        }
        if !kept.isEmpty {
            entry.batch = EventBatch(
                portal: portal, receivedAt: reception.receivedAt, bytes: bytes, events: kept)
        }
        entry.position = positions.changed(reception.server)
        if entry.batch != nil || !entry.marks.isEmpty || !entry.quarantine.isEmpty || entry.position != nil {
            saveCounts(in: &entry)
            outcome.entry = entry
        }
        if size > Self.usualSize { decoded = DecodedUnit() }
        return outcome
    }

    /// The largest turn, in bytes, whose working memory is kept for the next one. A single huge history frame would
    /// otherwise cost a multiple of its size for ever.
    private static let usualSize = 512 * 1024

    /// Kept of what is no message, in bytes, of one turn.
    static let quarantineLimit = 1024 * 1024

    private mutating func saveCounts(in entry: inout JournalEntry) {
        entry.counts = unsavedCounts
        counts += unsavedCounts
        unsavedCounts = IntakeCounts()
    }
}

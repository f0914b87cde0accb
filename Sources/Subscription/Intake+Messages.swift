import Events
import Journal
import PullProtocol

/// What becomes of each message of a turn, and of what is no message.
extension Intake {
    /// The ids of one turn: what they say of the position.
    struct NewIDs {
        /// Of all messages, known ones included.
        var lowest: MessageID?
        var highest: MessageID?
        var highestNew: MessageID?
        /// Of those that were given out anew.
        var lowestAgain: MessageID?

        mutating func add(_ id: MessageID, isNew: Bool = false, isAgain: Bool = false) {
            lowest = lowest.map { min($0, id) } ?? id
            highest = highest.map { max($0, id) } ?? id
            if isNew { highestNew = highestNew.map { max($0, id) } ?? id }
            if isAgain { lowestAgain = lowestAgain.map { min($0, id) } ?? id }
        }
    }

    mutating func sort(
        _ bytes: UnsafeRawBufferPointer, _ reception: Reception, _ entry: inout JournalEntry, _ kept: inout [Event],
        _ ids: inout NewIDs, _ outcome: inout Outcome
    ) {
        let events = decoded.events
        outcome.messageCount = events.count
        unsavedCounts.received += UInt64(events.count)
        // A piece of an answer may be small, and all of them together large.
        if events.count >= HistoryDepth.limit || reception.isPiece {
            outcome.reachesKnown = knowsAny(of: events, bytes, reception)
            if decoded.kind == .protobuf { outcome.fromClients = events.count { $0.sender?.kind == .client } }
        }
        kept.reserveCapacity(events.count)
        entry.marks.reserveCapacity(events.count)
        let legacyMarks = legacyMarks
        var repeatedEvents: Set<Int> = []
        for (index, var event) in events.enumerated() {
            var hash = BodyHash.of(UnsafeRawBufferPointer(rebasing: bytes[event.body.range]))
            if event.id == nil, let mark = legacyMarks[index] { hash ^= mark }
            let finding = find(event.id, hash, reception, &outcome)
            if finding == .repeated {
                unsavedCounts.repeated += 1
                if let id = event.id { ids.add(id) }
                if !decoded.malformed.isEmpty { repeatedEvents.insert(index) }
                continue
            }
            outcome.newCount += 1
            entry.marks.append(SeenMark(id: event.id, hash: hash))
            if finding == .conflicting {
                unsavedCounts.conflicting += 1
                outcome.wentBack += 1
            }
            if let id = event.id {
                let isBehind = positions.isBehind(id, of: reception.server, isText: reception.isText)
                if isBehind, finding == .new { outcome.wentBack += 1 }
                ids.add(id, isNew: true, isAgain: isBehind || finding == .conflicting)
            }
            if let command = ServiceCommand.parse(event: event, in: bytes) {
                unsavedCounts.serviceCommands += 1
                outcome.commands.append(command)
                continue
            }
            if findsHeartbeats, let number = Heartbeat.number(of: event, in: bytes) {
                outcome.heartbeats.append(number)
            }
            unsavedCounts.journaled += 1
            event.channel = reception.channel
            kept.append(event)
        }
        decoded.malformed.removeAll { $0.event.map(repeatedEvents.contains) ?? false }
    }

    private mutating func find(
        _ id: MessageID?, _ hash: UInt64, _ reception: Reception, _ outcome: inout Outcome
    ) -> SeenSet.Finding {
        var failure: JournalError?
        defer { if let failure { outcome.lookUpFailure = failure } }
        return seen.insert(id, hash: hash, at: reception.at) { [lookUp] id in
            // Rather twice than not at all.
            do throws(JournalError) { return try lookUp(id) } catch {
                failure = error
                return []
            }
        }
    }

    /// Whether an answer reaches back to what was known before it, or before the limit of the reception.
    private func knowsAny(of events: [Event], _ bytes: UnsafeRawBufferPointer, _ reception: Reception) -> Bool {
        events.contains { event in
            guard let id = event.id else { return false }
            if let reach = reception.reach, id > reach { return false }
            // What this very answer has brought was not known before it.
            if let own = reception.newestBefore, id <= own { return false }
            let hash = BodyHash.of(UnsafeRawBufferPointer(rebasing: bytes[event.body.range]))
            return seen.contains(id, hash: hash) { [lookUp] id in (try? lookUp(id)) ?? [] }
        }
    }

    /// Servers without message ids number each channel by itself and start again: only channel, number, time and body
    /// together tell one message from another.
    private var legacyMarks: [Int: UInt64] {
        var marks: [Int: UInt64] = [:]
        for position in decoded.legacyPositions {
            let text = [position.channel, position.id, position.time, position.tag].joined(separator: "\n")
            marks[position.event] = Array(text.utf8).withUnsafeBytes { BodyHash.of($0) }
        }
        return marks
    }

    // MARK: What is no message

    /// Pieces of units that should have been messages. Their ids count as seen together with the piece, not without it.
    mutating func keepMalformed(
        _ bytes: UnsafeRawBufferPointer, _ reception: Reception, _ entry: inout JournalEntry, _ ids: inout NewIDs,
        _ outcome: inout Outcome
    ) {
        for piece in decoded.malformed {
            let part = UnsafeRawBufferPointer(rebasing: bytes[piece.range.range])
            if piece.event == nil {
                outcome.messageCount += 1
                if let id = piece.id { ids.add(id) }
                let hash = BodyHash.of(part)
                if find(piece.id, hash, reception, &outcome) == .repeated { continue }
                outcome.newCount += 1
                outcome.malformed.append(piece)
                unsavedCounts.malformedPieces += 1
                if let id = piece.id {
                    ids.add(id, isNew: true)
                    entry.marks.append(SeenMark(id: id, hash: hash))
                }
            }
            keep(part, id: piece.id, piece.event == nil ? "malformed message" : "malformed body", reception, &entry)
        }
    }

    /// A whole unit, or what is left of one: once, while it is remembered.
    mutating func quarantine(
        _ part: UnsafeRawBufferPointer, _ reason: String, _ reception: Reception, _ entry: inout JournalEntry
    ) {
        let finding = seen.insert(nil, hash: BodyHash.of(part), at: reception.at) { _ in [] }
        if finding != .repeated { keep(part, id: nil, reason, reception, &entry) }
    }

    private func keep(
        _ part: UnsafeRawBufferPointer, id: MessageID?, _ reason: String, _ reception: Reception,
        _ entry: inout JournalEntry
    ) {
        let room = Self.quarantineLimit - entry.quarantine.reduce(0) { $0 + $1.bytes.count }
        guard room > 0 || id != nil else { return }
        entry.quarantine.append(
            QuarantinedPiece(
                receivedAt: reception.receivedAt, id: id, reason: reason, bytes: Array(part.prefix(max(0, room)))))
    }

    // MARK: The position

    /// Notes where the server's stream is. If it has a new store: the newest id of the old one.
    mutating func notePosition(_ ids: NewIDs, _ reception: Reception, _ outcome: inout Outcome) -> MessageID? {
        let server = reception.server
        outcome.lowest = ids.lowest
        if let last = decoded.legacyPositions.last, let position = Position(tag: last.tag, time: last.time) {
            positions.note(legacy: position, of: server)
        }
        if !decoded.legacyPositions.isEmpty { outcome.legacyPosition = positions.legacy(of: server) }
        var highest = ids.highest
        if let again = ids.lowestAgain {
            positions.goBack(below: again, of: server, isText: reception.isText)
            highest = ids.highestNew
            outcome.isBack = true
        }
        guard let highest else { return nil }
        let finding = positions.note(highest, of: server, at: reception.at, isText: reception.isText)
        outcome.newest = min(highest, positions.newest(of: server) ?? highest)
        if case .newStore(let former) = finding { return former }
        return nil
    }
}

import Events
import PullProtocol
import Secrets

/// What has been received, in numbers.
public struct IntakeCounts: Sendable, Hashable {
    /// Messages decoded: journaled, repeated and service commands.
    public var received: UInt64 = 0
    public var journaled: UInt64 = 0
    public var repeated: UInt64 = 0
    public var serviceCommands: UInt64 = 0
    /// The id was known with another body: delivered, and a sign that the server's counter went back.
    public var conflicting: UInt64 = 0
    public var malformedPieces: UInt64 = 0
    public var unknownUnits: UInt64 = 0
}

/// Bytes of one connection to events for the journal: decodes, drops repetitions, takes out service commands, follows the
/// position. One for each portal, for all its connections together.
struct Intake {
    struct Outcome {
        /// Nil when nothing is left for the journal.
        var batch: EventBatch?
        var commands: [ServiceCommand] = []
        var replies: [String] = []
        var acknowledgements: [String] = []
        /// Messages, new or not: only a subscriber gets any.
        var messageCount = 0
        /// The highest id in it, for the poll loop that it came through.
        var newest: MessageID?
        /// Tag and time, where the server gives no ids.
        var legacyPosition: Position?
        var conflicting = 0
        var malformed: [MalformedPiece] = []
        var damage: Damage?
        var unknownBytes = 0
    }

    let portal: String
    private(set) var counts = IntakeCounts()
    private(set) var trail = PositionTrail()
    /// Of servers that give no message ids.
    private(set) var legacyPosition: Position?
    private var tracker = PositionTracker(newest: nil, mode: .binary, version: 4)
    private var seen = SeenSet()
    private var decoded = DecodedUnit()

    init(portal: String) {
        self.portal = portal
    }

    /// The trust in ids depends on how messages are framed.
    mutating func follow(mode: PayloadMode, version: Int) {
        tracker = PositionTracker(newest: tracker.newest, mode: mode, version: version)
    }

    mutating func holdPosition(at now: Duration) {
        trail.hold(at: now)
        seen.hold()
    }

    mutating func releasePosition(at now: Duration) {
        trail.release(at: now)
        seen.release(at: now)
    }

    /// Where a new connection has to resume.
    func resumePosition(at now: Duration) -> MessageID? {
        guard let safe = trail.safe(at: now) else { return seen.forgottenThrough }
        return max(safe, seen.forgottenThrough ?? safe)
    }

    /// Gives back memory that a busy time has left; to be called now and then.
    mutating func tidy(at now: Duration) {
        seen.expire(at: now)
        decoded = DecodedUnit()
    }

    /// - Parameters:
    ///   - units: where the units stand in `bytes`, in order.
    ///   - channel: known when the connection carries only one.
    ///   - receivedAt: microseconds since 1970.
    mutating func take(
        _ bytes: consuming [UInt8], units: [(range: Range<Int>, kind: FrameKind)], decoder: UnitDecoder,
        channel: ChannelKind, isTruncated: Bool = false, receivedAt: Int64, at now: Duration
    ) -> Outcome {
        var outcome = Outcome()
        var bytes = bytes
        let size = bytes.count
        decoded.reset(appendixOffset: bytes.count)
        bytes.withUnsafeBytes { buffer in
            for unit in units {
                let part = UnsafeRawBufferPointer(rebasing: buffer[unit.range])
                decoder.decode(
                    part, baseOffset: unit.range.lowerBound, kind: unit.kind, isTruncated: isTruncated, into: &decoded)
                if decoded.kind == .unknown { counts.unknownUnits += 1 }
            }
        }
        bytes += decoded.appendix
        outcome.messageCount = decoded.events.count
        bytes.withUnsafeBytes { sort(decoded.events, in: $0, channel: channel, at: now, &outcome) }
        outcome.replies = decoded.replies
        outcome.acknowledgements = decoded.acknowledgements
        outcome.malformed = decoded.malformed.filter { $0.event == nil }
        outcome.damage = decoded.damage
        outcome.unknownBytes = decoded.unknownBytes
        counts.malformedPieces += UInt64(outcome.malformed.count)
        if let last = decoded.legacyPositions.last {
            legacyPosition = Position(tag: last.tag, time: last.time) ?? legacyPosition
            outcome.legacyPosition = legacyPosition
        }
        if !kept.isEmpty {
            outcome.batch = EventBatch(portal: portal, receivedAt: receivedAt, bytes: bytes, events: kept)
            counts.journaled += UInt64(kept.count)
        }
        kept = []
        if size > Self.usualSize { decoded = DecodedUnit() }
        return outcome
    }

    /// The largest turn, in bytes, whose working memory is kept for the next one. A single huge history frame would
    /// otherwise cost a multiple of its size for ever.
    private static let usualSize = 512 * 1024

    private var kept: [Event] = []

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

    private mutating func sort(
        _ events: [Event], in bytes: UnsafeRawBufferPointer, channel: ChannelKind, at now: Duration,
        _ outcome: inout Outcome
    ) {
        counts.received += UInt64(events.count)
        kept.reserveCapacity(events.count)
        var highest: MessageID?
        let legacyMarks = legacyMarks
        for (index, var event) in events.enumerated() {
            var hash = BodyHash.of(UnsafeRawBufferPointer(rebasing: bytes[event.body.range]))
            if event.id == nil, let mark = legacyMarks[index] { hash ^= mark }
            switch seen.insert(event.id, hash: hash, at: now) {
            case .repeated:
                counts.repeated += 1
                if let id = event.id { highest = max(highest ?? id, id) }
                continue
            case .conflicting:
                counts.conflicting += 1
                outcome.conflicting += 1
            case .new: break
            }
            if let id = event.id { highest = max(highest ?? id, id) }
            if let command = ServiceCommand.parse(event: event, in: bytes) {
                counts.serviceCommands += 1
                outcome.commands.append(command)
                continue
            }
            event.channel = channel
            kept.append(event)
        }
        guard let highest else { return }
        outcome.newest = highest
        switch tracker.note(highest) {
        case .moved, .movedToNewGeneration: trail.note(highest, at: now)
        case .kept: if let newest = tracker.newest { trail.note(newest, at: now) }
        case .refused: outcome.newest = tracker.newest
        }
    }
}

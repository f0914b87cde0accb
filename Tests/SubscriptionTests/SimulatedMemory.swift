import Events
import PullProtocol
import Timing

@testable import Subscription

/// What a daemon keeps of one portal on disk: messages seen, positions, sets of channels. A crash takes what was written
/// in the last moments.
struct SimulatedMemory {
    private typealias Positions = (newest: MessageID?, safe: MessageID?)

    let lag: Duration
    let startsWithRetained: Bool
    var removesDuplicates = true

    private(set) var accepted: [Int: Int] = [:]
    private var recent: [(at: Double, serial: Int, before: Positions)] = []
    private var trail: PositionTrail
    /// The order of receipt, and where in it the channels' answers that may have been cut stand: only what was received
    /// before shows that a later answer reaches back far enough.
    private var order: [Int: Int] = [:]
    private var lastOrder = 0
    private var doubts: [String: Int] = [:]
    var hasBeenLive = false
    var stored: [PullConfiguration] = []
    var lastContact: Double?

    init(lag: Duration, startsWithRetained: Bool) {
        self.lag = lag
        self.startsWithRetained = startsWithRetained
        trail = PositionTrail(lag: lag)
    }

    /// Where a connection, or an audit, asks from.
    mutating func position() -> MessageID? {
        guard trail.safe == nil, hasBeenLive || startsWithRetained else { return trail.safe }
        trail.beginAtZero()
        return .zero
    }

    var newest: MessageID? { trail.newest }

    mutating func take(
        _ messages: [SimulatedServer.Message], of channels: [String], at now: Double, _ moment: Moment
    ) {
        if messages.count >= HistoryDepth.limit, messages.contains(where: { accepted[$0.serial] == nil }) {
            for channel in channels where doubts[channel] == nil { doubts[channel] = lastOrder }
        }
        lastContact = moment.wall
        for message in messages {
            if accepted[message.serial] != nil {
                if !removesDuplicates { accepted[message.serial, default: 0] += 1 }
                continue
            }
            accepted[message.serial] = 1
            lastOrder += 1
            order[message.serial] = lastOrder
            recent.append((now, message.serial, (newest, trail.safe)))
            if let safe = trail.safe, message.id <= safe {
                if trail.isConfirmed { trail.goBack(below: message.id) } else { trail.begin(below: message.id) }
            }
            if newest.map({ message.id > $0 }) ?? true { trail.note(message.id, at: moment.monotonic) }
        }
        if recent.count > 1000 { recent.removeAll { $0.at < now - 2 } }
    }

    mutating func hold() { trail.hold() }
    mutating func release(_ moment: Moment) { trail.release(at: moment.monotonic) }

    mutating func confirm(asOf began: Duration, _ moment: Moment) {
        trail.confirm(asOf: began, at: moment.monotonic)
    }

    mutating func crash(at now: Double, losing seconds: Double) {
        let lost = recent.filter { $0.at > now - seconds }
        for entry in lost {
            accepted[entry.serial] = nil
            order[entry.serial] = nil
        }
        let positions: Positions = lost.first?.before ?? (newest, trail.safe)
        recent = []
        trail = PositionTrail(lag: lag, newest: positions.newest, safe: positions.safe, at: .seconds(0))
    }

    /// Of an answer, already taken, of these channels.
    mutating func outcome(
        of messages: [SimulatedServer.Message], channels: [String], judgesDepth: Bool
    ) -> AuditOutcome {
        if channels.count > 1 {
            if HistoryDepth.ofCombined(count: messages.count) == .askEachChannel { return .cut }
            for channel in channels { doubts[channel] = nil }
            return .complete
        }
        let doubt = channels.first.flatMap { doubts.removeValue(forKey: $0) } ?? lastOrder
        let reachesKnown = messages.contains { message in order[message.serial].map { $0 <= doubt } ?? false }
        let depth = HistoryDepth.ofSingle(count: messages.count, reachesKnown: reachesKnown)
        return depth == .gap && judgesDepth ? .gap(lowest: messages.first?.id) : .complete
    }
}

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
    private(set) var lastOrder = 0
    private var doubts: [String: [Int]] = [:]
    /// Channels with an answer that looks cut, and the order when it was asked for: not written down as a gap yet.
    private var looksCut: [String: Int] = [:]
    /// How many have been received.
    var hasBeenLive = false
    private(set) var stored: [PullConfiguration] = []
    /// What was stored before the latest changes, and when they were.
    private var storedBefore: [(at: Double, sets: [PullConfiguration])] = []
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
        // The answer of a single channel is judged by itself.
        if channels.count > 1, messages.count >= HistoryDepth.limit,
            messages.contains(where: { accepted[$0.serial] == nil })
        {
            for channel in channels { doubts[channel, default: []].append(lastOrder) }
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

    mutating func remember(_ sets: [PullConfiguration], at now: Double) {
        storedBefore.removeAll { $0.at < now - 2 }
        storedBefore.append((now, stored))
        // As they come back from the disk.
        stored = sets.compactMap { StoredConfiguration.decode(StoredConfiguration.encode($0)) }
    }

    /// What was written last is gone, in order: no former channels are forgotten whose last messages are not there.
    mutating func crash(at now: Double, losing seconds: Double) {
        let lost = recent.filter { $0.at > now - seconds }
        for entry in lost {
            accepted[entry.serial] = nil
            order[entry.serial] = nil
        }
        let positions: Positions = lost.first?.before ?? (newest, trail.safe)
        recent = []
        if let change = storedBefore.first(where: { $0.at > now - seconds }) { stored = change.sets }
        storedBefore = []
        trail = PositionTrail(lag: lag, newest: positions.newest, safe: positions.safe, at: .zero)
    }

    /// At the start after a crash. When a position was reached is not stored: it counts from then on.
    mutating func restore(_ moment: Moment) {
        trail = PositionTrail(lag: lag, newest: newest, safe: trail.safe, at: moment.monotonic)
    }

    /// Of an answer, already taken, of these channels. What may have been cut after `began` stays in doubt.
    mutating func outcome(
        of messages: [SimulatedServer.Message], channels: [String], began: Int, judgesDepth: Bool
    ) -> AuditOutcome {
        if channels.count > 1 {
            if HistoryDepth.ofCombined(count: messages.count) == .askEachChannel { return .cut }
            for channel in channels { doubts[channel]?.removeAll { $0 < began } }
            return .complete
        }
        let limit = channels.first.flatMap { doubts[$0]?.first } ?? began
        let reachesKnown = messages.contains { message in order[message.serial].map { $0 <= limit } ?? false }
        let depth = HistoryDepth.ofSingle(count: messages.count, fromClients: nil, reachesKnown: reachesKnown)
        if depth == .gap, judgesDepth {
            // The same doubt may be asked about again.
            for channel in channels {
                if doubts[channel, default: []].isEmpty { doubts[channel] = [limit] }
                looksCut[channel] = began
            }
            return .gap(lowest: messages.first?.id)
        }
        for channel in channels {
            doubts[channel]?.removeAll { $0 < began }
            looksCut[channel] = nil
        }
        return .complete
    }

    /// What looked cut is written down: the doubt is over.
    mutating func recordedGap(of channel: String) {
        guard let began = looksCut.removeValue(forKey: channel) else { return }
        doubts[channel]?.removeAll { $0 <= began }
    }
}

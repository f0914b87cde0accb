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
    /// What was received before an outage, or before an answer that may have been cut, is told apart from what came since
    /// by this position.
    private(set) var knownThrough: MessageID?
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
        if trail.safe == nil, hasBeenLive || startsWithRetained { trail.beginAtZero() }
        return trail.safe
    }

    var newest: MessageID? { trail.newest }

    mutating func take(_ messages: [SimulatedServer.Message], at now: Double, _ moment: Moment) {
        if messages.count >= HistoryDepth.limit { knownThrough = knownThrough ?? newest }
        lastContact = moment.wall
        for message in messages {
            if accepted[message.serial] != nil {
                if !removesDuplicates { accepted[message.serial, default: 0] += 1 }
                continue
            }
            accepted[message.serial] = 1
            recent.append((now, message.serial, (newest, trail.safe)))
            if trail.isConfirmed, let safe = trail.safe, message.id <= safe {
                trail.goBack(below: message.id)
                knownThrough = nil
            }
            if newest.map({ message.id > $0 }) ?? true { trail.note(message.id, at: moment.monotonic) }
        }
        if recent.count > 1000 { recent.removeAll { $0.at < now - 2 } }
    }

    mutating func hold() { trail.hold() }
    mutating func release(_ moment: Moment) { trail.release(at: moment.monotonic) }

    mutating func confirm(asOf began: Duration, _ moment: Moment) {
        knownThrough = nil
        trail.confirm(asOf: began, at: moment.monotonic)
    }

    /// Nothing is received from now on.
    mutating func loseConnection() { knownThrough = knownThrough ?? newest }

    mutating func crash(at now: Double, losing seconds: Double) {
        let lost = recent.filter { $0.at > now - seconds }
        for entry in lost { accepted[entry.serial] = nil }
        let positions: Positions = lost.first?.before ?? (newest, trail.safe)
        recent = []
        trail = PositionTrail(lag: lag, newest: positions.newest, safe: positions.safe, at: .seconds(0))
        knownThrough = newest
    }

    func depth(_ answer: [SimulatedServer.Message], newestBefore: MessageID?) -> HistoryDepth {
        let known = knownThrough ?? newestBefore
        let reaches = known.map { known in answer.contains { $0.id <= known } } ?? false
        return HistoryDepth.ofSingle(count: answer.count, reachesKnown: reaches)
    }
}

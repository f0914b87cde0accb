import Events
import PullProtocol
import Timing

@testable import Subscription

/// What a daemon keeps of one portal on disk: messages seen, positions, sets of channels. A crash takes what was written
/// in the last moments.
struct SimulatedMemory {
    var lag: Duration
    var removesDuplicates = true

    private(set) var accepted: [Int: Int] = [:]
    private var recent: [(at: Double, serial: Int, before: (newest: MessageID?, safe: MessageID?))] = []
    private(set) var newest: MessageID?
    private(set) var safe: MessageID?
    private var marks: [(at: Duration, id: MessageID)] = []
    private var isHeld = false
    /// Everything on both sides of an outage is told apart by the newest position before it.
    private(set) var knownThrough: MessageID?
    var hasBeenLive = false
    var stored: [PullConfiguration] = []
    var lastContact: Double?

    /// `startsWithRetained`: everything that the server holds is wanted, not only what comes from now on.
    init(lag: Duration, startsWithRetained: Bool) {
        self.lag = lag
        safe = startsWithRetained ? .zero : nil
    }

    /// Where a connection, or an audit, asks from.
    var position: MessageID? {
        safe ?? (hasBeenLive ? .zero : nil)
    }

    /// Returns whether the server's counter went back.
    mutating func take(_ messages: [SimulatedServer.Message], at now: Double, _ moment: Moment) -> Bool {
        if messages.count >= HistoryDepth.limit { knownThrough = knownThrough ?? newest }
        var wentBack = false
        lastContact = moment.wall
        for message in messages {
            if let count = accepted[message.serial], removesDuplicates || !message.isEvent {
                if removesDuplicates { continue }
                accepted[message.serial] = count + 1
            } else {
                accepted[message.serial, default: 0] += 1
                recent.append((now, message.serial, (newest, safe)))
            }
            if let floor = safe, message.id <= floor {
                safe = MessageID(generation: message.id.generation, counter: message.id.counter - 1)
                newest = message.id
                knownThrough = nil
                marks = [(moment.monotonic, message.id)]
                wentBack = true
            } else if message.id > newest ?? .zero {
                newest = message.id
                // The first message there is sets the position.
                safe = safe ?? message.id
                marks.append((moment.monotonic, message.id))
            }
        }
        if recent.count > 64 { recent.removeAll { $0.at < now - 2 } }
        return wentBack
    }

    mutating func hold() { isHeld = true }
    mutating func release() { isHeld = false }

    mutating func confirm(asOf began: Duration) {
        knownThrough = nil
        guard !isHeld, let mark = marks.last(where: { $0.at <= began - lag }) else { return }
        safe = max(safe ?? mark.id, mark.id)
        marks.removeAll { $0.at < mark.at }
    }

    /// Nothing is received from now on.
    mutating func loseConnection() { knownThrough = knownThrough ?? newest }

    mutating func crash(at now: Double, losing seconds: Double) {
        let lost = recent.filter { $0.at > now - seconds }
        for entry in lost { accepted[entry.serial] = nil }
        if let first = lost.first { (newest, safe) = first.before }
        recent = []
        marks = []
        isHeld = false
        knownThrough = newest
    }

    func depth(_ answer: [SimulatedServer.Message], newestBefore: MessageID?) -> HistoryDepth {
        let known = knownThrough ?? newestBefore
        let reaches = known.map { known in answer.contains { $0.id <= known } } ?? false
        return HistoryDepth.ofSingle(count: answer.count, reachesKnown: reaches)
    }
}

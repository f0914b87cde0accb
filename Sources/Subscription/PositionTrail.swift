import Events

/// The newest position and those of the last minutes, so that a new connection can ask from a while ago: servers number
/// messages before they store and send them, and a higher number can arrive before a lower one.
struct PositionTrail {
    /// How far back a connection asks.
    static let lag = Duration.seconds(300)
    private static let step = Duration.seconds(10)

    private(set) var newest: MessageID?
    /// The newest position at certain times, oldest first, at least `step` apart. The first one is at least `lag` old,
    /// or the first there ever was.
    private var marks: [(at: Duration, id: MessageID)] = []
    private var heldSince: Duration?

    /// `id` is the newest now. It is lower than before only when the server's counter went back.
    mutating func note(_ id: MessageID, at now: Duration) {
        newest = id
        let isDue = marks.last.map { now - $0.at >= Self.step } ?? true
        if isDue { marks.append((now, id)) }
        let horizon = (heldSince ?? now) - Self.lag
        while marks.count > 1, marks[1].at <= horizon { marks.removeFirst() }
    }

    /// Until `release`, `safe` stays what it is now: what has been received since may not be all there is.
    mutating func hold(at now: Duration) {
        heldSince = heldSince ?? now
    }

    mutating func release() {
        heldSince = nil
    }

    /// The highest position that was the newest one `lag` ago; the first position there was, if that is younger.
    func safe(at now: Duration) -> MessageID? {
        let horizon = (heldSince ?? now) - Self.lag
        return marks.last { $0.at <= horizon }?.id ?? marks.first?.id
    }
}

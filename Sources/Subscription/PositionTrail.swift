import Events

/// The newest position and those of the last minutes, so that a new connection can ask from a while ago: servers number
/// messages before they store and send them, and a higher number can arrive before a lower one.
struct PositionTrail {
    /// How far back a connection asks.
    static let lag = Duration.seconds(300)
    private static let step = Duration.seconds(10)

    private(set) var newest: MessageID?
    /// The newest position at certain times, oldest first, at least `step` apart but for releases. The first one is at
    /// least `lag` old, or the first there ever was.
    private var marks: [(at: Duration, id: MessageID)] = []
    private(set) var isHeld = false
    private var heldPosition: MessageID?

    /// `id` is the newest now. It is lower than before only when the server's counter went back.
    mutating func note(_ id: MessageID, at now: Duration) {
        newest = id
        if isHeld { return }
        let isDue = marks.last.map { now - $0.at >= Self.step } ?? true
        if isDue { mark(id, at: now) }
    }

    /// Until `release`, `safe` stays what it is now: what is received from now on may not be all there is.
    mutating func hold(at now: Duration) {
        if isHeld { return }
        heldPosition = safe(at: now)
        isHeld = true
    }

    /// A connection that asked from the held position is there: what was reached in the meantime counts from now on.
    mutating func release(at now: Duration) {
        guard isHeld else { return }
        isHeld = false
        heldPosition = nil
        if let newest { mark(newest, at: now) }
    }

    /// The highest position that was the newest one `lag` ago; the first position there was, if that is younger. Nil
    /// also while a hold lasts that began before there was any position.
    func safe(at now: Duration) -> MessageID? {
        if isHeld { return heldPosition }
        return marks.last { $0.at <= now - Self.lag }?.id ?? marks.first?.id
    }

    private mutating func mark(_ id: MessageID, at now: Duration) {
        marks.append((now, id))
        while marks.count > 1, marks[1].at <= now - Self.lag { marks.removeFirst() }
    }
}

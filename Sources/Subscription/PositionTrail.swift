import Events

/// The newest position of one push server and those of the last minutes, so that a new connection can ask from a while
/// ago: servers number messages before they store and send them, and a higher number can arrive before a lower one.
///
/// ```
///   safe ……………… newest(asOf − lag) …… lag …… asOf: an audit began …… now: it found everything
///     └── moves up ──────►
/// ```
struct PositionTrail {
    private static let step = Duration.seconds(10)
    /// An audit takes less than this.
    private static let longestAudit = Duration.seconds(300)

    /// How far before an audit positions count as complete.
    let lag: Duration
    private(set) var newest: MessageID?
    /// Nothing at or below it is missing. Until an audit says so, the position that all began with. Nil also while a hold
    /// lasts that began before there was any position.
    private(set) var safe: MessageID?
    /// `safe` is not only where it began: what comes below it comes against all rules.
    private(set) var isConfirmed = false
    private(set) var isHeld = false
    /// The newest position at certain times, oldest first.
    private var marks: [(at: Duration, id: MessageID)] = []
    /// Since when the newest is the newest, where that is no mark yet.
    private var latest: (at: Duration, id: MessageID)?
    /// The first position there was while a hold kept it from being `safe`.
    private var first: MessageID?

    init(lag: Duration) {
        self.lag = lag
    }

    /// As an earlier run left it. A `safe` that is not known, or not possible, means the very beginning.
    init(lag: Duration, newest: MessageID?, safe: MessageID?, at now: Duration) {
        self.lag = lag
        self.newest = newest
        guard let newest else { return }
        self.safe = min(safe ?? .zero, newest)
        isConfirmed = self.safe != .zero
        marks = [(now, newest)]
    }

    /// Everything that the server holds is asked for: nothing else counts as complete until an audit says so.
    mutating func beginAtZero() {
        if safe == nil, newest == nil { safe = .zero }
    }

    /// All has begun lower than it seemed, by a message that others have overtaken.
    mutating func begin(below id: MessageID) {
        if !isConfirmed { safe = safe.map { min($0, id.predecessor) } }
    }

    /// `id` is the newest now. It is lower than before only after `goBack`.
    mutating func note(_ id: MessageID, at now: Duration) {
        if id == newest { return }
        newest = id
        if isHeld {
            first = first ?? id
            return
        }
        if safe == nil { safe = id }
        if marks.last.map({ now - $0.at < Self.step }) ?? false {
            latest = (now, id)
        } else {
            mark(id, at: now)
        }
    }

    /// Until `release`, `safe` stays what it is: what is received from now on may not be all there is.
    mutating func hold() {
        isHeld = true
    }

    /// A connection that asked from the held position is there: what was reached in the meantime counts from now on.
    mutating func release(at now: Duration) {
        guard isHeld else { return }
        isHeld = false
        if safe == nil { safe = first }
        first = nil
        if let newest { mark(newest, at: now) }
    }

    /// An audit that began at `asOf` has found everything.
    mutating func confirm(asOf: Duration, at now: Duration) {
        guard !isHeld else { return }
        let limit = asOf - lag
        let reached = latest.flatMap { $0.at <= limit ? $0.id : nil } ?? marks.last { $0.at <= limit }?.id
        guard let reached, let safe, reached >= safe else { return }
        self.safe = reached
        isConfirmed = true
    }

    /// A message that is new has an id at or below what was thought complete: it and what follows is to be asked for again.
    mutating func goBack(below id: MessageID) {
        let below = id.predecessor
        newest = below
        safe = safe.map { min($0, below) }
        isConfirmed = false
        marks = []
        latest = nil
    }

    private mutating func mark(_ id: MessageID, at now: Duration) {
        if let latest { marks.append(latest) }
        latest = nil
        marks.append((now, id))
        let oldest = now - lag - Self.longestAudit
        if let last = marks.lastIndex(where: { $0.at <= oldest }), last > 0 { marks.removeFirst(last) }
    }
}

import Events

/// What a replay would send, counted before anything goes.
public struct ReplayPlan: Hashable, Sendable {
    /// Different names that are counted one by one; the others go together.
    private static let maximumNames = 1000

    public private(set) var count = 0
    public private(set) var gaps = 0
    public private(set) var first: UInt64?
    public private(set) var last: UInt64?
    private var earliest = Int64.max
    private var latest = Int64.min
    private var names: [String: Int] = [:]
    private var others = 0

    /// Where to look for them; nil: nowhere.
    let numbers: ClosedRange<UInt64>?

    init(numbers: ClosedRange<UInt64>? = nil) {
        self.numbers = numbers
    }

    mutating func add(_ indices: [Int], of batch: EventBatch) {
        guard let low = indices.first, let high = indices.last else { return }
        count += indices.count
        first = first ?? batch.firstSequence &+ UInt64(low)
        last = batch.firstSequence &+ UInt64(high)
        earliest = min(earliest, batch.receivedAt)
        latest = max(latest, batch.receivedAt)
        for index in indices {
            if batch.events[index].shape == .gap { gaps += 1 }
            let name = PrintableText.of(batch.portal) + "  " + batch.eventName(index)
            if names[name] != nil || names.count < Self.maximumNames {
                names[name, default: 0] += 1
            } else {
                others += 1
            }
        }
    }

    /// For people, the most frequent names first:
    ///
    /// ```
    /// 130 events, #41 to #212, received 2026-11-22 14:03:12 to 2026-11-22 15:10:00
    ///      120  acme  crm/deal.updated
    ///       10  acme  gap
    /// ```
    public func text(time: LocalTime = .system) -> String {
        guard let first, let last else { return "no events\n" }
        var text = "\(count.of("event")), #\(first) to #\(last), received \(time.dateAndTime(earliest))"
        text += " to \(time.dateAndTime(latest))\n"
        let shown = 20
        let sorted = names.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        for (name, count) in sorted.prefix(shown) { text += "\(count)".aligned(9) + "  \(name)\n" }
        let rest = sorted.dropFirst(shown).reduce(others) { $0 + $1.value }
        if rest > 0 { text += "\(rest)".aligned(9) + "  others\n" }
        return text
    }
}

extension HistorySource {
    /// Reads everything that is meant, once.
    public func plan(of selection: EventSelection) throws(HistoryFailure) -> ReplayPlan {
        guard let numbers = try numbers(of: selection) else { return ReplayPlan() }
        var plan = ReplayPlan(numbers: numbers)
        try visit(numbers, of: selection) { batch, indices in plan.add(indices, of: batch) }
        return plan
    }
}

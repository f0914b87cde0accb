public import Events
public import Journal

/// Where past and present events come from: a view of the journal.
public protocol HistorySource: Sendable {
    /// 0 when nothing was ever received.
    var lastSequence: UInt64 { get throws(JournalError) }
    /// The first one that is still kept; one more than the last one when none is.
    var firstSequence: UInt64 { get throws(JournalError) }
    /// How often another journal took the place of the one before: each time the numbers begin anew.
    var replacements: Int { get }
    /// What is on disk from that number on, oldest first, each batch whole from there; empty at the end.
    ///
    /// - Parameter limit: bytes after which no further batch is added; at least one is returned.
    func batches(from sequence: UInt64, limit bytes: Int) throws(JournalError) -> [EventBatch]
    /// The first number received then or later; nil when there is none.
    func sequence(receivedSince microseconds: Int64) throws(JournalError) -> UInt64?
    /// Returns when there is something behind that number, when the journal is another one, or when the task is
    /// cancelled.
    func waitForMore(after sequence: UInt64, poll: Duration) async throws(JournalError)
}

extension JournalView: HistorySource {}

extension HistorySource {
    /// Calls `visit` for the events of these numbers that are meant, a batch at a time.
    func visit(
        _ numbers: ClosedRange<UInt64>, of selection: EventSelection,
        _ visit: (EventBatch, [Int]) throws(HistoryFailure) -> Void
    ) throws(HistoryFailure) {
        var events = SelectedEvents(numbers, of: selection, in: self)
        while let (batch, indices) = try events.next() { try visit(batch, indices) }
    }

    /// The numbers that `since`, `until` and `sequences` leave of the journal as it is; nil: none.
    func numbers(of selection: EventSelection) throws(HistoryFailure) -> ClosedRange<UInt64>? {
        do throws(JournalError) {
            var low = try firstSequence
            var high = try lastSequence
            switch selection.since {
            case .sequence(let number): low = max(low, number)
            case .moment(let moment):
                guard let first = try sequence(receivedSince: moment) else { return nil }
                low = max(low, first)
            case nil: break
            }
            switch selection.until {
            case .sequence(let number): high = min(high, number)
            case .moment(let moment):
                if let first = try sequence(receivedSince: moment) { high = min(high, first &- 1) }
            case nil: break
            }
            if let least = selection.sequences.map(\.numbers.lowerBound).min() { low = max(low, least) }
            if let most = selection.sequences.map(\.numbers.upperBound).max() { high = min(high, most) }
            return low <= high ? low...high : nil
        } catch {
            throw .journal(error)
        }
    }

    /// The number from which on exactly the last `count` events of the range that are meant stand; behind the range when
    /// none are wanted.
    ///
    /// Looks from the end, in ever larger steps, so that a few are found at once in a large journal.
    func start(ofLast count: Int, in numbers: ClosedRange<UInt64>, of selection: EventSelection)
        throws(HistoryFailure) -> UInt64
    {
        guard count > 0 else { return numbers.upperBound &+ 1 }
        var found: [UInt64] = []
        var high = numbers.upperBound
        var step: UInt64 = 256
        while true {
            let low = high - numbers.lowerBound < step ? numbers.lowerBound : high - step + 1
            var here: [UInt64] = []
            try visit(low...high, of: selection) { batch, indices in
                here += indices.map { batch.firstSequence &+ UInt64($0) }
                // Only the last ones count.
                if here.count > 2 * count { here.removeFirst(here.count - count) }
            }
            found = here + found
            if found.count >= count { return found[found.count - count] }
            if low == numbers.lowerBound { return numbers.lowerBound }
            high = low - 1
            step = min(step * 4, 1 << 20)
        }
    }
}

/// A walk through the journal that reads on as it goes.
struct SelectedEvents {
    /// Bytes read at a time.
    private static let readLimit = 1 << 20

    private let source: any HistorySource
    private let selection: EventSelection
    private let numbers: ClosedRange<UInt64>
    /// The first number that was not read; nil at the end.
    private var unread: UInt64?
    /// What was read, the last one first.
    private var read: [EventBatch] = []

    init(_ numbers: ClosedRange<UInt64>, of selection: EventSelection, in source: any HistorySource) {
        self.source = source
        self.selection = selection
        self.numbers = numbers
        unread = numbers.lowerBound
    }

    /// A batch and the places in it of the events that are meant, at least one.
    mutating func next() throws(HistoryFailure) -> (batch: EventBatch, indices: [Int])? {
        while true {
            while let batch = read.popLast() {
                let indices = selection.indices(in: batch).filter {
                    numbers.contains(batch.firstSequence &+ UInt64($0))
                }
                if !indices.isEmpty { return (batch, indices) }
            }
            guard let from = unread, numbers.contains(from) else { return nil }
            do { read = try source.batches(from: from, limit: Self.readLimit) } catch { throw .journal(error) }
            let end = read.map { $0.firstSequence &+ UInt64($0.events.count) }.max() ?? 0
            // Nothing behind `from`, or nothing that leads further.
            unread = end > from ? end : nil
            read.reverse()
        }
    }
}

/// Why something could not be done with the journal's events.
public enum HistoryFailure: Error, Sendable {
    case journal(JournalError)
    case output(OutputFailure)
}

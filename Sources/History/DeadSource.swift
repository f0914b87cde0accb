public import Journal

/// Where dead letters are kept: a view of the journal.
public protocol DeadSource: Sendable {
    /// In the order of sinks and numbers; empty at the end.
    ///
    /// - Parameter last: the letters behind that one; nil: from the first one on.
    func deadLetters(sink: String?, after last: DeadLetter?, limit: Int) throws(JournalError) -> [DeadLetter]
    /// - Returns: how many of them are kept, and will be sent again.
    func requestRetry(sink: String, sequences: [UInt64]) throws(JournalError) -> Int
    /// - Returns: how many were kept, and are gone now.
    func drop(sink: String, sequences: [UInt64]) throws(JournalError) -> Int
}

extension JournalView: DeadSource {}

/// What is to become of dead letters.
public enum DeadDecision: Sendable {
    case retry
    case drop
}

/// Dead letters by sink and number.
public struct DeadNumbers: Hashable, Sendable {
    public private(set) var bySink: [String: [UInt64]] = [:]
    public private(set) var count = 0

    public init() {}

    public mutating func add(_ letter: DeadLetter) {
        bySink[letter.sink, default: []].append(letter.batch.firstSequence)
        count += 1
    }

    /// Those of the numbers somebody wrote one by one that no letter has.
    public func missing(of ranges: [SequenceRange]) -> [UInt64] {
        let all = Set(bySink.values.joined())
        return ranges.map(\.numbers).filter { $0.count == 1 && !all.contains($0.lowerBound) }.map(\.lowerBound)
    }
}

extension DeadSource {
    /// Letters read at a time.
    private static var step: Int { 500 }

    /// Calls `visit` for each letter that is meant.
    public func visit(_ selection: DeadSelection, _ visit: (DeadLetter) throws -> Void) throws {
        let sink = selection.sinks.count == 1 ? selection.sinks.first : nil
        var last: DeadLetter?
        while true {
            let letters = try deadLetters(sink: sink, after: last, limit: Self.step)
            for letter in letters where selection.holds(letter) { try visit(letter) }
            if letters.isEmpty { return }
            last = letters.last
        }
    }

    /// - Returns: how many there still were.
    public func decide(_ decision: DeadDecision, on numbers: DeadNumbers) throws(JournalError) -> Int {
        var done = 0
        for (sink, sequences) in numbers.bySink.sorted(by: { $0.key < $1.key }) {
            switch decision {
            case .retry: done += try requestRetry(sink: sink, sequences: sequences)
            case .drop: done += try drop(sink: sink, sequences: sequences)
            }
        }
        return done
    }
}

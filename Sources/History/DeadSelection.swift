public import Journal

/// Which dead letters are meant.
public struct DeadSelection: Sendable {
    public var events: EventSelection
    /// Names of sinks; empty: all.
    public var sinks: Set<String>
    /// A moment is that of their death here.
    private let since: TimeArgument?
    private let until: TimeArgument?

    /// - Parameter events: its `since` and `until` are about when a letter died, and it is for `gaps: .unlessNamed`.
    public init(_ events: EventSelection, sinks: Set<String> = []) {
        var events = events
        (since, until) = (events.since, events.until)
        isEverything = events.isEverything && sinks.isEmpty
        (events.since, events.until) = (nil, nil)
        self.events = events
        self.sinks = sinks
    }

    public let isEverything: Bool

    public func holds(_ letter: DeadLetter) -> Bool {
        guard sinks.isEmpty || sinks.contains(letter.sink) else { return false }
        switch since {
        case .moment(let moment) where letter.diedAt < moment: return false
        case .sequence(let number) where letter.batch.firstSequence < number: return false
        default: break
        }
        switch until {
        case .moment(let moment) where letter.diedAt >= moment: return false
        case .sequence(let number) where letter.batch.firstSequence > number: return false
        default: break
        }
        return !events.indices(in: letter.batch).isEmpty
    }
}

public import Events

/// The newest position by the order of ids, which is not the order of arrival.
///
/// The first ten digits of an id, its generation, name the second in which the server's store was made. A wiped store
/// has a new one, so a position moves up to it. But where a server of version 4 sends text, whatever it was asked for, a
/// published body can end its envelope early and be followed by an envelope of the sender's making, with an id above all
/// others; a position moved there would hide every message from then on. So there a generation never seen before does not
/// move the position by itself. Staying is safe: an old position is below all new ids, and only brings known messages again.
public struct PositionTracker: Sendable, Equatable {
    public enum Outcome: Sendable, Hashable {
        /// The position is now this id.
        case moved
        /// As `moved`, and the server has a new store: ids of the old one are history.
        case movedToNewGeneration
        /// Not above the position.
        case kept
        /// Above it, but perhaps forged: of a generation that only a message's own text has claimed so far.
        case refused
    }

    /// The highest id noted.
    public private(set) var newest: MessageID?
    /// As the configuration in use says.
    public var version: Int
    private var generations: Set<UInt64>

    /// - Parameters:
    ///   - newest: The stored position. Its generation counts as seen; `MessageID.zero` stands for none.
    ///   - version: As the configuration in use says.
    ///   - generations: Further generations seen in earlier runs.
    public init(newest: MessageID?, version: Int, generations: Set<UInt64> = []) {
        self.newest = newest
        self.version = version
        self.generations = generations
        if let newest, newest != .zero { self.generations.insert(newest.generation) }
    }

    /// Whether somebody who sends messages can have made an id up.
    /// - Parameter isText: it came in a text.
    public func isForgeable(isText: Bool) -> Bool { isText && version == 4 }

    /// Takes the id of a message that is stored.
    /// - Parameter isText: it came in a text.
    public mutating func note(_ id: MessageID, isText: Bool) -> Outcome {
        let isNew = !generations.contains(id.generation)
        if isNew, isForgeable(isText: isText), !generations.isEmpty {
            guard let newest, id <= newest else { return .refused }
            return .kept
        }
        let isFirst = generations.isEmpty
        // Stores are made seldom. Whoever shows more generations than this is not to be remembered.
        if isNew, generations.count < 64 { generations.insert(id.generation) }
        if let newest, id <= newest { return .kept }
        newest = id
        return isNew && !isFirst ? .movedToNewGeneration : .moved
    }
}

public import Events

/// The newest position by the order of ids, which is not the order of arrival.
///
/// The first ten digits of an id, its generation, name the second in which the server's store was made. A wiped store
/// has a new one, so a position moves up to it. But in text mode of version 4 a published body can end its envelope
/// early and be followed by an envelope of the sender's making, with an id above all others; a position moved there
/// would hide every message from then on. So in that mode a generation never seen before does not move the position by
/// itself. Staying is safe: an old position is below all new ids, and only brings known messages again.
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
    /// New generations need `confirm`.
    public let refusesNewGenerations: Bool
    private var generations: Set<UInt64>

    /// - Parameters:
    ///   - newest: The stored position. Its generation counts as seen; `MessageID.zero` stands for none.
    ///   - mode: How the messages are framed.
    ///   - version: As the configuration in use says.
    ///   - generations: Further generations seen in earlier runs.
    public init(newest: MessageID?, mode: PayloadMode, version: Int, generations: Set<UInt64> = []) {
        self.newest = newest
        self.refusesNewGenerations = mode == .text && version == 4
        self.generations = generations
        if let newest, newest != .zero { self.generations.insert(newest.generation) }
    }

    /// Takes the id of a message that is stored.
    public mutating func note(_ id: MessageID) -> Outcome {
        let isNew = !generations.contains(id.generation)
        if isNew, refusesNewGenerations, !generations.isEmpty {
            guard let newest, id <= newest else { return .refused }
            return .kept
        }
        return move(to: id, isNew: isNew)
    }

    /// Takes an id that no sender of messages can have made: from a header of the server or a binary frame.
    public mutating func confirm(_ id: MessageID) -> Outcome {
        move(to: id, isNew: !generations.contains(id.generation))
    }

    private mutating func move(to id: MessageID, isNew: Bool) -> Outcome {
        let isFirst = generations.isEmpty
        // Stores are made seldom. Whoever shows more generations than this is not to be remembered.
        if isNew, generations.count < 64 { generations.insert(id.generation) }
        if let newest, id <= newest { return .kept }
        newest = id
        return isNew && !isFirst ? .movedToNewGeneration : .moved
    }
}

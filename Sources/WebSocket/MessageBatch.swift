/// Messages that arrived in one turn of the event loop: their payloads back to back in one buffer, so that a turn costs
/// no allocation for each message.
public struct MessageBatch: Sendable {
    /// How much of a message stands here. Other than `whole` only where `WebSocketSession.Limits.frontSize` allows it.
    public enum Extent: Sendable {
        case whole
        /// It goes on with the next message of this batch or a later one.
        case front
        /// What is left of the message whose fronts came before; may be empty.
        case rest
    }

    /// One message (RFC 6455 5.6), whatever number of frames it came in, or a part of it.
    public struct Message: Sendable, Equatable {
        /// A text message otherwise; a whole one is valid UTF-8 then, and parts of one are together.
        public var isBinary: Bool
        public var extent: Extent
        /// Offset of the first byte in the batch's `bytes`.
        public var start: Int
        /// Offset behind the last byte; equal to `start` for an empty message.
        public var end: Int

        @inlinable
        public init(isBinary: Bool, start: Int, end: Int, extent: Extent = .whole) {
            self.isBinary = isBinary
            self.extent = extent
            self.start = start
            self.end = end
        }
    }

    /// Buffers above this many bytes are given back by `removeAll`: one large message must not cost memory for months.
    public static let largestKeptCapacity = 1 << 20

    public var bytes: [UInt8] = []
    public var messages: [Message] = []

    public init() {}

    @inlinable public var isEmpty: Bool { messages.isEmpty }

    /// Makes the batch ready for the next turn. Capacity is kept up to `largestKeptCapacity`, or not at all.
    public mutating func removeAll(keepingCapacity: Bool = true) {
        bytes.removeAll(keepingCapacity: keepingCapacity && bytes.capacity <= Self.largestKeptCapacity)
        let messageCapacity = Self.largestKeptCapacity / MemoryLayout<Message>.stride
        messages.removeAll(keepingCapacity: keepingCapacity && messages.capacity <= messageCapacity)
    }
}

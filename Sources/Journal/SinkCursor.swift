/// How far a sink is, as it is kept over a restart.
///
/// `sequence - base = delivered + filtered + dead` always: each number up to the cursor has had one fate.
public struct SinkCursor: Hashable, Sendable {
    /// The last sequence number before the sink's first event.
    public var base: UInt64
    /// The last event or gap record that the sink is done with.
    public var sequence: UInt64
    public var delivered: UInt64 = 0
    /// Held back by the sink's filter.
    public var filtered: UInt64 = 0
    /// Given up.
    public var dead: UInt64 = 0
    /// The sink's own note of where it stands, such as a file's inode and size; empty for none.
    public var place = ""

    public init(base: UInt64) {
        self.base = base
        sequence = base
    }

    public var isConserved: Bool { sequence >= base && sequence - base == delivered &+ filtered &+ dead }
}

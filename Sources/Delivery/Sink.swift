public import Events
public import Journal

/// Where events go in the end. A sink is used by one task at a time; only `reopen` may be called beside.
///
/// ```
///  begin(at: cursor) ─► deliver ─► deliver ─► settle ─► deliver ─► … ─► settle
///                                             └ then the cursor is kept
/// ```
public protocol Sink: Sendable {
    /// The thread that deliveries should run on, for a sink whose system calls may block; nil: any.
    var executor: (any TaskExecutor)? { get }

    /// Once, before the first delivery: how far the sink was when its progress was last kept. What it wrote after that
    /// the sink finds out itself; the events behind the cursor come again.
    ///
    /// - Throws: a fault that does not pass.
    func begin(at cursor: SinkCursor) async throws(SinkError)

    /// Delivers the events that pass the filter, in their order, and tells `progress` how far it is. Faults that may
    /// pass are waited out in here.
    ///
    /// - Throws: a fault that does not pass, or `stopped` when the task is cancelled and the rest would need waiting.
    ///   The next call then begins where this one ended, within a line too, so call it with what follows only.
    func deliver(
        _ batches: [EventBatch], filter: EventFilter, progress: DeliveryProgress
    ) async throws(SinkError)

    /// Makes durable what has been delivered.
    ///
    /// - Returns: the place that is kept with the cursor, for `begin`.
    /// - Throws: what the disk says; to be tried again.
    func settle() async throws(SinkError) -> String

    /// Opens anew, under its name, what somebody may have moved away.
    ///
    /// - Throws: why it cannot be opened; the sink goes on trying.
    func reopen() async throws(SinkError)
}

extension Sink {
    public func begin(at cursor: SinkCursor) async throws(SinkError) {}
    public func settle() async throws(SinkError) -> String { "" }
    public func reopen() async throws(SinkError) {}
}

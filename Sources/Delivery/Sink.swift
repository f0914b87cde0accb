public import Events

/// Where events go in the end. A sink is used by one task at a time.
public protocol Sink: Sendable {
    /// The thread that deliveries should run on, for a sink whose system calls may block; nil: any.
    var executor: (any TaskExecutor)? { get }

    /// Delivers the events that pass the filter, in their order, and tells `progress` how far it is. Faults that may
    /// pass are waited out in here.
    ///
    /// - Throws: a fault that does not pass, or `stopped` when the task is cancelled and the rest would need waiting.
    ///   The next call then begins where this one ended, within a line too, so call it with what follows only.
    func deliver(
        _ batches: [EventBatch], filter: EventFilter, progress: DeliveryProgress
    ) async throws(SinkError)
}

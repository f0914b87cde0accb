public import Events

/// Writes lines to standard output. Its reader going away is final: there is no other standard output to come.
///
/// What was written cannot be read back, not even where the shell has opened a file for it: after a crash the events
/// since the cursor was last kept, about a second's, come twice.
public actor StandardOutputSink: Sink {
    public nonisolated let executor: (any TaskExecutor)?
    private let output: LineOutput

    /// - Parameter descriptor: 1, or another one that stays open as long as the sink lives.
    /// - Throws: `system` when there is no thread to be had.
    public init(descriptor: Int32 = 1, clock: DeliveryClock = .system) throws(SinkError) {
        let name = "standard output"
        let destination = StreamDestination(writer: DescriptorWriter(sharing: descriptor, place: name), name: name)
        output = LineOutput(destination: destination, clock: clock)
        executor = try ThreadExecutor()
    }

    public func deliver(
        _ batches: [EventBatch], filter: EventFilter, progress: DeliveryProgress
    ) async throws(SinkError) {
        try await output.deliver(batches, filter: filter, progress: progress)
    }
}

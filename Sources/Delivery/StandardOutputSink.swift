public import Events

/// Writes lines to standard output. Its reader going away is final: there is no other standard output to come.
public actor StandardOutputSink: Sink {
    public nonisolated let executor: (any TaskExecutor)?
    private var output: LineOutput
    private let clock: DeliveryClock

    /// - Parameter descriptor: 1, or another one that stays open as long as the sink lives.
    /// - Throws: `system` when there is no thread to be had.
    public init(descriptor: Int32 = 1, clock: DeliveryClock = .system) throws(SinkError) {
        let place = "standard output"
        output = LineOutput(
            writer: DescriptorWriter(sharing: descriptor, place: place), place: place, closedIsFinal: true,
            startsWithLineBreak: false)
        executor = try ThreadExecutor()
        self.clock = clock
    }

    public func deliver(
        _ batches: [EventBatch], filter: EventFilter, progress: DeliveryProgress
    ) async throws(SinkError) {
        for (index, batch) in batches.enumerated() {
            guard output.add(batch, filter: filter) || index == batches.count - 1 else { continue }
            while let wait = try output.flush(progress, clock.random()) {
                try await progress.pause(wait)
            }
        }
    }
}

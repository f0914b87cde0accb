public import Events
public import Journal

/// Appends lines to a file, which it creates with mode 0600. Lines of another process in the same file stay whole as
/// long as the disk takes each write whole.
///
/// In a file each event stands exactly once, also after the process was killed: what it wrote behind its cursor is
/// found in the file and not written again, and a line cut short is completed. Named pipes and devices are written to
/// as they are: after a crash the last lines may come twice there.
///
/// A file that is moved, removed or cut from outside is recognised, and goes on under its name.
public actor FileSink: Sink {
    public nonisolated let executor: (any TaskExecutor)?
    private let file: LineFile
    private let output: LineOutput

    /// Opens the file.
    ///
    /// - Parameter rotation: nil when others care for the file's length.
    /// - Throws: `missing` without its directory, `permission`, `closed` for a named pipe that nobody reads.
    public init(path: String, rotation: FileRotation? = nil, clock: DeliveryClock = .system) throws(SinkError) {
        file = try LineFile(path: path, rotation: rotation, time: clock.time)
        output = LineOutput(destination: file, clock: clock)
        executor = try ThreadExecutor()
    }

    public func begin(at cursor: SinkCursor) async throws(SinkError) {
        if try file.begin(at: cursor.sequence, place: cursor.place) { output.beginWithLineBreak() }
    }

    public func deliver(
        _ batches: [EventBatch], filter: EventFilter, progress: DeliveryProgress
    ) async throws(SinkError) {
        try await output.deliver(batches, filter: filter, progress: progress)
    }

    public func settle() async throws(SinkError) -> String {
        try file.settle(isWithinDelivery: output.isWithinDelivery)
    }

    public func reopen() async throws(SinkError) {
        try file.reopen(isWithinDelivery: output.isWithinDelivery)
    }
}

public import Events
import Glibc

/// Appends lines to a file, which it creates with mode 0600. Lines of another process in the same file stay whole as
/// long as the disk takes each write whole.
public actor FileSink: Sink {
    public nonisolated let executor: (any TaskExecutor)?
    private var output: LineOutput
    private let clock: DeliveryClock

    /// Opens the file.
    ///
    /// - Throws: `missing` without its directory, `permission`, `closed` for a named pipe that nobody reads.
    public init(path: String, clock: DeliveryClock = .system) throws(SinkError) {
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o600)
        if descriptor < 0 { throw SinkError(errno: errno, place: path) }
        output = LineOutput(
            writer: DescriptorWriter(owning: descriptor, place: path), place: path, closedIsFinal: false,
            startsWithLineBreak: Self.endsWithinLine(path))
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

    /// A file that cannot be read is taken as it is.
    private static func endsWithinLine(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        if descriptor < 0 { return false }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else {
            return false
        }
        var last: UInt8 = 0
        return pread(descriptor, &last, 1, status.st_size - 1) == 1 && last != UInt8(ascii: "\n")
    }
}

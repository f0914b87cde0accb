import Events
import Timing

/// What the sinks that write lines have in common: lines are formatted into a buffer, and the buffer is written until
/// nothing of it is left, over full disks and full pipes. A line that went out half is completed, never repeated.
struct LineOutput: ~Copyable {
    /// Written in one go when there is that much.
    private static let chunkSize = 256 * 1024
    /// A reader that takes nothing for this many tenths of a second is worth a line in the log.
    private static let stalledSteps = 10

    private var buffer = OutputBuffer()
    private var written = 0
    private var stalledFor = 0
    private let writer: DescriptorWriter
    private let place: String
    private let closedIsFinal: Bool
    private var backoff = Backoff.doubling(from: .milliseconds(250), to: .seconds(5), jitter: 0...0.2)

    // What `progress` is told once the buffer is out.
    private var delivered = 0
    private var filtered = 0
    private var lastSequence: UInt64 = 0

    /// - Parameters:
    ///   - closedIsFinal: a reader that has gone away does not come back.
    ///   - startsWithLineBreak: the file ends within a line, left by a process that died.
    init(writer: consuming DescriptorWriter, place: String, closedIsFinal: Bool, startsWithLineBreak: Bool) {
        self.writer = writer
        self.place = place
        self.closedIsFinal = closedIsFinal
        if startsWithLineBreak { buffer.append(UInt8(ascii: "\n")) }
    }

    /// Formats a batch. Returns true when there is enough to write.
    mutating func add(_ batch: EventBatch, filter: EventFilter) -> Bool {
        let count = EventLine(batch).append(where: filter, to: &buffer)
        delivered += count
        filtered += batch.events.count - count
        lastSequence = batch.firstSequence + UInt64(batch.events.count) - 1
        return buffer.count >= Self.chunkSize
    }

    /// Writes until the buffer is empty or a wait is due.
    ///
    /// - Returns: how long to wait before the next call; nil when everything is out.
    /// - Throws: what does not pass, or `stopped`.
    mutating func flush(_ progress: DeliveryProgress, _ random: Double) throws(SinkError) -> Duration? {
        while written < buffer.count {
            let step = buffer.withUnsafeBytes { writer.write(UnsafeRawBufferPointer(rebasing: $0[written...])) }
            switch step {
            case .wrote(let count):
                written += count
                stalledFor = 0
                backoff.reset()
                progress.resumed()
            case .stalled:
                if Task.isCancelled { throw SinkError.stopped }
                stalledFor += 1
                if stalledFor >= Self.stalledSteps {
                    progress.blocked(
                        by: SinkError(
                            code: .stalled, message: "\(place): the reader takes nothing",
                            cure: "look at the program that reads it"))
                }
            case .failed(let error):
                if error.code == .closed && closedIsFinal { throw error }
                progress.blocked(by: error)
                return backoff.next(random: random)
            }
        }
        buffer.removeAll()
        written = 0
        progress.advance(through: lastSequence, delivered: delivered, filtered: filtered)
        (delivered, filtered) = (0, 0)
        return nil
    }
}

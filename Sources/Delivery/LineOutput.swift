import Events
import Timing

/// What the sinks that write lines have in common: lines are formatted into a buffer, and the buffer is written until
/// nothing of it is left, over full disks and full pipes. A line that went out half is completed, never repeated.
final class LineOutput {
    /// Written in one go when there is that much.
    private static let chunkSize = 256 * 1024
    /// A reader that takes nothing for this many tenths of a second is worth a line in the log.
    private static let stalledSteps = 10

    private let destination: any LineDestination
    private let clock: DeliveryClock
    private var buffer = OutputBuffer()
    /// Of the buffer's bytes.
    private var written = 0
    /// Up to where the destination has admitted them.
    private var admitted = 0
    private var hasWaited = false
    private var stalledFor = 0
    private var backoff = Backoff.doubling(from: .milliseconds(250), to: .seconds(5), jitter: 0...0.2)

    // What `progress` is told once the buffer is out.
    private var delivered = 0
    private var filtered = 0
    private var lastSequence: UInt64 = 0

    init(destination: any LineDestination, clock: DeliveryClock) {
        self.destination = destination
        self.clock = clock
    }

    /// The file ends within a line that is not ours.
    func beginWithLineBreak() {
        if buffer.isEmpty { buffer.append(UInt8(ascii: "\n")) }
    }

    /// A part of what was to be delivered has been written, and not yet reported.
    var isWithinDelivery: Bool { written > 0 }

    /// As `Sink.deliver`.
    nonisolated(nonsending) func deliver(
        _ batches: [EventBatch], filter: EventFilter, progress: DeliveryProgress
    ) async throws(SinkError) {
        for (index, batch) in batches.enumerated() {
            guard add(batch, filter: filter) || index == batches.count - 1 else { continue }
            while let wait = try flush(progress) { try await progress.pause(wait) }
            for note in destination.takeNotes() { progress.tell(note) }
        }
    }

    /// Formats a batch. Returns true when there is enough to write.
    private func add(_ batch: EventBatch, filter: EventFilter) -> Bool {
        if batch.events.isEmpty { return false }
        if destination.delivered.isEmpty {
            let count = EventLine(batch).append(where: filter, to: &buffer)
            delivered += count
            filtered += batch.events.count - count
        } else {
            addMissing(batch, filter)
        }
        lastSequence = batch.lastSequence
        return buffer.count >= Self.chunkSize
    }

    /// The same, without the lines that are there already.
    private func addMissing(_ batch: EventBatch, _ filter: EventFilter) {
        let line = EventLine(batch)
        let portal = line.portal.withUnsafeBytes { fingerprint($0) }
        let isAdmitted = filter.admits(portal: batch.portal)
        for (index, event) in batch.events.enumerated() {
            let sequence = batch.firstSequence &+ UInt64(index)
            let isThere = destination.delivered.take(
                DeliveredLines.Line(sequence: sequence, portal: portal, id: event.id))
            guard isAdmitted, batch.bytes.withUnsafeBufferPointer({ filter.passes(event, in: $0) }) else {
                filtered += 1
                continue
            }
            delivered += 1
            if !isThere { line.append(index..<index + 1, to: &buffer) }
        }
        destination.delivered.forget(through: batch.lastSequence)
    }

    /// Writes until the buffer is empty or a wait is due.
    ///
    /// - Returns: how long to wait before the next call; nil when everything is out.
    /// - Throws: what does not pass, or `stopped`.
    private func flush(_ progress: DeliveryProgress) throws(SinkError) -> Duration? {
        while written < buffer.count {
            do throws(SinkError) {
                if hasWaited { takeBack() }
                hasWaited = false
                if written == admitted { try admit() }
            } catch {
                progress.blocked(by: error)
                hasWaited = true
                return backoff.next(random: clock.random())
            }
            if written == admitted { continue }
            switch buffer.withUnsafeBytes({ destination.write(Self.part($0, written..<admitted)) }) {
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
                            code: .stalled, message: "\(destination.name): the reader takes nothing",
                            cure: "look at the program that reads it"))
                }
            case .failed(let error):
                if error.code == .closed && destination.closedIsFinal { throw error }
                progress.blocked(by: error)
                hasWaited = true
                return backoff.next(random: clock.random())
            }
        }
        buffer.removeAll()
        (written, admitted) = (0, 0)
        progress.advance(through: lastSequence, delivered: delivered, filtered: filtered)
        (delivered, filtered) = (0, 0)
        return nil
    }

    private func admit() throws(SinkError) {
        let admission = try buffer.withUnsafeBytes { bytes throws(SinkError) in
            try destination.admit(Self.part(bytes, written..<bytes.count))
        }
        written += admission.done
        admitted = written + admission.room
    }

    /// A file that was replaced during a wait keeps none of a line's halves.
    private func takeBack() {
        let start = buffer.withUnsafeBytes { bytes in
            bytes[..<written].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
        }
        if start == written {
            // Between two lines: the destination is asked again.
            admitted = written
        } else if buffer.withUnsafeBytes({ destination.takesBack(Self.part($0, start..<written)) }) {
            (written, admitted) = (start, start)
        }
    }

    private static func part(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[range])
    }
}

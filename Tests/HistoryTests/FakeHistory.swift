import Events
import Glibc
import History
import Journal
import Synchronization

/// A journal in memory, one batch after the other.
final class FakeHistory: HistorySource {
    private struct State {
        var batches: [EventBatch] = []
        var last: UInt64 = 0
        var replacements = 0
        var reads = 0
    }

    private let state = Mutex(State())

    init(_ batches: [EventBatch] = []) {
        for batch in batches { append(batch) }
    }

    /// Numbers follow those that are there.
    func append(_ batch: EventBatch) {
        state.withLock { state in
            var batch = batch
            if batch.firstSequence == 0 { batch.firstSequence = state.last + 1 }
            state.last = batch.firstSequence + UInt64(batch.events.count) - 1
            state.batches.append(batch)
        }
    }

    /// As after retention: events below the number are gone, as far as whole batches are.
    func drop(below number: UInt64) {
        state.withLock { state in
            state.batches.removeAll { $0.firstSequence + UInt64($0.events.count) - 1 < number }
        }
    }

    func beginAnew() {
        state.withLock { state in
            state.batches = []
            state.last = 0
            state.replacements += 1
        }
    }

    /// Calls of `batches`.
    var reads: Int { state.withLock { $0.reads } }
    var replacements: Int { state.withLock { $0.replacements } }
    var lastSequence: UInt64 { state.withLock { $0.last } }
    var firstSequence: UInt64 { state.withLock { $0.batches.first?.firstSequence ?? $0.last + 1 } }

    func batches(from sequence: UInt64, limit bytes: Int) throws(JournalError) -> [EventBatch] {
        state.withLock { state in
            state.reads += 1
            var result: [EventBatch] = []
            var size = 0
            for batch in state.batches where batch.firstSequence + UInt64(batch.events.count) > sequence {
                guard size < bytes else { break }
                var batch = batch
                if batch.firstSequence < sequence {
                    batch.events.removeFirst(Int(sequence - batch.firstSequence))
                    batch.firstSequence = sequence
                }
                size += batch.bytes.count
                result.append(batch)
            }
            return result
        }
    }

    func sequence(receivedSince microseconds: Int64) throws(JournalError) -> UInt64? {
        state.withLock { state in state.batches.first { $0.receivedAt >= microseconds }?.firstSequence }
    }

    func waitForMore(after sequence: UInt64, poll: Duration) async throws(JournalError) {
        let before = replacements
        while lastSequence <= sequence, replacements == before, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(2))
        }
    }
}

/// Builds a batch from events with module, command and params.
struct SampleEvents {
    /// 2026-11-22T09:00:00.123456Z
    static let receivedAt: Int64 = 1_795_338_000_123_456

    var batch: EventBatch

    init(portal: String = "acme", first: UInt64 = 0, receivedAt: Int64 = Self.receivedAt) {
        batch = EventBatch(portal: portal, receivedAt: receivedAt, bytes: [], events: [])
        batch.firstSequence = first
    }

    func event(_ name: String, _ params: String = #"{"id":7}"#, counter: UInt64 = 42) -> SampleEvents {
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        return adding { bytes in
            var event = Event()
            func put(_ text: String) -> ByteRange {
                let start = bytes.count
                bytes += Array(text.utf8)
                return ByteRange(start..<bytes.count)
            }
            let start = bytes.count
            _ = put(#"{"module_id":""#)
            event.module = put(parts[0])
            _ = put(#"","command":""#)
            event.command = put(parts[1])
            _ = put(#"","params":"#)
            event.params = put(params)
            _ = put("}")
            event.body = ByteRange(start..<bytes.count)
            event.shape = .object
            event.id = MessageID(generation: 1_700_000_000, counter: counter)
            return event
        }
    }

    func events(_ name: String, count: Int) -> SampleEvents {
        (0..<count).reduce(self) { sample, number in sample.event(name, #"{"n":\#(number)}"#, counter: UInt64(number)) }
    }

    func gap(_ record: GapRecord = GapRecord(reason: "retention")) -> SampleEvents {
        adding { record.event(appendingTo: &$0) }
    }

    func body(_ text: String, _ shape: BodyShape) -> SampleEvents {
        adding { bytes in
            var event = Event()
            event.shape = shape
            event.body = ByteRange(bytes.count..<bytes.count + text.utf8.count)
            bytes += Array(text.utf8)
            return event
        }
    }

    private func adding(_ make: (inout [UInt8]) -> Event) -> SampleEvents {
        var copy = self
        let event = make(&copy.batch.bytes)
        copy.batch.events.append(event)
        return copy
    }
}

/// The reading end of a pipe whose writing end is an output.
final class PipeReader: Sendable {
    let output: TextOutput
    private let reading: Int32
    private let writing: Int32

    init() {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        TextOutput.surviveClosedPipes()
        (reading, writing) = (ends[0], ends[1])
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
        output = TextOutput(descriptor: writing)
    }

    deinit {
        close(writing)
        if !isClosed.load(ordering: .relaxed) { close(reading) }
    }

    private let isClosed = Atomic(false)

    func goAway() {
        isClosed.store(true, ordering: .relaxed)
        close(reading)
    }

    /// What has come until now.
    func text() -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(reading, &buffer, buffer.count)
            if count <= 0 { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

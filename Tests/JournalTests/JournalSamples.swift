import Events
import Foundation
@testable import Journal
import Synchronization
import TestRandom
import Timing

/// A directory that goes when the test is over.
final class TestDirectory: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("journal-\(UUID().uuidString)").path
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    var state: String { path + "/state" }
    var file: String { state + "/journal.sqlite" }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}

/// A clock that stands until it is moved.
final class TestClock: Sendable {
    private let wall = Mutex(1_700_000_000.0)

    var now: Double { wall.withLock { $0 } }
    func advance(_ seconds: Double) { wall.withLock { $0 += seconds } }

    var source: TimeSource {
        TimeSource { [self] in Moment(monotonic: Moment.now().monotonic, wall: now) }
    }
}

func id(_ counter: UInt64) -> MessageID { MessageID(generation: 1_700_000_000, counter: counter) }

/// A batch of `count` events with bodies of `size` bytes that say which they are.
func batch(_ count: Int = 1, size: Int = 100, portal: String = "acme", from first: UInt64 = 1, at: Int64 = 0)
    -> EventBatch
{
    var bytes: [UInt8] = []
    var events: [Event] = []
    for number in 0..<UInt64(count) {
        var event = Event()
        event.id = id(first + number)
        event.shape = .json
        var body = Array("\(first + number) ".utf8)
        if body.count < size { body += [UInt8](repeating: 0x78, count: size - body.count) }
        event.body = ByteRange(bytes.count..<bytes.count + body.count)
        bytes += body
        events.append(event)
    }
    return EventBatch(portal: portal, receivedAt: at, bytes: bytes, events: events)
}

/// An entry as a session writes it: events, their marks, the position behind them, and the counts.
func entry(_ count: Int = 1, size: Int = 100, portal: String = "acme", from first: UInt64 = 1, at: Int64 = 0)
    -> JournalEntry
{
    var entry = JournalEntry(portal: portal, batch: batch(count, size: size, portal: portal, from: first, at: at))
    entry.marks = (0..<UInt64(count)).map { SeenMark(id: id(first + $0), hash: (first + $0) &* 31) }
    entry.position = StoredPosition(server: "push.test", newest: id(first + UInt64(count) - 1), safe: id(first))
    entry.counts.received = UInt64(count)
    entry.counts.journaled = UInt64(count)
    return entry
}

/// Waits for a condition, at least thirty seconds.
func eventually(_ condition: @Sendable () async -> Bool) async -> Bool {
    for _ in 0..<30_000 {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(1))
    }
    return false
}

extension EventBatch {
    func text(_ index: Int) -> String {
        String(decoding: bytes[events[index].body.range], as: UTF8.self)
    }
}

extension JournalReader {
    /// Reads until everything that is committed now was read.
    func drain(through last: UInt64, budget: Int = JournalReader.defaultBudget) async throws -> [EventBatch] {
        var result: [EventBatch] = []
        while (result.last?.lastSequence ?? cursor.sequence) < last, let batches = try await next(budget: budget) {
            result += batches
        }
        return result
    }

    /// Everything up to `sequence` was delivered.
    func deliver(through sequence: UInt64) {
        var cursor = cursor
        cursor.delivered += sequence - cursor.sequence
        cursor.sequence = sequence
        commit(cursor)
    }
}

func options(_ change: (inout JournalOptions) -> Void = { _ in }) -> JournalOptions {
    var options = JournalOptions()
    options.isDurable = false
    change(&options)
    return options
}

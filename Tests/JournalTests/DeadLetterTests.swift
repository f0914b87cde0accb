import Events
import Foundation
import TestRandom
import Testing

@testable import Journal

/// The letter of an event of `batch()`, given up by `sink`.
func letter(_ number: UInt64, sink: String = "a", size: Int = 100, attempts: Int = 6) -> DeadLetter {
    var batch = batch(1, size: size, from: number, at: Int64(number))
    batch.firstSequence = number
    return DeadLetter(
        sink: sink, batch: batch, diedAt: Int64(number) * 10, attempts: attempts, reason: "500 Internal Server Error")
}

extension JournalReader {
    /// The next `count` events are dead.
    func bury(_ count: UInt64, size: Int = 100) {
        var cursor = cursor
        let numbers = cursor.sequence + 1...cursor.sequence + count
        cursor.sequence += count
        cursor.dead += count
        commit(cursor, dead: numbers.map { letter($0, sink: name, size: size) }, revived: [])
    }

    /// Letters that were sent again are delivered.
    func revive(_ numbers: [UInt64]) {
        var cursor = cursor
        cursor.dead -= UInt64(numbers.count)
        cursor.delivered += UInt64(numbers.count)
        commit(cursor, dead: [], revived: numbers)
    }

    /// The cursor is committed and on disk.
    func settle() async {
        await durable(through: cursor.sequence)
    }
}

@Suite("Dead letters", .timeLimit(.minutes(5)))
struct DeadLetterTests {
    private let place = TestDirectory()

    private func open(_ change: (inout JournalOptions) -> Void = { _ in }) throws -> Journal {
        try Journal.open(directory: place.state, options: options(change))
    }

    /// What is on disk.
    private func letters(_ file: String? = nil) throws -> [DeadLetter] {
        try JournalReading(path: file ?? place.file).dead().letters(of: nil, behind: nil, limit: 100_000)
    }

    /// A journal with so many events, all handed to a reader.
    private func filled(_ count: Int, sink: String = "a", _ journal: Journal) async throws -> JournalReader {
        let reader = try journal.reader(named: sink)
        try await journal.append(entry(count))
        _ = try await reader.drain(through: UInt64(count))
        return reader
    }

    @Test("a letter comes back as it was, with the one event over its own bytes, and a reason that is cut")
    func roundTrip() async throws {
        let journal = try open()
        let reader = try await filled(5, journal)
        var cursor = reader.cursor
        cursor.sequence = 3
        cursor.delivered = 2
        cursor.dead = 1
        var whole = batch(3, at: 77)
        whole.firstSequence = 1
        let event = whole.single(2)
        #expect(event.firstSequence == 3 && event.bytes.count == 100 && whole.single(3).events.isEmpty)
        let reason = "x" + String(repeating: "ö", count: 400)
        let dead = DeadLetter(sink: "other name", batch: event, diedAt: 9, attempts: 6, reason: reason)
        reader.commit(cursor, dead: [dead], revived: [])
        await reader.settle()
        let found = try #require(try letters().first)
        #expect(found.sequence == 3 && found.batch.portal == "acme" && found.batch.receivedAt == 77)
        #expect(found.batch.text(0).hasPrefix("3 ") && found.batch.bytes.count == 100)
        #expect(found.batch.events[0].id == id(3))
        // The reader says whose letter it is.
        #expect(found.sink == "a" && found.diedAt == 9 && found.attempts == 6 && !found.isRetryRequested)
        #expect(found.reason == "x" + String(repeating: "ö", count: 249))
        #expect(reader.counts == JournalReaderCounts(doneSequence: 3, pendingEvents: 2, deadLetters: 1))
        await journal.close()
        try Journal.check(directory: place.state)
        let again = try open()
        #expect(try again.reader(named: "a").counts.deadLetters == 1)
        await again.close()
    }

    @Test(
        "a letter that is no single event up to the cursor is refused as a fault, with its cursor",
        arguments: [0, 4, 6] as [UInt64])
    func refused(number: UInt64) async throws {
        let faults = FaultList()
        let journal = try open { $0.onFault = faults.add }
        let reader = try await filled(5, journal)
        var cursor = reader.cursor
        cursor.sequence = 3
        cursor.dead = 1
        cursor.delivered = 2
        reader.commit(cursor, dead: [letter(number)], revived: [])
        var none = letter(3)
        none.batch.events = []
        reader.commit(cursor, dead: [none], revived: [])
        #expect(faults.all.count == 2 && reader.cursor.sequence == 0)
        await journal.close()
        #expect(try letters().isEmpty)
    }

    @Test("a letter revived is gone; one whose retry failed is kept with its new reason, without the request")
    func fates() async throws {
        let journal = try open()
        let reader = try await filled(5, journal)
        reader.bury(3)
        await reader.settle()
        let view = try JournalView.open(directory: place.state)
        #expect(try view.requestRetry(sink: "a", sequences: [1, 2, 4]) == 2)
        let requested = try reader.requestedRetries(limit: 10)
        #expect(requested.map(\.sequence) == [1, 2] && requested.allSatisfy(\.isRetryRequested))
        #expect(try reader.requestedRetries(limit: 1).map(\.sequence) == [1])
        var again = requested[1]
        again.attempts = 12
        again.reason = "404 Not Found"
        var cursor = reader.cursor
        cursor.dead -= 1
        cursor.delivered += 1
        reader.commit(cursor, dead: [again], revived: [1])
        #expect(try reader.requestedRetries(limit: 10).isEmpty)
        await journal.close()
        #expect(try letters().map(\.sequence) == [2, 3])
        #expect(try letters().map(\.attempts) == [12, 6])
        #expect(try letters()[0].reason == "404 Not Found" && !(try letters()[0].isRetryRequested))
        try Journal.check(directory: place.state)
    }

    @Test("a letter dropped while it was sent again does not come back when that fails")
    func droppedMeanwhile() async throws {
        let journal = try open()
        let reader = try await filled(5, journal)
        reader.bury(2)
        await reader.settle()
        let view = try JournalView.open(directory: place.state)
        _ = try view.requestRetry(sink: "a", sequences: [1, 2])
        let requested = try reader.requestedRetries(limit: 10)
        #expect(try view.drop(sink: "a", sequences: [1]) == 1)
        reader.commit(reader.cursor, dead: requested, revived: [])
        await journal.close()
        #expect(try letters().map(\.sequence) == [2])
        try Journal.check(directory: place.state)
    }

    @Test("what another process drops shows in the counts with the next look for retries")
    func countsFollow() async throws {
        let journal = try open()
        let reader = try await filled(5, journal)
        reader.bury(5)
        await reader.settle()
        #expect(try reader.requestedRetries(limit: 10).isEmpty)
        #expect(reader.counts.deadLetters == 5)
        #expect(try JournalView.open(directory: place.state).drop(sink: "a", sequences: [2, 3, 9]) == 2)
        #expect(try reader.requestedRetries(limit: 10).isEmpty)
        #expect(reader.counts.deadLetters == 3)
        // A transaction of the daemon's own begins with what the other has left.
        try await journal.append(entry(1, from: 6))
        _ = try await reader.drain(through: 6)
        reader.bury(1)
        await reader.settle()
        #expect(reader.counts.deadLetters == 4 && reader.cursor.dead == 6)
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("durable(through:) returns when the cursor is on disk, which does not wait for its delay then")
    func durable() async throws {
        let journal = try open { $0.cursorDelay = .seconds(3600) }
        let reader = try await filled(10, journal)
        #expect(reader.durableSequence == 0)
        for number in 1...4 as ClosedRange<UInt64> {
            // Whoever comes first.
            if number % 2 == 0 { reader.deliver(through: number) }
            async let waiting: Void = reader.durable(through: number)
            if number % 2 == 1 {
                #expect(await eventually { journal.state.withLock { !$0.readers.durableWatchers.isEmpty } })
                reader.deliver(through: number)
            }
            await waiting
            #expect(reader.durableSequence == number)
            #expect(try JournalReading(path: place.file).cursors()["a"]?.cursor.sequence == number)
        }
        let cancelled = Task { await reader.durable(through: 9) }
        cancelled.cancel()
        await cancelled.value
        #expect(reader.durableSequence == 4)
        let ended = Task { await reader.durable(through: 9) }
        await journal.close()
        await ended.value
        await reader.durable(through: 9)
    }

    @Test("cut off at any moment, the letters on disk are those that the cursor on disk counts")
    func crash() async throws {
        var random = SeededRandom(seed: 5)
        let journal = try open()
        // Nothing is copied from the log: what is cut off from it is nowhere else.
        journal.keeper.withLock { $0 = nil }
        let reader = try journal.reader(named: "a")
        for number in 1...700 as ClosedRange<UInt64> {
            try await journal.append(entry(1, from: number))
            _ = try await reader.drain(through: number)
            if number % 3 == 0 { reader.bury(1) } else { reader.deliver(through: number) }
            if number % 30 == 0 { reader.revive([number - 15]) }
            if number % 7 == 0 { await reader.settle() }
        }
        let (file, log) = try journal.writer.withLock { _ in
            (try TestFiles.bytes(place.file), try TestFiles.bytes(place.file + "-wal"))
        }
        var counts: Set<UInt64> = []
        for round in 0..<40 {
            let copy = place.path + "/copy\(round)"
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
            try TestFiles.write(file, copy + "/journal.sqlite")
            try TestFiles.write(Array(log.prefix(random.below(log.count + 1))), copy + "/journal.sqlite-wal")
            let opened = try Journal.open(directory: copy, options: options())
            let cursor = try opened.reader(named: "a").cursor
            await opened.close()
            let kept = try letters(copy + "/journal.sqlite").map(\.sequence)
            #expect(cursor.isConserved && UInt64(kept.count) == cursor.dead)
            let expected = (0...cursor.sequence).filter { number in
                let isRevived = number % 30 == 15 && number + 15 <= cursor.sequence
                return number > 0 && number % 3 == 0 && !isRevived
            }
            // The letter of the last transaction that revives one may come a transaction before that.
            #expect(Set(kept).symmetricDifference(expected).isSubset(of: [max(15, cursor.sequence) - 15]))
            counts.insert(cursor.dead)
            try Journal.check(directory: copy)
            try FileManager.default.removeItem(atPath: copy)
        }
        #expect(counts.count > 20)
        await journal.close()
        try Journal.check(directory: place.state)
    }
}

import Events
@testable import Journal
import Testing

@Suite("Retention", .timeLimit(.minutes(5)))
struct RetentionTests {
    private let place = TestDirectory()
    private let clock = TestClock()

    private func open(_ change: (inout JournalOptions) -> Void) throws -> Journal {
        try Journal.open(directory: place.state, options: options(change), time: clock.source)
    }

    private func numbers() throws -> [UInt64] {
        var result: [UInt64] = []
        try JournalReading(path: place.file).visitBatches(from: 0) { row in
            result.append(row.last)
            return true
        }
        return result
    }

    private var micros: Int64 { Int64(clock.now * 1e6) }

    @Test("what every reader has had goes when it is old, and not before; what one has not had stays")
    func age() async throws {
        let journal = try open { $0.keep = .seconds(100) }
        let readers = [try journal.reader(named: "a"), try journal.reader(named: "b")]
        for number in 1...4 { try await journal.append(entry(from: UInt64(number), at: micros)) }
        for reader in readers { _ = try await reader.drain(through: 4) }
        readers[0].deliver(through: 4)
        readers[1].deliver(through: 2)
        try await journal.append(entry(from: 5, at: micros))
        try await journal.committed()
        #expect(try numbers() == [1, 2, 3, 4, 5])
        clock.advance(101)
        try await journal.append(entry(from: 6, at: micros))
        try await journal.committed()
        #expect(try numbers() == [3, 4, 5, 6])
        try journal.retireReaders(except: ["a"])
        try await journal.append(entry(from: 7, at: micros))
        try await journal.committed()
        #expect(try numbers() == [5, 6, 7])
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("while the file is too large, what was had goes first; then gap records say what is dropped, one a portal")
    func full() async throws {
        let journal = try open {
            $0.size = 300_000
            $0.window = 10_000
        }
        let slow = try journal.reader(named: "slow")
        let fast = try journal.reader(named: "fast")
        for number in 0..<400 {
            let portal = number % 2 == 0 ? "acme" : "other"
            try await journal.append(entry(1, size: 2000, portal: portal, from: UInt64(number + 1), at: micros))
            if number % 20 == 19 {
                _ = try await fast.drain(through: UInt64(number + 1))
                fast.deliver(through: UInt64(number + 1))
            }
        }
        try await journal.committed()
        #expect(journal.counts.fileBytes < 340_000)
        #expect(journal.counts.dropped > 100)
        let dropped = try #require(try numbers().first) - 1
        let batches = try await slow.drain(through: 400)
        #expect(batches[0].events[0].shape == .gap && batches[1].events[0].shape == .gap)
        #expect(batches[0].firstSequence == dropped - 1 && batches[1].firstSequence == dropped)
        #expect(Set(batches.prefix(2).map(\.portal)) == ["acme", "other"])
        for (gap, first) in zip(batches.prefix(2), dropped % 2 == 0 ? [1, 2] : [2, 1] as [UInt64]) {
            let events = (gap.firstSequence - first) / 2 + 1
            #expect(
                gap.text(0)
                    == #"{"reason":"journal-full","after":"\#(id(first - 1))","before":"\#(id(gap.firstSequence + 1))","events":\#(events)}"#
            )
        }
        // From there on nothing is missing.
        #expect(batches.dropFirst(2).map(\.firstSequence) == Array(dropped + 1...400))
        slow.deliver(through: 400)
        #expect(fast.cursor.sequence == 400)
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test(
        "a row whose first number is damaged goes as others do, and counts as one event",
        arguments: [0, -1, 500, .max] as [Int64])
    func damagedNumbers(first: Int64) async throws {
        let journal = try open {
            $0.size = 300_000
            $0.window = 10_000
        }
        let slow = try journal.reader(named: "slow")
        let append = { (number: UInt64) in
            try await journal.append(entry(2, size: 1000, from: number * 2 + 1, at: micros))
        }
        for number in 0..<20 as Range<UInt64> { try await append(number) }
        try await journal.committed()
        try Database(path: place.file, mode: .readWrite)
            .execute("UPDATE batch SET first = \(first) WHERE last IN (2, 20)")
        for number in 20..<400 as Range<UInt64> { try await append(number) }
        try await journal.committed()
        #expect(journal.counts.trouble == nil && journal.counts.fileBytes < 340_000)
        let dropped = try #require(try numbers().first) - 2
        #expect(journal.counts.dropped == dropped - 2)
        #expect(try await slow.drain(through: 800).first?.lastSequence == dropped)
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("a reader that comes back after its events were deleted is told")
    func retired() async throws {
        var journal = try open { $0.keep = .seconds(10) }
        _ = try journal.reader(named: "gone")
        try journal.retireReaders(except: [])
        for number in 1...5 { try await journal.append(entry(from: UInt64(number), at: micros)) }
        try await journal.committed()
        clock.advance(20)
        try await journal.append(entry(from: 6, at: micros))
        await journal.close()
        journal = try open { _ in }
        let batches = try await journal.reader(named: "gone").drain(through: 6)
        #expect(batches.map(\.firstSequence) == [5, 6])
        #expect(batches[0].text(0) == #"{"reason":"journal-full","events":5}"#)
        await journal.close()
    }

    @Test("what is old goes without a transaction to go with")
    func idle() async throws {
        let journal = try open { $0.keep = .seconds(10) }
        try await journal.append(entry(5, at: micros))
        try await journal.committed()
        clock.advance(20)
        journal.writing.sync { journal.runUpkeep() }
        #expect(try numbers() == [])
        await journal.close()
    }

    @Test("pages that were freed are used again: the file does not grow")
    func reuse() async throws {
        let journal = try open { $0.size = 200_000 }
        for number in 0..<400 {
            try await journal.append(entry(5, size: 500, from: UInt64(number * 5 + 1), at: micros))
            if number % 10 == 0 { try await journal.committed() }
        }
        await journal.close()
        #expect(try TestFiles.bytes(place.file).count < 500_000)
    }
}

import Events
@testable import Journal
import Testing

@Suite("How long dead letters are kept", .timeLimit(.minutes(5)))
struct DeadRetentionTests {
    private let place = TestDirectory()
    private let clock = TestClock()

    private func open(_ change: (inout JournalOptions) -> Void) throws -> Journal {
        try Journal.open(directory: place.state, options: options(change), time: clock.source)
    }

    private func numbers(_ sink: String) throws -> [UInt64] {
        try JournalReading(path: place.file).dead().letters(of: sink, behind: nil, limit: 100_000).map(\.sequence)
    }

    @Test("letters stay when their events are old, and when the journal is full")
    func stay() async throws {
        let journal = try open {
            $0.keep = .seconds(10)
            $0.size = 400_000
        }
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(20, at: Int64(clock.now * 1e6)))
        _ = try await reader.drain(through: 20)
        reader.bury(20)
        await reader.settle()
        clock.advance(1e9)
        for number in 0..<400 {
            try await journal.append(entry(1, size: 2000, from: UInt64(number) + 21, at: Int64(clock.now * 1e6)))
        }
        try await journal.committed()
        #expect(journal.counts.dropped > 100)
        #expect(try numbers("a") == Array(1...20))
        #expect(reader.counts.deadLetters == 20)
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("beyond a quarter of the journal's size the oldest letter of the sink that takes most goes, and is counted")
    func overflow() async throws {
        let journal = try open { $0.size = 400_000 }
        let readers = [try journal.reader(named: "much"), try journal.reader(named: "little")]
        try await journal.append(entry(200, size: 10))
        for reader in readers { _ = try await reader.drain(through: 200) }
        readers[1].bury(2, size: 1000)
        await readers[1].settle()
        for _ in 0..<200 {
            readers[0].bury(1, size: 2000)
            await readers[0].settle()
        }
        let kept = try numbers("much")
        #expect(kept.count > 30 && kept.count * 2000 < 100_000)
        #expect(kept == Array(201 - UInt64(kept.count)...200))
        #expect(try numbers("little") == [1, 2])
        let counts = readers[0].counts
        #expect(counts.deadLetters == UInt64(kept.count) && counts.overflowedLetters == 200 - UInt64(kept.count))
        #expect(readers[0].cursor.dead == 200)
        await journal.close()
        try Journal.check(directory: place.state)
        let again = try open { _ in }
        #expect(try again.reader(named: "much").counts == counts)
        await again.close()
    }

    @Test("a journal that is allowed less than before gives up letters for it, and no event that a sink has not had")
    func shrunk() async throws {
        var journal = try open { _ in }
        var reader = try journal.reader(named: "a")
        try await journal.append(entry(3000, size: 10, at: Int64(clock.now * 1e6)))
        _ = try await reader.drain(through: 3000)
        reader.bury(3000, size: 100)
        await reader.settle()
        try await journal.append(entry(20, size: 10, from: 3001, at: Int64(clock.now * 1e6)))
        await journal.close()

        journal = try open { $0.size = 400_000 }
        reader = try journal.reader(named: "a")
        #expect(reader.counts.deadLetters == 3000)
        for number in 3021...3025 as ClosedRange<UInt64> {
            try await journal.append(entry(1, size: 10, from: number, at: Int64(clock.now * 1e6)))
            try await journal.committed()
            // Some in each transaction, so that none takes long.
            #expect(reader.counts.overflowedLetters <= (number - 3020) * 1000)
        }
        #expect(reader.counts.overflowedLetters > 2000)
        #expect(journal.counts.dropped == 0)
        #expect(try await reader.drain(through: 3025).flatMap(\.events).allSatisfy { $0.shape == .json })
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("a sink's only letter stays, however large")
    func onlyOne() async throws {
        let journal = try open { $0.size = 100_000 }
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(2, size: 10))
        _ = try await reader.drain(through: 2)
        reader.bury(1, size: 200_000)
        await reader.settle()
        #expect(try numbers("a") == [1])
        reader.bury(1, size: 10)
        await reader.settle()
        #expect(try numbers("a") == [2])
        await journal.close()
    }

    @Test("letters are counted anew when the row that says how many there are is damaged")
    func damagedTotals() async throws {
        var journal = try open { _ in }
        var reader = try journal.reader(named: "a")
        try await journal.append(entry(5))
        _ = try await reader.drain(through: 5)
        reader.bury(3)
        await journal.close()
        try Database(path: place.file, mode: .readWrite).execute("UPDATE dead_sink SET checksum = 1")
        journal = try open { _ in }
        reader = try journal.reader(named: "a")
        #expect(reader.counts.deadLetters == 3)
        _ = try await reader.drain(through: 5)
        reader.bury(1)
        await journal.close()
        try Journal.check(directory: place.state)
    }
}

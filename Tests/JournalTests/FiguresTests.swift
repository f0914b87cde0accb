import Events
@testable import Journal
import Testing

@Suite("What a journal tells of itself", .timeLimit(.minutes(5)))
struct FiguresTests {
    private let place = TestDirectory()

    private func received(_ count: Int, from first: UInt64, repeated: UInt64 = 0) -> JournalEntry {
        var new = entry(count, from: first)
        new.counts.received = UInt64(count) + repeated
        new.counts.journaled = UInt64(count)
        new.counts.repeated = repeated
        return new
    }

    @Test("Counts are those on disk, and each sink's add up")
    func counts() async throws {
        let journal = try Journal.open(directory: place.state, options: options())
        let reader = try journal.reader(named: "a")
        try await journal.append(received(10, from: 1, repeated: 2))
        try await journal.committed()
        _ = try await reader.drain(through: 10)
        var cursor = reader.cursor
        (cursor.sequence, cursor.delivered, cursor.filtered, cursor.dead) = (7, 4, 2, 1)
        reader.commit(cursor)
        await reader.durable(through: 7)
        let figures = journal.figures
        let sink = try #require(figures.sinks["a"])
        #expect(sink.journaled == 10 && sink.pending == 3)
        #expect(sink.journaled == sink.cursor.delivered + sink.cursor.filtered + sink.cursor.dead + sink.pending)
        #expect(figures.portals["acme"]?.received == 12 && figures.portals["acme"]?.repeated == 2)
        #expect(figures.counts.committedSequence == 10)
        await journal.close()
    }

    @Test("A cursor that is not yet on disk is not told, so that no count goes back by a crash")
    func notYet() async throws {
        let journal = try Journal.open(directory: place.state, options: options { $0.cursorDelay = .seconds(60) })
        let reader = try journal.reader(named: "a")
        try await journal.append(received(10, from: 1))
        try await journal.committed()
        _ = try await reader.drain(through: 10)
        var cursor = reader.cursor
        (cursor.sequence, cursor.delivered) = (10, 10)
        reader.commit(cursor)
        #expect(reader.cursor.delivered == 10)
        #expect(journal.figures.sinks["a"]?.cursor.delivered == 0 && journal.figures.sinks["a"]?.pending == 10)
        await reader.durable(through: 10)
        #expect(journal.figures.sinks["a"]?.cursor.delivered == 10 && journal.figures.sinks["a"]?.pending == 0)
        await journal.close()
    }

    @Test("After a restart a portal's counts are there as soon as its record has been read")
    func restart() async throws {
        let first = try Journal.open(directory: place.state, options: options())
        try await first.append(received(3, from: 1))
        try await first.committed()
        await first.close()
        let second = try Journal.open(directory: place.state, options: options())
        #expect(second.figures.portals.isEmpty)
        _ = try second.record(of: "acme")
        #expect(second.figures.portals["acme"]?.journaled == 3)
        try await second.append(received(2, from: 4))
        try await second.committed()
        #expect(second.figures.portals["acme"]?.journaled == 5)
        _ = try second.record(of: "acme")
        #expect(second.figures.portals["acme"]?.journaled == 5)
        await second.close()
    }
}

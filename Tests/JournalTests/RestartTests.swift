import Events
@testable import Journal
import Testing

@Suite("Over a restart", .timeLimit(.minutes(5)))
struct RestartTests {
    private let place = TestDirectory()

    private func open() throws -> Journal {
        try Journal.open(directory: place.state, options: options())
    }

    @Test("numbers, cursors, positions, channels, contact and counts go on")
    func record() async throws {
        let journal = try open()
        _ = try journal.reader(named: "a")
        var first = entry(3)
        first.channels = [
            StoredChannels(isCurrent: true, since: 5, content: [1, 2, 3]),
            StoredChannels(isCurrent: false, since: 4, content: []),
        ]
        first.lastContact = 77.5
        try await journal.append(first)
        var second = entry(2, from: 4)
        second.position = StoredPosition(server: "other.test", newest: id(9), safe: nil, legacy: "tag;time")
        second.quarantine = [QuarantinedPiece(receivedAt: 1, id: id(3), reason: "no JSON", bytes: [0x7B])]
        try await journal.append(second)
        await journal.close()

        let again = try open()
        let record = try again.record(of: "acme")
        #expect(
            Set(record.positions)
                == [first.position, second.position].compactMap { $0 }.reduce(into: []) { $0.insert($1) })
        #expect(record.channels == first.channels)
        #expect(record.lastContact == 77.5)
        #expect(record.counts.journaled == 5 && record.counts.isConserved)
        #expect(try again.record(of: "unknown") == PortalRecord())
        let reader = try again.reader(named: "a")
        #expect(reader.cursor == SinkCursor(base: 0))
        try await again.append(entry(1, from: 6))
        #expect(try await reader.drain(through: 6).map(\.firstSequence) == [1, 4, 6])
        #expect(try again.record(of: "acme").channels == first.channels)
        await again.close()
    }

    @Test("a reader goes on behind its cursor, in the middle of a batch too, and with its place")
    func cursor() async throws {
        let journal = try open()
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(10))
        _ = try await reader.next()
        var cursor = reader.cursor
        cursor.sequence = 4
        cursor.delivered = 1
        cursor.filtered = 2
        cursor.dead = 1
        cursor.place = "inode 5"
        reader.commit(cursor)
        await journal.close()

        let again = try open()
        let reopened = try again.reader(named: "a")
        #expect(reopened.cursor == cursor)
        #expect(reopened.counts == JournalReaderCounts(doneSequence: 4, pendingEvents: 6))
        let batches = try #require(try await reopened.next())
        #expect(batches.map(\.firstSequence) == [5])
        #expect(batches[0].events.count == 6)
        #expect(batches[0].text(0).hasPrefix("5 "))
        await again.close()
    }

    @Test(
        "a reader made anew while the journal is open goes on there too, from a batch that another one keeps in memory")
    func madeAnew() async throws {
        let journal = try open()
        let reader = try journal.reader(named: "a")
        let slow = try journal.reader(named: "slow")
        try await journal.append(entry(100))
        _ = try await reader.drain(through: 100)
        reader.deliver(through: 50)
        #expect(journal.counts.memoryBytes > 0)

        let again = try journal.reader(named: "a")
        let batches = try await again.drain(through: 100)
        #expect(batches.map(\.firstSequence) == [51] && batches[0].events.count == 50)
        #expect(batches[0].text(0).hasPrefix("51 "))
        again.deliver(through: 100)
        #expect(try await slow.drain(through: 100).map(\.firstSequence) == [1])
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("a cursor alone is on disk within its delay")
    func cursorAlone() async throws {
        let journal = try open()
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(10))
        _ = try await reader.next()
        reader.deliver(through: 10)
        let file = place.file
        #expect(await eventually { (try? JournalReading(path: file).cursors()["a"])?.cursor.sequence == 10 })
        await journal.close()
    }

    @Test("a cursor that goes back or beyond what was handed out is refused as a fault")
    func refusedCursor() async throws {
        let faults = FaultList()
        let journal = try Journal.open(directory: place.state, options: options { $0.onFault = faults.add })
        let reader = try journal.reader(named: "a")
        try await journal.append(entry(4))
        try await journal.append(entry(4, from: 5))
        try await journal.committed()
        _ = try await reader.next(budget: 1)
        reader.deliver(through: 5)
        #expect(reader.cursor.sequence == 0)
        reader.deliver(through: 4)
        reader.commit(SinkCursor(base: 0))
        #expect(reader.cursor.sequence == 4)
        #expect(faults.all.count == 2)
        var unbalanced = reader.cursor
        unbalanced.delivered += 1
        reader.commit(unbalanced)
        #expect(await eventually { faults.all.count == 3 })
        #expect(journal.counts.faults == 3)
        await journal.close()
    }

    @Test("counts that do not add up are told")
    func counts() async throws {
        let faults = FaultList()
        let journal = try Journal.open(directory: place.state, options: options { $0.onFault = faults.add })
        var unbalanced = entry(1)
        unbalanced.counts.received = 2
        try await journal.append(unbalanced)
        try await journal.committed()
        #expect(await eventually { faults.all == ["the counts of acme do not add up"] })
        await journal.close()
        #expect(throws: JournalError.self) { try Journal.check(directory: place.state) }
    }

    @Test("a temporary journal leaves nothing behind")
    func temporary() async throws {
        let journal = try Journal.temporary(options: options())
        let path = journal.directory.path
        try await journal.append(entry(1))
        await journal.close()
        #expect(!TestFiles.exists(path))
    }
}

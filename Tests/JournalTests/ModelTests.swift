import Events
import Foundation
@testable import Journal
import TestRandom
import Testing

@Suite("Any order of things", .timeLimit(.minutes(5)))
struct ModelTests {
    /// What one reader must see next.
    private struct Place {
        var handed: UInt64 = 0
        var cursor: UInt64 = 0
    }

    @Test(
        "appends, reads, commits, readers made anew, restarts and time in any order: each reader gets each event once, in order",
        arguments: 1...12)
    func random(seed: UInt64) async throws {
        var random = SeededRandom(seed: seed)
        let place = TestDirectory()
        let clock = TestClock()
        let names = ["a", "b"]
        let window = random.pick([500, 5000, 1 << 23])
        let open = {
            try Journal.open(
                directory: place.state,
                options: options {
                    $0.window = window
                    $0.keep = .seconds(1000)
                    $0.cursorDelay = .milliseconds(1)
                }, time: clock.source)
        }
        var journal = try open()
        var readers = try names.map { try journal.reader(named: $0) }
        // Keeps in memory what others have had.
        var still = try journal.reader(named: "still")
        var places = [Place(), Place()]
        var texts: [String] = []
        var journaled: [String: UInt64] = [:]
        for _ in 0..<600 {
            var remade: [Int] = []
            switch random.below(100) {
            case 0..<42:
                let count = random.below(6)
                let portal = random.pick(["acme", "other", "third"])
                try await journal.append(
                    entry(
                        count, size: random.pick([20, 300, 6000]), portal: portal, from: UInt64(texts.count + 1),
                        at: Int64(clock.now * 1e6)))
                for _ in 0..<count { texts.append("\(texts.count + 1) ") }
                journaled[portal, default: 0] += UInt64(count)
            case 42..<70:
                let index = random.below(2)
                try await journal.committed()
                guard places[index].handed < UInt64(texts.count) else { continue }
                for batch in try await readers[index].next(budget: random.pick([1, 2000, 100_000])) ?? [] {
                    #expect(batch.firstSequence == places[index].handed + 1)
                    for event in batch.events.indices {
                        #expect(batch.text(event).hasPrefix(texts[Int(batch.firstSequence) - 1 + event]))
                    }
                    places[index].handed = batch.lastSequence
                }
            case 70..<85:
                let index = random.below(2)
                let span = places[index].handed - places[index].cursor
                // Often close to the end, which is still in memory.
                let rest = random.below(Int(random.chance(50) ? min(span, 3) : span) + 1)
                let sequence = places[index].handed - UInt64(rest)
                readers[index].deliver(through: sequence)
                places[index].cursor = sequence
            case 85..<88:
                clock.advance(Double(random.below(2000)))
            case 88..<98:
                remade = [random.below(2)]
            default:
                await journal.close()
                try Journal.check(directory: place.state)
                journal = try open()
                remade = [0, 1]
                still = try journal.reader(named: "still")
                _ = try await still.drain(through: UInt64(texts.count))
                still.deliver(through: UInt64(texts.count))
            }
            for index in remade {
                readers[index] = try journal.reader(named: names[index])
                #expect(readers[index].cursor.sequence == places[index].cursor && readers[index].cursor.isConserved)
                places[index].handed = places[index].cursor
            }
            #expect(journal.counts.memoryBytes <= UInt64(window))
        }
        await journal.close()
        journal = try open()
        for (portal, count) in journaled { #expect(try journal.record(of: portal).counts.journaled == count) }
        for number in 1...UInt64(texts.count) {
            let marks = try ["acme", "other", "third"].flatMap { try journal.seen(id(number), portal: $0) }
            #expect(marks.count == 1)
        }
        await journal.close()
    }

    @Test("cut off at any moment, the journal is what it was after some transaction: no position ahead of its events")
    func crash() async throws {
        let place = TestDirectory()
        var random = SeededRandom(seed: 9)
        let journal = try Journal.open(directory: place.state, options: options { $0.window = 20_000 })
        let reader = try journal.reader(named: "a")
        // Nothing is copied from the log: what is cut off from it is nowhere else.
        journal.keeper.withLock { $0 = nil }
        let writing = Task {
            for number in 0..<1500 {
                try await journal.append(entry(2, size: 50, from: UInt64(number * 2 + 1)))
                if number % 10 == 0, let batches = try await reader.next(), let last = batches.last {
                    reader.deliver(through: last.lastSequence)
                }
            }
        }
        var lengths: Set<UInt64> = []
        for round in 0..<60 {
            let copy = place.path + "/copy\(round)"
            try FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
            let (file, log, committed) = try journal.writer.withLock { writer in
                (try TestFiles.bytes(place.file), try TestFiles.bytes(place.file + "-wal"), writer.state.lastSequence)
            }
            try TestFiles.write(file, copy + "/journal.sqlite")
            let isCut = random.chance(70)
            try TestFiles.write(
                isCut ? Array(log.prefix(random.below(log.count + 1))) : log, copy + "/journal.sqlite-wal")
            let opened = try Journal.open(directory: copy, options: options())
            let last = opened.counts.lastSequence
            lengths.insert(last)
            #expect(isCut ? last <= committed : last == committed)
            let record = try opened.record(of: "acme")
            #expect(record.counts.journaled == last)
            #expect(record.positions.first?.newest == (last == 0 ? nil : id(last)))
            for number in stride(from: 1, through: last, by: 97) {
                #expect(try opened.seen(id(number), portal: "acme").count == 1)
            }
            #expect(try opened.seen(id(last + 1), portal: "acme").isEmpty)
            if last > 0 {
                let stored = try JournalReading(path: copy + "/journal.sqlite").cursors()["a"]
                let cursor = try #require(stored).cursor
                #expect(cursor.isConserved && cursor.sequence <= last)
                let batches = try await opened.reader(named: "a").drain(through: last)
                #expect(batches.reduce(0) { $0 + UInt64($1.events.count) } == last - cursor.sequence)
            }
            await opened.close()
            try Journal.check(directory: copy)
            try FileManager.default.removeItem(atPath: copy)
        }
        try await writing.value
        #expect(lengths.count > 10)
        await journal.close()
    }

    @Test("a check, and a second connection that reads, see whole transactions while the daemon writes")
    func besideWriter() async throws {
        let place = TestDirectory()
        // The samples are of long ago: nothing of them may go meanwhile.
        let journal = try Journal.open(
            directory: place.state, options: options { $0.keep = .seconds(10_000_000_000) })
        let writing = Task {
            for number in 0..<1000 { try await journal.append(entry(3, from: UInt64(number * 3 + 1))) }
        }
        for _ in 0..<10 {
            try Journal.check(directory: place.state)
            let reading = try JournalReading(path: place.file)
            try reading.snapshot { () throws(SQLiteFailure) in
                let last = try reading.state().lastSequence
                #expect(try reading.recordInSnapshot(of: "acme").counts.journaled == last)
                let rows = Int64(bitPattern: last) / 3
                #expect(try reading.database.integer("SELECT count(*) FROM batch") == rows)
            }
        }
        try await writing.value
        await journal.close()
    }
}

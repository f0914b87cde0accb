import Events
@testable import Journal
import TestRandom
import Testing

@Suite("Marks of received messages", .timeLimit(.minutes(5)))
struct SeenTests {
    private let place = TestDirectory()
    private let clock = TestClock()

    private func marks(_ marks: [SeenMark], portal: String = "acme") -> JournalEntry {
        var entry = JournalEntry(portal: portal)
        entry.marks = marks
        return entry
    }

    @Test("every mark is found again, in whatever order they came, over restarts, and none that was not there")
    func anyOrder() async throws {
        var random = SeededRandom(seed: 4)
        var expected: [UInt64: Set<UInt64>] = [:]
        var journal = try Journal.open(directory: place.state, options: options(), time: clock.source)
        var top: UInt64 = 1000
        for round in 0..<150 {
            var new: [SeenMark] = []
            for _ in 0..<random.pick([1, 1, 3, 40, 300]) {
                top += UInt64(random.below(4))
                // Mostly in order; sometimes late, far back, or again with another body.
                let number = random.chance(97) ? top : UInt64(random.below(Int(top)))
                let mark = SeenMark(id: id(number), hash: random.next() % 3)
                expected[number, default: []].insert(mark.hash)
                new.append(mark)
            }
            try await journal.append(marks(new))
            if round % 10 == 0 { try await journal.append(marks([SeenMark(id: id(5), hash: 9)], portal: "other")) }
            if random.chance(3) { clock.advance(1800) }
            if random.chance(3) {
                await journal.close()
                journal = try Journal.open(directory: place.state, options: options(), time: clock.source)
            }
        }
        try await journal.committed()
        for number in 0..<top + 10 where expected[number] != nil || number % 50 == 0 {
            #expect(
                Set(try journal.seen(id(number), portal: "acme").map(\.hash)) == expected[number] ?? [], "\(number)")
        }
        for floor in [0, 5, 1000, top / 2, top - 3, top, top + 5] {
            let found = try journal.seen(above: id(floor), portal: "acme", limit: .max)
            #expect(Set(found.compactMap(\.id)) == Set(expected.keys.filter { $0 > floor }.map(id)))
            let highest = try journal.seen(above: id(floor), portal: "acme", limit: 50)
            #expect(highest.count == min(50, found.count))
            let ids = highest.compactMap(\.id)
            #expect(ids.min() == found.compactMap(\.id).sorted().suffix(ids.count).first)
        }
        #expect(try journal.seen(id(6), portal: "other").isEmpty)
        await journal.close()
        try Journal.check(directory: place.state)
    }

    @Test("marks are kept for 26 hours, and not much longer")
    func lifetime() async throws {
        let journal = try Journal.open(directory: place.state, options: options(), time: clock.source)
        for hour in 0..<40 {
            try await journal.append(marks((0..<200).map { SeenMark(id: id(UInt64(hour * 200 + $0)), hash: 1) }))
            try await journal.committed()
            clock.advance(3600)
        }
        try await journal.append(JournalEntry(portal: "acme"))
        try await journal.committed()
        // Of an hour h, 40 - h hours ago.
        for hour in 14..<40 { #expect(try journal.seen(id(UInt64(hour * 200)), portal: "acme").count == 1) }
        for hour in 0..<12 { #expect(try journal.seen(id(UInt64(hour * 200)), portal: "acme").isEmpty) }
        await journal.close()
    }

    @Test(
        "a block whose number or time is damaged does not keep new marks out, nor those of others",
        arguments: ["began = \(Int64.min)", "began = \(Int64.max)", "number = \(-Int64.max)"])
    func damagedNumbers(change: String) async throws {
        let journal = try Journal.open(directory: place.state, options: options(), time: clock.source)
        try await journal.append(marks([SeenMark(id: id(1), hash: 1)]))
        try await journal.committed()
        try await journal.append(marks([SeenMark(id: id(1), hash: 1)], portal: "other"))
        await journal.close()
        try Database(path: place.file, mode: .readWrite).execute("UPDATE seen SET \(change) WHERE number = 1")
        let again = try Journal.open(directory: place.state, options: options(), time: clock.source)
        for number in 2...3 as ClosedRange<UInt64> {
            try await again.append(marks([SeenMark(id: id(number), hash: 1)]))
            try await again.append(marks([SeenMark(id: id(number), hash: 1)], portal: "other"))
            try await again.committed()
        }
        // A block may go for its number, with what it has taken; it is followed by a new one.
        #expect(try again.seen(id(3), portal: "acme").count == 1)
        #expect(try again.seen(above: .zero, portal: "other", limit: 9).count == 3)
        await again.close()
    }

    @Test("marks without an id are kept too, and count as the lowest")
    func withoutID() async throws {
        let journal = try Journal.open(directory: place.state, options: options())
        try await journal.append(
            marks([SeenMark(id: nil, hash: 7), SeenMark(id: id(3), hash: 8), SeenMark(id: nil, hash: 9)]))
        try await journal.committed()
        #expect(Set(try journal.seen(above: .zero, portal: "acme", limit: 10).map(\.hash)) == [7, 8, 9])
        #expect(try journal.seen(above: .zero, portal: "acme", limit: 1).map(\.hash) == [8])
        #expect(try journal.seen(above: id(2), portal: "acme", limit: 10).map(\.hash) == [8])
        await journal.close()
    }

    @Test("a block that was deleted for room while it took marks is followed by a new one")
    func deletedForRoom() async throws {
        let journal = try Journal.open(directory: place.state, options: options { $0.size = 1 })
        for round in 0..<3 {
            for portal in 0..<40 {
                let mark = SeenMark(id: id(UInt64(round) * 10 + 1), hash: 1)
                try await journal.append(marks([mark], portal: "p\(portal)"))
                try await journal.committed()
                #expect(try journal.seen(id(UInt64(round) * 10 + 1), portal: "p\(portal)") == [mark])
            }
        }
        await journal.close()
        try Journal.check(directory: place.state)
        #expect(try Database(path: place.file, mode: .readOnly).integer("SELECT count(*) FROM seen") <= 16)
    }
}

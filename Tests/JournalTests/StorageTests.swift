import Events
@testable import Journal
import TestRandom
import Testing

/// Events with everything that an event can have, some of it outside of the bodies.
func randomBatch(_ random: inout SeededRandom) -> EventBatch {
    let bytes = random.bytes(random.below(1500))
    let range = { (random: inout SeededRandom) -> ByteRange in
        let start = random.below(bytes.count + 1)
        return ByteRange(start..<start + random.below(bytes.count - start + 1)).stored(limit: bytes.count)
    }
    let events = (0..<1 + random.below(20)).map { _ in
        var event = Event()
        if random.chance(80) {
            event.id = MessageID(
                generation: random.next() % 10_000_000_000, counter: random.next() % 10_000_000_000_000_000)
        }
        event.shape = random.pick([.object, .json, .raw, .gap])
        event.channel = random.pick([.unknown, .shared, .private])
        event.hasLineBreaks = random.chance(50)
        event.hasOtherMembers = random.chance(50)
        event.body = range(&random)
        event.module = random.chance(50) ? range(&random) : .absent
        event.command = random.chance(50) ? range(&random) : .absent
        event.params = random.chance(50) ? range(&random) : .absent
        event.extra = random.chance(50) ? range(&random) : .absent
        if random.chance(50) {
            event.sender = Sender(kind: random.pick([.unknown, .client, .backend]))
            if random.chance(50) { event.sender?.id = (random.next(), random.next()) }
        }
        return event
    }
    return EventBatch(portal: "acme", receivedAt: 42, bytes: bytes, events: events)
}

/// What an event says, whatever bytes it points into.
struct Meaning: Hashable {
    var event: String
    var parts: [[UInt8]]
}

func meaning(_ event: Event, in bytes: [UInt8]) -> Meaning {
    Meaning(
        event: "\(event.id?.description ?? "") \(event.shape) \(event.channel) \(event.hasLineBreaks) "
            + "\(event.hasOtherMembers) \(String(describing: event.sender))",
        parts: event.ranges.map { $0.isEmpty ? [] : Array(bytes[$0.range]) })
}

@Suite("What is stored", .timeLimit(.minutes(5)))
struct StorageTests {
    @Test("events come back as they were")
    func roundTrip() throws {
        var random = SeededRandom(seed: 1)
        for _ in 0..<60 {
            let batch = randomBatch(&random)
            let (events, bytes) = try StoredBatch.read(StoredBatch.content(of: batch))
            #expect(bytes == batch.bytes)
            #expect(events.map { meaning($0, in: bytes) } == batch.events.map { meaning($0, in: batch.bytes) })
        }
    }

    @Test("a range that does not lie within the bytes is stored as absent")
    func rangesOutside() throws {
        var batch = batch(1)
        batch.events[0].params = ByteRange(start: 50, end: 4000)
        batch.events[0].extra = ByteRange(start: 90, end: 20)
        let events = try StoredBatch.read(StoredBatch.content(of: batch)).events
        #expect(events[0].params == .absent && events[0].extra == .absent)
    }

    @Test("changed, cut and made-up content is refused or read, and never more than that")
    func hostileContent() {
        var random = SeededRandom(seed: 2)
        for _ in 0..<300 {
            var content =
                random.chance(30) ? [1] + random.bytes(random.below(80)) : StoredBatch.content(of: randomBatch(&random))
            for _ in 0..<random.below(4) where !content.isEmpty {
                content[random.below(content.count)] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.chance(30) { content.removeLast(random.below(content.count + 1)) }
            if let (events, bytes) = try? StoredBatch.read(content) {
                #expect(events.flatMap(\.ranges).allSatisfy { $0.start <= $0.end && Int($0.end) <= bytes.count })
            }
            _ = try? SeenBlock(content: content)
            _ = try? StoredPortal(content: content)
            _ = try? StoredPortal.channels(in: content)
            _ = try? StoredState(content: content)
            _ = try? StoredCursor(content: content)
            _ = try? StoredDrop(content: content)
        }
    }

    @Test("any flipped bit of a row shows")
    func flippedBit() {
        var batch = batch(2, size: 10)
        batch.firstSequence = 7
        let row = BatchRow(batch, portal: 3)
        #expect((try? row.batch(portal: "acme")) != nil)
        for bit in stride(from: 0, to: row.content.count * 8, by: 5) {
            var changed = row
            changed.content[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect((try? changed.batch(portal: "acme")) == nil)
        }
        for bit in stride(from: 0, to: 63, by: 6) {
            var changed = [row, row, row, row]
            changed[0].last ^= 1 << bit
            changed[1].first ^= 1 << bit
            changed[2].portal ^= 1 << bit
            changed[3].received ^= 1 << bit
            for row in changed { #expect((try? row.batch(portal: "acme")) == nil) }
        }
    }

    @Test("a row with numbers above those of signed columns is not what was written")
    func numbersOutside() {
        var batch = batch(2)
        batch.firstSequence = UInt64(Int64.max) - 2
        #expect((try? BatchRow(batch, portal: 3).batch(portal: "acme")) != nil)
        for first in [UInt64(Int64.max) - 1, .max - 1] as [UInt64] {
            batch.firstSequence = first
            #expect((try? BatchRow(batch, portal: 3).batch(portal: "acme")) == nil)
        }
    }

    @Test(
        "the checksum is XXH64",
        arguments: [
            ("", 0xEF46_DB37_51D8_E999), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
            ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
        ] as [(String, UInt64)])
    func checksum(text: String, expected: UInt64) {
        #expect(Checksum.of(Array(text.utf8)) == expected)
    }

    @Test("a batch of whose bytes less than half is needed keeps what its events point to, also outside of bodies")
    func compaction() throws {
        var random = SeededRandom(seed: 3)
        var compacted = 0
        for _ in 0..<100 {
            var batch = randomBatch(&random)
            batch.events = Array(batch.events.prefix(1 + random.below(3)))
            let result = batch.compacted()
            if result.bytes.count < batch.bytes.count { compacted += 1 }
            #expect(
                result.events.map { meaning($0, in: result.bytes) } == batch.events.map { meaning($0, in: batch.bytes) }
            )
        }
        #expect(compacted > 5)
        var small = batch(1, size: 100)
        small.bytes += [UInt8](repeating: 0, count: 10_000)
        #expect(small.compacted().bytes.count == 100)
        #expect(batch(3).compacted().bytes.count == 300)
    }

    @Test("what is handed on, from memory and from disk, is the compacted batch")
    func compactedInJournal() async throws {
        let place = TestDirectory()
        let journal = try Journal.open(directory: place.state, options: options())
        let reader = try journal.reader(named: "a")
        var large = entry(1)
        large.batch?.bytes += [UInt8](repeating: 0, count: 10_000)
        try await journal.append(large)
        #expect(try await reader.next()?.first?.bytes.count == 100)
        await journal.close()
        let again = try Journal.open(directory: place.state, options: options())
        #expect(try await again.reader(named: "a").next()?.first?.bytes.count == 100)
        await again.close()
    }
}

import Events
import Journal
import Testing

@testable import Subscription

@Suite struct SeenSetTests {
    private let a = MessageID(generation: 1_700_000_000, counter: 41)
    private let b = MessageID(generation: 1_700_000_000, counter: 42)
    private let c = MessageID(generation: 1_700_000_000, counter: 43)

    private let nothing: SeenSet.LookUp = { _ in [] }

    @Test("M1: a lower id after higher ones is new")
    func lowerAfterHigher() {
        var seen = SeenSet()
        for id in [a, c, b] { #expect(seen.insert(id, hash: 1, at: .zero, lookUp: nothing) == .new) }
    }

    @Test("M2: the same id with the same body is repeated, with another body it is new and conflicting")
    func repetition() {
        var seen = SeenSet()
        #expect(seen.insert(a, hash: 1, at: .zero, lookUp: nothing) == .new)
        #expect(seen.insert(a, hash: 1, at: .zero, lookUp: nothing) == .repeated)
        #expect(seen.insert(a, hash: 2, at: .zero, lookUp: nothing) == .conflicting)
        #expect(seen.insert(a, hash: 2, at: .zero, lookUp: nothing) == .repeated)
    }

    @Test("P20: a message without a usable id is recognised by its body")
    func withoutID() {
        var seen = SeenSet()
        #expect(seen.insert(nil, hash: 7, at: .zero, lookUp: nothing) == .new)
        #expect(seen.insert(nil, hash: 7, at: .zero, lookUp: nothing) == .repeated)
        #expect(seen.insert(nil, hash: 8, at: .zero, lookUp: nothing) == .new)
    }

    @Test("The same counter in another generation of the store is another message")
    func generations() {
        var seen = SeenSet()
        let later = MessageID(generation: 1_800_000_000, counter: 41)
        #expect(seen.insert(a, hash: 1, at: .zero, lookUp: nothing) == .new)
        #expect(seen.insert(later, hash: 2, at: .zero, lookUp: nothing) == .new)
    }

    @Test("A message is remembered for at least one span, and what is forgotten bounds the position")
    func forgetting() {
        var seen = SeenSet()
        #expect(seen.insert(a, hash: 1, at: .zero, lookUp: nothing) == .new)
        seen.expire(at: SeenSet.span)
        #expect(seen.insert(b, hash: 1, at: SeenSet.span, lookUp: nothing) == .new)
        #expect(seen.insert(a, hash: 1, at: SeenSet.span, lookUp: nothing) == .repeated)
        #expect(seen.forgottenThrough == nil)
        seen.expire(at: SeenSet.span * 2)
        #expect(seen.insert(c, hash: 1, at: SeenSet.span * 2, lookUp: nothing) == .new)
        #expect(seen.forgottenThrough == a)
    }

    @Test("Messages alone let nothing be forgotten, however long it takes: they may be on no disk yet")
    func waitingForTheDisk() {
        var seen = SeenSet()
        #expect(seen.insert(a, hash: 1, at: .zero, lookUp: nothing) == .new)
        #expect(seen.insert(b, hash: 1, at: SeenSet.span * 5, lookUp: nothing) == .new)
        #expect(seen.insert(c, hash: 1, at: SeenSet.span * 10, lookUp: nothing) == .new)
        #expect(seen.insert(a, hash: 1, at: SeenSet.span * 15, lookUp: nothing) == .repeated)
        #expect(seen.forgottenThrough == nil)
    }

    @Test("A repetition that is the first message after a span is one")
    func repetitionAtTheTurn() {
        var seen = SeenSet()
        #expect(seen.insert(a, hash: 1, at: .zero, lookUp: nothing) == .new)
        seen.expire(at: SeenSet.span)
        #expect(seen.insert(a, hash: 1, at: SeenSet.span, lookUp: nothing) == .repeated)
    }

    @Test("What memory has forgotten is looked up on disk, by id and body, and only that")
    func lookedUp() {
        var seen = SeenSet()
        var asked: [MessageID] = []
        func insert(_ id: MessageID, _ hash: UInt64, at now: Duration) -> SeenSet.Finding {
            seen.insert(id, hash: hash, at: now) { id in
                asked.append(id)
                return id == a ? [SeenMark(id: a, hash: 1)] : []
            }
        }
        #expect(insert(a, 1, at: .zero) == .new)
        seen.expire(at: SeenSet.span * 2)
        #expect(insert(c, 1, at: SeenSet.span * 2) == .new)
        #expect(insert(b, 1, at: SeenSet.span * 2) == .new)
        #expect(asked.isEmpty)
        seen.expire(at: SeenSet.span * 3)
        seen.expire(at: SeenSet.span * 4)
        #expect(seen.count == 0)
        #expect(insert(a, 1, at: SeenSet.span * 4) == .repeated)
        #expect(insert(a, 2, at: SeenSet.span * 4) == .conflicting)
        #expect(asked == [a, a])
        // Known again, from memory.
        #expect(insert(a, 1, at: SeenSet.span * 4) == .repeated)
        #expect(asked == [a, a])
    }

    @Test("Restored marks are known; what was left on disk is looked up there")
    func restored() {
        var seen = SeenSet()
        seen.restore([SeenMark(id: b, hash: 1), SeenMark(id: c, hash: 1)], through: a, at: .zero)
        #expect(seen.insert(c, hash: 1, at: .zero, lookUp: nothing) == .repeated)
        #expect(seen.insert(b, hash: 2, at: .zero, lookUp: nothing) == .conflicting)
        #expect(seen.insert(a, hash: 1, at: .zero) { [SeenMark(id: $0, hash: 1)] } == .repeated)
        #expect(seen.contains(b, hash: 1, lookUp: nothing))
        #expect(!seen.contains(b, hash: 3, lookUp: nothing))
    }

    @Test("However long and busy a time was, memory is bounded, and nothing is taken for new that was seen")
    func bounded() {
        var seen = SeenSet()
        let number = UInt64(SeenSet.limit * 3)
        for counter in 0..<number {
            _ = seen.insert(MessageID(generation: 1, counter: counter), hash: 1, at: .zero, lookUp: nothing)
        }
        #expect(seen.count <= SeenSet.limit * 2)
        let onDisk: SeenSet.LookUp = { [SeenMark(id: $0, hash: 1)] }
        for counter in stride(from: 0, to: number, by: 997) {
            let id = MessageID(generation: 1, counter: counter)
            #expect(seen.contains(id, hash: 1, lookUp: onDisk))
        }
    }

    @Test("What a busy time filled is given back after two spans, without a further message")
    func expiry() {
        var seen = SeenSet()
        #expect(seen.insert(a, hash: 1, at: .zero, lookUp: nothing) == .new)
        seen.expire(at: SeenSet.span)
        #expect(seen.count == 1)
        seen.expire(at: SeenSet.span * 2)
        #expect(seen.count == 0)
        #expect(seen.forgottenThrough == a)
    }

    @Test("Agrees with a dictionary on 200,000 random insertions, strided and clustered ids among them")
    func againstDictionary() {
        var seen = SeenSet()
        var known: [UInt64: Set<UInt64>] = [:]
        var random = SeededRandom(seed: 5)
        for index in UInt64(0)..<200_000 {
            let counter: UInt64 =
                switch index % 4 {
                case 0: index
                case 1: index * 1024
                case 2: UInt64.random(in: 0..<10_000_000_000_000_000, using: &random)
                default: UInt64.random(in: 0..<50_000, using: &random)
                }
            let hash = UInt64.random(in: 0..<3, using: &random)
            let id = MessageID(generation: 1_700_000_000, counter: counter)
            let finding = seen.insert(id, hash: hash, at: .zero, lookUp: nothing)
            let before = known[counter] ?? []
            #expect((finding == .repeated) == before.contains(hash))
            #expect((finding == .new) == before.isEmpty)
            known[counter, default: []].insert(hash)
        }
    }

    @Test("Ids in steps of one, of 1,024 and of 65,536 are looked up without long walks", arguments: [1, 1024, 65_536])
    func strides(step: UInt64) {
        var table = SeenTable()
        for index in UInt64(0)..<100_000 { _ = table.insert(index * step, 1) }
        #expect(table.meanWalk < 8, "\(table.meanWalk) entries a look-up")
    }

    @Test("Body hashes differ for each changed, added or removed byte")
    func hashes() {
        let body = (0..<70).map { UInt8($0) }
        var hashes: Set<UInt64> = []
        var count = 0
        for length in 0...70 {
            var part = Array(body.prefix(length))
            hashes.insert(part.withUnsafeBytes { BodyHash.of($0) })
            count += 1
            for index in part.indices {
                part[index] ^= 0x80
                hashes.insert(part.withUnsafeBytes { BodyHash.of($0) })
                count += 1
                part[index] ^= 0x80
            }
        }
        #expect(hashes.count == count)
    }
}

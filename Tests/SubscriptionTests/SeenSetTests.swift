import Events
import Testing

@testable import Subscription

@Suite struct SeenSetTests {
    private let a = MessageID(generation: 1_700_000_000, counter: 41)
    private let b = MessageID(generation: 1_700_000_000, counter: 42)
    private let c = MessageID(generation: 1_700_000_000, counter: 43)

    @Test("M1: a lower id after higher ones is new")
    func lowerAfterHigher() {
        var seen = SeenSet()
        for id in [a, c, b] { #expect(seen.insert(id, hash: 1, at: .zero) == .new) }
    }

    @Test("M2: the same id with the same body is repeated, with another body it is new and conflicting")
    func repetition() {
        var seen = SeenSet()
        #expect(seen.insert(a, hash: 1, at: .zero) == .new)
        #expect(seen.insert(a, hash: 1, at: .zero) == .repeated)
        #expect(seen.insert(a, hash: 2, at: .zero) == .conflicting)
        #expect(seen.insert(a, hash: 2, at: .zero) == .repeated)
    }

    @Test("P20: a message without a usable id is recognised by its body")
    func withoutID() {
        var seen = SeenSet()
        #expect(seen.insert(nil, hash: 7, at: .zero) == .new)
        #expect(seen.insert(nil, hash: 7, at: .zero) == .repeated)
        #expect(seen.insert(nil, hash: 8, at: .zero) == .new)
    }

    @Test("The same counter in another generation of the store is another message")
    func generations() {
        var seen = SeenSet()
        let later = MessageID(generation: 1_800_000_000, counter: 41)
        #expect(seen.insert(a, hash: 1, at: .zero) == .new)
        #expect(seen.insert(later, hash: 1, at: .zero) != .repeated)
    }

    @Test("A message is remembered for at least one span, and what is forgotten bounds the position")
    func forgetting() {
        var seen = SeenSet()
        #expect(seen.insert(a, hash: 1, at: .zero) == .new)
        #expect(seen.insert(b, hash: 1, at: SeenSet.span) == .new)
        #expect(seen.insert(a, hash: 1, at: SeenSet.span) == .repeated)
        #expect(seen.forgottenThrough == nil)
        #expect(seen.insert(c, hash: 1, at: SeenSet.span * 2) == .new)
        #expect(seen.forgottenThrough == a)
    }

    @Test("A repetition that is the first message after a span is one")
    func repetitionAtTheTurn() {
        var seen = SeenSet()
        #expect(seen.insert(a, hash: 1, at: .zero) == .new)
        #expect(seen.insert(a, hash: 1, at: SeenSet.span) == .repeated)
    }

    @Test("While the position is held nothing is forgotten for a day")
    func held() {
        var seen = SeenSet()
        seen.hold()
        for span in 0..<90 {
            let id = MessageID(generation: 1_700_000_000, counter: UInt64(span))
            #expect(seen.insert(id, hash: 1, at: SeenSet.span * span) == .new)
        }
        #expect(
            seen.insert(MessageID(generation: 1_700_000_000, counter: 0), hash: 1, at: SeenSet.span * 90) == .repeated)
        seen.release(at: SeenSet.span * 90)
        seen.expire(at: SeenSet.span * 90 + .seconds(299))
        #expect(seen.forgottenThrough == nil)
        seen.expire(at: SeenSet.span * 90 + .seconds(300))
        seen.expire(at: SeenSet.span * 91 + .seconds(300))
        #expect(seen.count == 0)
    }

    @Test("What a busy time filled is given back after two spans, without a further message")
    func expiry() {
        var seen = SeenSet()
        #expect(seen.insert(a, hash: 1, at: .zero) == .new)
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
            let finding = seen.insert(id, hash: hash, at: .zero)
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

import Events
import PullProtocol
import Testing

struct PositionTests {
    static let wiped = MessageID(generation: 1_800_000_000, counter: 1)
    static let forged = MessageID(generation: 9_999_999_999, counter: 9_999_999_999_999_999)

    @Test("The newest id is the highest, whatever the order of arrival (M1)")
    func order() {
        var tracker = PositionTracker(newest: nil, version: 4)
        #expect(tracker.note(Vectors.a, isText: false) == .moved)
        #expect(tracker.note(Vectors.c, isText: false) == .moved)
        #expect(tracker.note(Vectors.b, isText: false) == .kept)
        #expect(tracker.note(Vectors.c, isText: false) == .kept)
        #expect(tracker.newest == Vectors.c)
    }

    @Test("A forged envelope does not move the position in text mode of version 4 (E12)")
    func forgery() {
        var tracker = PositionTracker(newest: nil, version: 4)
        #expect(tracker.note(Vectors.a, isText: true) == .moved)
        #expect(tracker.note(Self.forged, isText: true) == .refused)
        #expect(tracker.note(Self.forged, isText: true) == .refused)
        #expect(tracker.note(Vectors.b, isText: true) == .moved)
        #expect(tracker.newest == Vectors.b)
        var resumed = PositionTracker(newest: Vectors.b, version: 4)
        #expect(resumed.note(Self.forged, isText: true) == .refused)
        #expect(resumed.note(MessageID(generation: 5, counter: 5), isText: true) == .kept)
        #expect(resumed.newest == Vectors.b)
    }

    @Test(
        "A new store is gone along with, and noticed (M7)",
        arguments: [(false, 4), (true, 3), (true, 5)])
    func newStore(isText: Bool, version: Int) {
        var tracker = PositionTracker(newest: Vectors.b, version: version)
        #expect(tracker.note(Self.wiped, isText: isText) == .movedToNewGeneration)
        #expect(tracker.newest == Self.wiped)
        #expect(tracker.note(Vectors.c, isText: isText) == .kept)
    }

    @Test("A new store that a text has named is gone along with once a binary frame has, too (M7)")
    func confirmedStore() {
        var tracker = PositionTracker(newest: Vectors.b, version: 4)
        #expect(tracker.note(Self.wiped, isText: true) == .refused)
        #expect(tracker.note(Self.wiped, isText: false) == .movedToNewGeneration)
        #expect(tracker.note(MessageID(generation: 1_800_000_000, counter: 2), isText: true) == .moved)
        var known = PositionTracker(newest: Vectors.b, version: 4, generations: [1_800_000_000])
        #expect(known.note(Self.wiped, isText: true) == .moved)
    }

    @Test("26 zeros are no store: the first id is believed (M5)")
    func zeros() {
        var tracker = PositionTracker(newest: .zero, version: 4)
        #expect(tracker.note(Vectors.a, isText: true) == .moved)
        #expect(tracker.note(Self.forged, isText: true) == .refused)
        #expect(Position.retained.stored == "00000000000000000000000000")
    }

    @Test("Generations are remembered up to a limit")
    func bound() {
        var tracker = PositionTracker(newest: nil, version: 4)
        for generation in 1...1000 {
            _ = tracker.note(MessageID(generation: UInt64(generation), counter: 0), isText: false)
        }
        #expect(tracker.newest?.generation == 1000)
    }

    @Test("An answer is complete below the limit, or if it reaches what is known (M4)")
    func depth() {
        #expect(HistoryDepth.ofCombined(count: 99) == .complete)
        #expect(HistoryDepth.ofCombined(count: 100) == .askEachChannel)
        #expect(HistoryDepth.ofCombined(count: 200) == .askEachChannel)
        #expect(HistoryDepth.ofSingle(count: 100, fromClients: nil, reachesKnown: true) == .complete)
        #expect(HistoryDepth.ofSingle(count: 100, fromClients: nil, reachesKnown: false) == .gap)
        #expect(HistoryDepth.ofSingle(count: 99, fromClients: nil, reachesKnown: false) == .complete)
    }

    @Test("More than a limited server gives shows that there is no limit")
    func unlimitedHistory() {
        #expect(HistoryDepth.ofCombined(count: 201) == .complete)
        #expect(HistoryDepth.ofSingle(count: 201, fromClients: nil, reachesKnown: false) == .complete)
        #expect(HistoryDepth.ofSingle(count: 101, fromClients: nil, reachesKnown: false) == .gap)
        // Perhaps another limit than the known one.
        #expect(HistoryDepth.ofCombined(count: 1000) == .askEachChannel)
        #expect(HistoryDepth.ofSingle(count: 500, fromClients: 0, reachesKnown: false) == .gap)
    }

    @Test(
        "Of a private channel each key is cut by itself",
        arguments: [
            (100, 0, HistoryDepth.gap), (150, 0, .complete), (150, 50, .gap), (150, 100, .gap), (150, 49, .complete),
            (200, 100, .gap), (99, 0, .complete),
        ])
    func keys(count: Int, fromClients: Int, depth: HistoryDepth) {
        #expect(HistoryDepth.ofSingle(count: count, fromClients: fromClients, reachesKnown: false) == depth)
    }

    @Test(
        "A server that has once given more than any limit allows has none",
        arguments: [
            (201, 1, true), (200, 1, false), (300, 1, false), (401, 2, true), (399, 2, false),
        ])
    func unlimitedServer(count: Int, channels: Int, isUnlimited: Bool) {
        #expect(HistoryDepth.isUnlimited(count: count, channels: channels) == isUnlimited)
    }
}

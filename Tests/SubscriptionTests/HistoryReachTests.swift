import Events
import PullProtocol
import Testing

@testable import Subscription

@Suite struct HistoryReachTests {
    private let both = configuration().channels
    private var one: Channel { both[0] }
    private var other: Channel { both[1] }

    private func id(_ counter: UInt64) -> MessageID { MessageID(generation: 1_700_000_000, counter: counter) }

    @Test("After an answer that may be cut only what was received before it shows that another one reaches back")
    func limit() {
        var reach = HistoryReach()
        #expect(reach.limit("a", one) == nil)
        reach.heard("a", channels: both, newest: id(7))
        reach.took("a", channels: both, count: 100, newCount: 1)
        #expect(reach.limit("a", one) == id(7))
        #expect(reach.limit("b", one) == nil)
        // Not a second cut answer's.
        reach.heard("a", channels: [one], newest: id(300))
        reach.took("a", channels: [one], count: 200, newCount: 200)
        #expect(reach.limit("a", one) == id(7))
        reach.reached("a", channels: [one])
        #expect(reach.limit("a", one) == nil)
        #expect(reach.limit("a", other) == id(7))
    }

    @Test(
        "A part of an answer puts its channels into doubt, but for those that are; an earlier run's doubt holds as well"
    )
    func parts() {
        var reach = HistoryReach()
        reach.heard("a", channels: both, newest: id(7))
        reach.restore("a", other, limit: id(3))
        reach.isChanged = false
        #expect(reach.doubt("a", channels: both).map(\.id) == [one.id])
        #expect(reach.limit("a", one) == id(7) && reach.limit("a", other) == id(3))
        #expect(reach.isChanged)
        reach.isChanged = false
        // The answer has become one that may be cut.
        reach.heard("a", channels: both, newest: id(300))
        reach.took("a", channels: both, count: 200, newCount: 200)
        #expect(reach.limit("a", one) == id(7) && reach.limit("a", other) == id(3))
        #expect(!reach.isChanged)
        reach.reached("a", channels: both)
        #expect(reach.isChanged)
    }

    @Test("M4: 99 messages, or none that is new, are no cut answer", arguments: [(99, 99), (200, 0)])
    func whole(count: Int, new: Int) {
        var reach = HistoryReach()
        reach.heard("a", channels: [one], newest: id(7))
        reach.took("a", channels: [one], count: count, newCount: new)
        #expect(reach.limit("a", one) == nil)
    }

    @Test("A gap lies between what was received before the cut answer and the lowest id that came")
    func gap() {
        var reach = HistoryReach()
        reach.heard("a", channels: both, newest: id(7))
        reach.took("a", channels: both, count: 100, newCount: 100)
        reach.missed("a", channel: one, lowest: id(500))
        #expect(reach.takeGap(.private) == HistoryReach.Bounds(after: id(7), before: id(500)))
        #expect(reach.takeGap(.private) == nil)
        #expect(reach.limit("a", one) == nil)
        #expect(reach.limit("a", other) == id(7))
    }

    @Test("The doubt lasts until the gap is written down: a further answer may end it, or leave the lowest id of both")
    func gapAskedAgain() {
        var reach = HistoryReach()
        reach.heard("a", channels: both, newest: id(7))
        reach.took("a", channels: both, count: 100, newCount: 100)
        reach.missed("a", channel: one, lowest: id(500))
        #expect(reach.limit("a", one) == id(7))
        reach.missed("a", channel: one, lowest: id(600))
        #expect(reach.takeGap(.private) == HistoryReach.Bounds(after: id(7), before: id(500)))
        reach.took("a", channels: both, count: 100, newCount: 100)
        reach.missed("a", channel: one, lowest: id(700))
        reach.reached("a", channels: [one])
        #expect(reach.takeGap(.private) == nil)
        #expect(reach.limit("a", one) == nil)
    }

    @Test("Where nothing was received before, a gap has no lower bound")
    func gapFromTheBeginning() {
        var reach = HistoryReach()
        reach.took("a", channels: [one], count: 100, newCount: 100)
        #expect(reach.limit("a", one) == .zero)
        reach.missed("a", channel: one, lowest: id(500))
        #expect(reach.takeGap(.private) == HistoryReach.Bounds(after: nil, before: id(500)))
    }

    @Test("What is said of a channel says nothing of another one of the same kind")
    func sameKind() {
        var reach = HistoryReach()
        reach.heard("a", channels: both, newest: id(7))
        reach.took("a", channels: both, count: 100, newCount: 100)
        reach.reached("a", channels: configuration("1").channels)
        #expect(reach.limit("a", one) == id(7))
    }
}

import Events
@testable import History
import Testing

@Suite struct HistorySourceTests {
    private static let second: Int64 = 1_000_000

    /// Ten batches of ten events, a second apart: every tenth event is of the shop. Numbers 1 to 100.
    private static func journal() -> FakeHistory {
        FakeHistory(
            (0..<10).map { number in
                SampleEvents(receivedAt: Int64(number) * second).events("crm/deal", count: 9).event("shop/paid").batch
            })
    }

    private func numbers(
        _ since: TimeArgument? = nil, _ until: TimeArgument? = nil, _ sequences: [String] = [],
        of source: FakeHistory = journal()
    ) throws -> ClosedRange<UInt64>? {
        var selection = EventSelection()
        (selection.since, selection.until) = (since, until)
        selection.sequences = sequences.compactMap { SequenceRange($0) }
        return try source.numbers(of: selection)
    }

    @Test("The range is from the first event received then or later to the last one received before")
    func range() throws {
        #expect(try numbers() == 1...100)
        #expect(try numbers(.sequence(41)) == 41...100)
        #expect(try numbers(.moment(3 * Self.second)) == 31...100)
        #expect(try numbers(.moment(3 * Self.second - 1), .moment(4 * Self.second)) == 31...40)
        #expect(try numbers(nil, .sequence(41)) == 1...41)
        #expect(try numbers(nil, nil, ["7", "40-50"]) == 7...50)
        #expect(try numbers(.sequence(10), nil, ["7", "40-"]) == 10...100)
    }

    @Test("Nothing is nothing: an empty journal, a time to come, a range that is past or turned round")
    func nothing() throws {
        #expect(try numbers(of: FakeHistory()) == nil)
        #expect(try numbers(.moment(100 * Self.second)) == nil)
        #expect(try numbers(.sequence(101)) == nil)
        #expect(try numbers(nil, .moment(0)) == nil)
        #expect(try numbers(.sequence(50), .sequence(40)) == nil)
        let kept = Self.journal()
        kept.drop(below: 41)
        #expect(try numbers(nil, .sequence(40), of: kept) == nil)
        #expect(try numbers(of: kept) == 41...100)
    }

    @Test(
        "The last few that are meant are found from the end",
        arguments: [
            (1, [100]), (3, [80, 90, 100]), (10, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
            (11, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]), (1_000_000, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]),
        ] as [(Int, [UInt64])])
    func last(count: Int, found: [UInt64]) throws {
        let source = Self.journal()
        let selection = EventSelection(modules: ["shop"])
        let start = try source.start(ofLast: count, in: 1...100, of: selection)
        var numbers: [UInt64] = []
        try source.visit(start...100, of: selection) { batch, indices in
            numbers += indices.map { batch.firstSequence + UInt64($0) }
        }
        #expect(numbers == found)
    }

    @Test("None of the last are wanted: nothing is read")
    func none() throws {
        let source = Self.journal()
        #expect(try source.start(ofLast: 0, in: 1...100, of: EventSelection()) == 101)
        #expect(source.reads == 0)
    }

    @Test("The last ten of a long journal are found without reading it from the beginning")
    func fewReads() throws {
        let source = FakeHistory((0..<2_000).map { _ in SampleEvents().events("crm/deal", count: 100).batch })
        let start = try source.start(ofLast: 10, in: 1...200_000, of: EventSelection())
        #expect(start == 199_991)
        #expect(source.reads <= 2)
    }

    @Test("Numbers that are not kept any more are passed over, and a range ends within a batch")
    func holes() throws {
        let source = FakeHistory([
            SampleEvents(first: 5).events("crm/deal", count: 3).batch,
            SampleEvents(first: 20).events("crm/deal", count: 5).batch,
        ])
        var numbers: [UInt64] = []
        try source.visit(1...22, of: EventSelection()) { batch, indices in
            numbers += indices.map { batch.firstSequence + UInt64($0) }
        }
        #expect(numbers == [5, 6, 7, 20, 21, 22])
    }
}

import Delivery
import Events
import History
import Testing

@Suite struct EventSelectionTests {
    /// Numbers 41 to 47.
    static let batch = SampleEvents(first: 41)
        .event("crm/deal.updated", #"{"id":7}"#, counter: 1)
        .event("crm/deal.added", #"{"title":"\u041f\u0440\u0438\u0432\u0435\u0442"}"#, counter: 2)
        .event("shop/order.paid", #"{"url":"https:\/\/acme.example\/7"}"#, counter: 3)
        .gap()
        .body("[1,2]", .json)
        .body("not json", .raw)
        .event(#"im\u002ftext/chat"#, "{}", counter: 9)
        .batch

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var selection: EventSelection
        var numbers: [UInt64]

        init(
            _ name: String, _ numbers: [UInt64], _ selection: EventSelection,
            _ edit: (inout EventSelection) -> Void = { _ in }
        ) {
            testDescription = name
            self.numbers = numbers
            self.selection = selection
            edit(&self.selection)
        }
    }

    static let cases = [
        Case("everything", [41, 42, 43, 44, 45, 46, 47], EventSelection()),
        Case("a module; a gap may hide what is looked for", [41, 42, 44], EventSelection(modules: ["crm"])),
        Case("modules by glob, any of them", [41, 42, 43, 44], EventSelection(modules: ["c?m", "sh*"])),
        Case("a command", [43, 44], EventSelection(commands: ["order.*"])),
        Case("module and command", [42, 44], EventSelection(modules: ["crm"], commands: ["*.added"])),
        Case("any of the commands", [41, 43, 44], EventSelection(commands: ["*.updated", "order.paid"])),
        Case("a name with escapes", [44, 47], EventSelection(modules: ["im/text"])),
        Case("gaps only", [44], EventSelection(gaps: .only)),
        Case("gaps only, whatever is named", [44], EventSelection(modules: ["crm"], gaps: .only)),
        Case("gaps unless something is named", [44], EventSelection(gaps: .unlessNamed)) {
            $0.sequences = [SequenceRange("44")].compactMap { $0 }
        },
        Case("no gaps, for a module is named", [41, 42], EventSelection(modules: ["crm"], gaps: .unlessNamed)),
        Case("no gaps, for a position is named", [42], EventSelection(gaps: .unlessNamed)) {
            $0.ids = MessageIDRange("17000000000000000000000002")
        },
        Case("positions", [42, 43, 44, 47], EventSelection()) {
            $0.ids = MessageIDRange("17000000000000000000000002-")
        },
        Case("numbers, any of the ranges", [41, 45, 46, 47], EventSelection()) {
            $0.sequences = ["41", "45-99"].compactMap { SequenceRange($0) }
        },
        Case("a text as it stands in the line", [41], EventSelection()) { $0.text = #"{"id":7}"# },
        Case("a text behind escapes", [42], EventSelection()) { $0.text = "Привет" },
        Case("a text behind escaped slashes", [43], EventSelection()) { $0.text = "https://acme.example/7" },
        Case("a text in a body that is no JSON", [46], EventSelection()) { $0.text = "not json" },
        Case("a text of the line's own members", [44], EventSelection()) { $0.text = #""gap":{"# },
        Case("a text that is nowhere", [], EventSelection()) { $0.text = "order.unpaid" },
        Case("another portal", [], EventSelection(portals: ["beta"])),
        Case("this portal among others", [41, 42, 43, 44, 45, 46, 47], EventSelection(portals: ["beta", "acme"])),
        Case("what the sink gets", [43, 44], EventSelection()) { $0.sink = EventFilter(include: ["shop/*"]) },
        Case("what the sink gets of it", [44], EventSelection(modules: ["crm"])) {
            $0.sink = EventFilter(include: ["shop/*"])
        },
        Case("a sink of other portals", [], EventSelection()) { $0.sink = EventFilter(portals: ["beta"]) },
    ]

    @Test("Everything that is asked for must hold", arguments: cases)
    func chosen(_ test: Case) {
        #expect(test.selection.indices(in: Self.batch).map { 41 + UInt64($0) } == test.numbers)
    }

    @Test("It is known whether anything is asked for at all")
    func everything() {
        #expect(EventSelection().isEverything)
        #expect(EventSelection(gaps: .unlessNamed).isEverything)
        #expect(!EventSelection(gaps: .only).isEverything)
        #expect(!EventSelection(portals: ["acme"]).isEverything)
        #expect(!EventSelection(commands: ["*"]).isEverything)
        let edits: [(inout EventSelection) -> Void] = [
            { $0.since = .sequence(1) }, { $0.until = .moment(1) }, { $0.text = "a" },
            { $0.sequences = [SequenceRange("1")].compactMap { $0 } },
            { $0.ids = MessageIDRange("17000000000000000000000002") },
        ]
        for edit in edits {
            var selection = EventSelection()
            edit(&selection)
            #expect(!selection.isEverything)
        }
    }
}

import Delivery
import Events
import Foundation
@testable import History
import Journal
import Synchronization
import Testing

/// Dead letters in memory.
final class FakeGraveyard: DeadSource {
    private let state: Mutex<(letters: [DeadLetter], calls: [[UInt64]])>

    init(_ letters: [DeadLetter]) {
        state = Mutex((letters, []))
    }

    var calls: [[UInt64]] { state.withLock { $0.calls } }

    func deadLetters(sink: String?, after last: DeadLetter?, limit: Int) throws(JournalError) -> [DeadLetter] {
        state.withLock { state in
            let behind = state.letters.filter { letter in
                guard let last else { return true }
                return (letter.sink, letter.sequence) > (last.sink, last.sequence)
            }
            return Array(behind.filter { sink == nil || $0.sink == sink }.prefix(limit))
        }
    }

    func requestRetry(sink: String, sequences: [UInt64]) throws(JournalError) -> Int {
        state.withLock { $0.calls.append(sequences) }
        return sequences.count
    }

    func drop(sink: String, sequences: [UInt64]) throws(JournalError) -> Int {
        state.withLock { $0.letters.removeAll { $0.sink == sink && sequences.contains($0.sequence) } }
        return sequences.count
    }
}

@Suite struct DeadTests {
    private static func letter(
        _ number: UInt64, sink: String = "app", diedAt: Int64 = 0, reason: String = "500 Internal Server Error",
        _ sample: SampleEvents? = nil
    ) -> DeadLetter {
        DeadLetter(
            sink: sink, batch: (sample ?? SampleEvents(first: number).event("crm/deal.updated")).batch, diedAt: diedAt,
            attempts: 6, reason: reason)
    }

    static let letters: [DeadLetter] = {
        var asked = letter(41, sink: "b", diedAt: 3_000_000)
        asked.isRetryRequested = true
        return [
            letter(41, diedAt: 1_000_000),
            letter(57, diedAt: 2_000_000, reason: "no answer within 30 s", SampleEvents(first: 57).event("shop/paid")),
            letter(60, diedAt: 4_000_000, SampleEvents(portal: "beta", first: 60).gap()),
            asked,
        ]
    }()

    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var selection: EventSelection
        var sinks: Set<String> = []
        var found: [String]
    }

    private static func selection(_ edit: (inout EventSelection) -> Void) -> EventSelection {
        var selection = EventSelection(gaps: .unlessNamed)
        edit(&selection)
        return selection
    }

    static let cases = [
        Case(testDescription: "all", selection: selection { _ in }, found: ["app 41", "app 57", "app 60", "b 41"]),
        Case(testDescription: "a sink", selection: selection { _ in }, sinks: ["b"], found: ["b 41"]),
        Case(
            testDescription: "two sinks", selection: selection { _ in }, sinks: ["b", "app"],
            found: ["app 41", "app 57", "app 60", "b 41"]),
        Case(
            testDescription: "a number, of every sink",
            selection: selection { $0.sequences = [SequenceRange("41")].compactMap { $0 } }, found: ["app 41", "b 41"]),
        Case(
            testDescription: "died then or later", selection: selection { $0.since = .moment(2_000_000) },
            found: ["app 57", "app 60", "b 41"]),
        Case(
            testDescription: "died before", selection: selection { $0.until = .moment(2_000_000) }, found: ["app 41"]),
        Case(
            testDescription: "from number to number",
            selection: selection { ($0.since, $0.until) = (.sequence(42), .sequence(57)) }, found: ["app 57"]),
        Case(
            testDescription: "a module leaves gaps out",
            selection: EventSelection(modules: ["*"], gaps: .unlessNamed), found: ["app 41", "app 57", "b 41"]),
        Case(
            testDescription: "a portal", selection: EventSelection(portals: ["beta"], gaps: .unlessNamed),
            found: ["app 60"]),
    ]

    @Test("Letters are chosen by sink, number, time of death, portal, module and command", arguments: cases)
    func chosen(_ test: Case) throws {
        var found: [String] = []
        try FakeGraveyard(Self.letters).visit(DeadSelection(test.selection, sinks: test.sinks)) { letter in
            found.append("\(letter.sink) \(letter.sequence)")
        }
        #expect(found == test.found)
    }

    @Test("Nothing chosen means all of them, and that is known")
    func everything() {
        #expect(DeadSelection(EventSelection(gaps: .unlessNamed)).isEverything)
        #expect(!DeadSelection(EventSelection(gaps: .unlessNamed), sinks: ["app"]).isEverything)
        #expect(!DeadSelection(Self.selection { $0.since = .moment(0) }).isEverything)
    }

    @Test("More letters than are read at a time are all found and decided on")
    func many() throws {
        let graveyard = FakeGraveyard((1...1_234).map { Self.letter($0) })
        var numbers = DeadNumbers()
        try graveyard.visit(DeadSelection(EventSelection())) { numbers.add($0) }
        #expect(numbers.count == 1_234)
        #expect(try graveyard.decide(.retry, on: numbers) == 1_234)
        #expect(graveyard.calls.map(\.count) == [1_234])
        #expect(try graveyard.decide(.drop, on: numbers) == 1_234)
        var left = DeadNumbers()
        try graveyard.visit(DeadSelection(EventSelection())) { left.add($0) }
        #expect(left.count == 0)
    }

    @Test("A number written alone that no letter has is told, a range is not")
    func missing() {
        var numbers = DeadNumbers()
        for letter in Self.letters { numbers.add(letter) }
        let ranges = ["41", "42", "42-50", "60", "99"].compactMap { SequenceRange($0) }
        #expect(numbers.missing(of: ranges) == [42, 99])
    }

    @Test("The table is aligned, and has no blanks at the ends of its lines")
    func table() {
        var table = DeadTable(time: .utc)
        for letter in Self.letters { table.add(letter) }
        #expect(
            table.text(isColoured: false) == """
                NUMBER  SINK  PORTAL  EVENT             DIED                 ATTEMPTS  REASON
                   #41  app   acme    crm/deal.updated  1970-01-01 00:00:01         6  500 Internal Server Error
                   #57  app   acme    shop/paid         1970-01-01 00:00:02         6  no answer within 30 s
                   #60  app   beta    gap               1970-01-01 00:00:04         6  500 Internal Server Error
                   #41  b     acme    crm/deal.updated  1970-01-01 00:00:03         6  \
                500 Internal Server Error (to be sent again)

                """)
        #expect(table.text(isColoured: true).contains("\u{1B}[33m500 Internal Server Error"))
    }

    @Test("The details say why, and end with the event's line")
    func detail() {
        #expect(
            Self.letter(41, diedAt: 31_000_000).detail(isColoured: false, time: .utc) == """
                dead letter #41 of sink app
                  event     crm/deal.updated of portal acme, mid 17000000000000000000000042
                  received  2026-11-22 09:00:00
                  died      1970-01-01 00:00:31 after 6 attempts
                  reason    500 Internal Server Error
                  {"seq":41,"portal":"acme","mid":"17000000000000000000000042","module":"crm",\
                "command":"deal.updated","params":{"id":7},"received_at":"2026-11-22T09:00:00.123456Z"}

                """)
    }

    @Test("A line for scripts is one JSON object, whatever the reason and the event hold")
    func line() throws {
        var letter = Self.letter(41, reason: "say \"no\"\n\u{1B}", SampleEvents(first: 41).body("\u{1B}\nraw", .raw))
        letter.sink = "a\"b"
        let line = letter.line()
        #expect(line.count { $0 == 0x0A } == 1 && line.last == 0x0A)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any])
        #expect(object["sink"] as? String == "a\"b" && object["reason"] as? String == "say \"no\"\n\u{1B}")
        #expect((object["event"] as? [String: Any])?["body"] as? String == "\u{1B}\nraw")
        #expect(object["retry_requested"] as? Bool == false && object["attempts"] as? Int == 6)
    }

    @Test("What a letter holds cannot move the cursor")
    func hostile() {
        let evil = "\u{1B}[2J\u{9B}\r\n"
        var letter = Self.letter(41, reason: evil, SampleEvents(portal: evil, first: 41).event("a\\u001b/b"))
        letter.sink = evil
        var table = DeadTable(time: .utc)
        table.add(letter)
        for text in [table.text(isColoured: false), letter.detail(isColoured: false, time: .utc)] {
            #expect(text.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && !(0x7F...0x9F ~= $0.value) })
        }
        #expect(table.text(isColoured: false).split(separator: "\n").count == 2)
    }
}

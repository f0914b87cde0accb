import Events
import History
import Testing

@Suite struct TailViewTests {
    private func text(
        _ sample: SampleEvents, isColoured: Bool = false, width: Int? = nil, portals: [String] = []
    ) -> String {
        var view = TailView(isColoured: isColoured, width: width, time: .utc, portals: portals)
        return sample.batch.events.indices.map { view.text(for: $0, of: sample.batch) }.joined()
    }

    @Test("An event is a line with time, portal, number, name and short params, under its date")
    func line() {
        let sample = SampleEvents(first: 41)
            .event("crm/deal.updated", #"{"deal":204,"stage":"WON","tags":[1,2],"who":{"id":1},"ok":true}"#)
            .event("im/chat", "[]")
        #expect(
            text(sample) == """
                2026-11-22
                09:00:00.123  acme   #41  crm/deal.updated          deal 204  stage WON  tags [2]  who {1}  ok true
                09:00:00.123  acme   #42  im/chat

                """)
    }

    @Test("A gap says what is missing, as far as it is known")
    func gap() {
        var record = GapRecord(
            reason: "history-limit", after: MessageID(generation: 17, counter: 1),
            before: MessageID(generation: 17, counter: 9))
        record.channel = .private
        record.events = 12
        let text = text(SampleEvents(first: 41).gap(record).gap().body("[", .gap))
        let lines = text.split(separator: "\n").dropFirst().map { $0.dropFirst("09:00:00.123  acme   #41  ".count) }
        #expect(
            lines == [
                "GAP  history-limit: up to 12 events of the private channel missing, "
                    + "after 00000000170000000000000001 and before 00000000170000000000000009",
                "GAP  retention: events missing",
                "GAP  unknown: events missing",
            ])
    }

    @Test("Bodies of other kinds are shown as they are")
    func otherBodies() {
        let lines = text(SampleEvents(first: 41).body("[1,2,3]", .json).body("hello\nthere", .raw)).split(
            separator: "\n")
        #expect(lines[1].hasSuffix("(no command)              [3]"))
        #expect(lines[2].hasSuffix("(no command)              hello·there"))
    }

    @Test("The date is told again when it changes")
    func dates() {
        var view = TailView(isColoured: false, time: .utc)
        let day: Int64 = 86_400_000_000
        let texts = [0, 1, day, day + 1].map { offset in
            view.text(
                for: 0, of: SampleEvents(first: 1, receivedAt: SampleEvents.receivedAt + offset).event("a/b").batch)
        }
        #expect(texts.map { $0.split(separator: "\n").count } == [2, 1, 2, 1])
        #expect(texts[2].hasPrefix("2026-11-23\n"))
    }

    @Test("Columns stand, whatever names come")
    func columns() {
        let sample = SampleEvents(portal: "a", first: 9_999).event("a/b").event("a/b")
        let lines = text(sample, portals: ["longest.example"]).split(separator: "\n").dropFirst()
        #expect(
            lines.map { $0.prefix(41) } == [
                "09:00:00.123  a                #9999  a/b", "09:00:00.123  a                #10000  a/",
            ])
    }

    @Test("Nothing that comes from outside can move the cursor, turn the writing or colour the screen")
    func hostile() {
        let evil = "\u{1B}[2J\u{7}\u{9B}31m\u{202E}\r"
        let params = #"{"\u001b[2Ja":"\u001b]0;x\u0007\u202e"}"#
        let sample = SampleEvents(portal: "p\(evil)", first: 1).event("m\\u001b[1m/c\\u009b", params)
            .body(evil, .raw).body(#"{"reason":"\u001b[2J"}"#, .gap)
        let scalars = text(sample).unicodeScalars
        #expect(
            scalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && !(0x7F...0x9F ~= $0.value) && $0.value != 0x202E })
    }

    @Test("Params end where the line does")
    func width() {
        let members = (0..<40).map { #""key\#($0)":"value""# }.joined(separator: ",")
        for width in [60, 80, 120, 200] {
            let lines = text(SampleEvents(first: 1).event("crm/deal", "{\(members)}"), width: width).split(
                separator: "\n")
            #expect(lines[1].count <= max(width, 75))
            #expect(lines[1].hasSuffix("…"))
        }
    }

    @Test("On a terminal with colours gaps stand out")
    func colours() {
        let text = text(SampleEvents(first: 1).event("a/b").gap(), isColoured: true)
        #expect(text.contains("\u{1B}[1;31mGAP\u{1B}[0m"))
        #expect(text.contains("\u{1B}[32ma/b"))
        let plain = self.text(SampleEvents(first: 1).event("a/b").gap())
        #expect(!plain.contains("\u{1B}"))
    }
}

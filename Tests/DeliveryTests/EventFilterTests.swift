import Delivery
import Events
import Testing

@Suite("Filters")
struct EventFilterTests {
    private func passes(_ filter: EventFilter, _ module: String, _ command: String) -> Bool {
        let bytes = Array((module + command).utf8)
        var event = Event()
        event.module = ByteRange(0..<module.utf8.count)
        event.command = ByteRange(module.utf8.count..<bytes.count)
        return bytes.withUnsafeBufferPointer { filter.passes(event, in: $0) }
    }

    @Test(
        "a pattern matches module/command as a whole",
        arguments: [
            ("application/order.paid", "application", "order.paid", true),
            ("application/order", "application", "order.paid", false),
            ("application/order.paid2", "application", "order.paid", false),
            ("application/*", "application", "order.paid", true),
            ("application/*", "application", "", true),
            ("application/*", "applications", "x", false),
            ("application/*", "im", "message", false),
            ("*/order.*", "application", "order.paid", true),
            ("*/order.*", "application", "reorder.paid", false),
            ("*", "application", "order.paid", true),
            ("*", "", "", true),
            ("*/*", "", "", true),
            ("/", "", "", true),
            ("/x", "", "x", true),
            ("application/*", "", "", false),
            ("*paid", "application", "order.paid", true),
            ("*paid", "application", "order.paid.late", false),
            ("a*b*c", "a", "bc", true),
            ("a*b*c", "a", "b", false),
            ("a*a*a/*b", "aaa", "ab", true),
            ("**/x**", "a", "x", true),
            ("im/messag?", "im", "message", true),
            ("im/messag?", "im", "messag", false),
            ("im/message?", "im", "message", false),
            ("im?message", "im", "message", true),
            ("im/?*", "im", "", false),
            ("*?", "im", "", true),
            ("im/Message", "im", "message", false),
            ("im/[a-z]", "im", "a", false),
            ("im/[a-z]", "im", "[a-z]", true),
            ("im/a.c", "im", "abc", false),
            ("crm/заказ*", "crm", "заказ.оплачен", true),
            ("crm/?", "crm", "ж", true),
            ("crm/??", "crm", "ж", false),
            ("crm/?x", "crm", "🙂x", true),
        ])
    func globs(_ pattern: String, _ module: String, _ command: String, _ expected: Bool) {
        #expect(passes(EventFilter(include: [pattern]), module, command) == expected)
        #expect(passes(EventFilter(exclude: [pattern]), module, command) != expected)
    }

    @Test("patterns are compared with what JSON escapes stand for")
    func escapes() {
        let escaped = #"\u0437\u0430\u043a\u0430\u0437"#
        #expect(passes(EventFilter(include: ["crm/заказ"]), "crm", escaped))
        #expect(passes(EventFilter(include: ["crm/a/b"]), "crm", #"a\/b"#))
        #expect(!passes(EventFilter(include: [#"crm/a\/b"#]), "crm", #"a\/b"#))
    }

    @Test("exclude wins over include")
    func excludeWins() {
        let filter = EventFilter(include: ["application/*"], exclude: ["application/heartbeat"])
        #expect(passes(filter, "application", "order"))
        #expect(!passes(filter, "application", "heartbeat"))
        #expect(!passes(filter, "im", "message"))
    }

    @Test("one of several patterns is enough")
    func several() {
        let filter = EventFilter(include: ["a/*", "b/*"])
        #expect(passes(filter, "b", "x"))
        #expect(!passes(filter, "c", "x"))
    }

    @Test("only filters with patterns look at events")
    func fastPath() {
        #expect(EventFilter.all.passesEveryEvent)
        #expect(EventFilter(portals: ["a"], include: ["*"]).passesEveryEvent)
        #expect(!EventFilter(include: ["*"], exclude: ["a/*"]).passesEveryEvent)
        #expect(!EventFilter(include: ["a/*"]).passesEveryEvent)
    }

    @Test("portals that are not named are not admitted; without names all are")
    func portals() {
        #expect(EventFilter(portals: ["a"]).admits(portal: "a"))
        #expect(!EventFilter(portals: ["a"]).admits(portal: "b"))
        #expect(EventFilter.all.admits(portal: "b"))
    }

    @Test("a pattern of many stars ends quickly on a text that it does not match", .timeLimit(.minutes(1)))
    func manyStars() {
        let pattern = String(repeating: "a*", count: 200) + "b"
        #expect(!passes(EventFilter(include: [pattern]), "m", String(repeating: "a", count: 5000)))
    }

    @Test("patterns hold back no gap record", arguments: [["x/*"], ["*"]])
    func gaps(_ patterns: [String]) {
        var event = Event()
        event.shape = .gap
        let passes = [UInt8]("{}".utf8).withUnsafeBufferPointer { bytes in
            EventFilter(include: ["im/*"], exclude: patterns).passes(event, in: bytes)
        }
        #expect(passes)
    }

    @Test("ranges outside the bytes are empty")
    func ranges() {
        var event = Event()
        event.module = ByteRange(start: 7, end: 2)
        event.command = ByteRange(start: 0, end: 4_000_000_000)
        let bytes: [UInt8] = [0x61]
        let passes = bytes.withUnsafeBufferPointer { EventFilter(include: ["/"]).passes(event, in: $0) }
        #expect(passes)
    }
}

import Delivery
import Events
import Foundation
import Testing

@Suite("The line of an event")
struct EventLineTests {
    private func lines(_ sample: SampleBatch, _ filter: EventFilter = .all) -> String {
        var output = OutputBuffer(capacity: 64)
        _ = EventLine(sample.batch).append(where: filter, to: &output)
        return output.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    private let end = #""received_at":"2026-11-22T09:00:00.123456Z"}"# + "\n"

    @Test("all members in their order")
    func allMembers() {
        var sample = SampleBatch()
        sample.add(
            #"{"module_id":"application","command":"order.paid","params":{"id":7,"t":"\u0430\/"},"extra":{"a":[1]}}"#,
            shape: .object, module: "application", command: "order.paid", params: #"{"id":7,"t":"\u0430\/"}"#,
            extra: #"{"a":[1]}"#
        ) { event in
            event.id = MessageID("17000000000000000000000042")
            event.channel = .private
            event.sender = Sender(kind: .client, id: (0x0102_0304_0506_0708, 0x090A_0B0C_0D0E_FF00))
        }
        #expect(
            lines(sample)
                == #"{"seq":41,"portal":"acme","mid":"17000000000000000000000042","module":"application","#
                + #""command":"order.paid","params":{"id":7,"t":"\u0430\/"},"extra":{"a":[1]},"channel":"private","#
                + #""sender":{"type":"client","id":"0102030405060708090a0b0c0d0eff00"},"# + end)
    }

    @Test("members that are not known are left out")
    func absentMembers() {
        var sample = SampleBatch()
        sample.add(#"{"command":"x"}"#, shape: .object, command: "x")
        #expect(lines(sample) == #"{"seq":41,"portal":"acme","command":"x","# + end)
    }

    @Test("members that have no name of their own bring the whole body, after the others")
    func otherMembers() {
        var sample = SampleBatch()
        let body = #"{"command":"x","params":[],"extra":{},"sign":"z"}"#
        sample.add(body, shape: .object, command: "x", params: "[]", extra: "{}") {
            $0.hasOtherMembers = true
            $0.channel = .shared
        }
        #expect(
            lines(sample) == #"{"seq":41,"portal":"acme","command":"x","params":[],"extra":{},"body":"# + body
                + #","channel":"shared","# + end)
    }

    @Test("JSON that is no object with a command stands as body", arguments: ["[1,2]", "\"text\"", "12", "null", "{}"])
    func otherJSON(_ body: String) {
        var sample = SampleBatch()
        sample.add(body, shape: .json) { $0.id = .zero }
        #expect(
            lines(sample)
                == #"{"seq":41,"portal":"acme","mid":"00000000000000000000000000","body":"# + body + "," + end)
    }

    @Test(
        "what is no JSON stands as a JSON string",
        arguments: [
            ("plain", #""plain""#), ("", #""""#), ("a\"b\\c\nd\r\te\u{1}", #""a\"b\\c\nd\r\te\u0001""#),
            ("#!NGINXNME!#", ##""#!NGINXNME!#""##), ("жёлтый 🙂", #""жёлтый 🙂""#),
        ])
    func raw(_ body: String, _ expected: String) {
        var sample = SampleBatch()
        sample.add(body, shape: .raw)
        #expect(lines(sample) == #"{"seq":41,"portal":"acme","body":"# + expected + "," + end)
    }

    @Test("bytes that are no UTF-8 become U+FFFD, and the line stays valid")
    func notText() {
        var sample = SampleBatch()
        sample.add([0x61, 0xFF, 0xC3], shape: .raw)
        #expect(lines(sample) == #"{"seq":41,"portal":"acme","body":"a\#u{FFFD}\#u{FFFD}","# + end)
    }

    @Test("line breaks between tokens become blanks, so that a line stays a line")
    func lineBreaks() {
        var sample = SampleBatch()
        sample.add(
            "{\r\n\"command\":\"x\",\n\"params\":{\n\"a\":\"b\\n\"\r}}", shape: .object, command: "x",
            params: "{\n\"a\":\"b\\n\"\r}"
        ) {
            $0.hasLineBreaks = true
            $0.hasOtherMembers = true
        }
        sample.add("[\n1\n]", shape: .json) { $0.hasLineBreaks = true }
        #expect(
            lines(sample)
                == #"{"seq":41,"portal":"acme","command":"x","params":{ "a":"b\n" },"#
                + #""body":{  "command":"x", "params":{ "a":"b\n" }},"# + end
                + #"{"seq":42,"portal":"acme","body":[ 1 ],"# + end)
    }

    @Test(
        "a sender is what is known of it",
        arguments: [
            (Sender(kind: .backend), #""sender":{"type":"backend"},"#),
            (Sender(kind: .client), #""sender":{"type":"client"},"#),
            (Sender(kind: .unknown), ""),
            (Sender(kind: .unknown, id: (0, 1)), #""sender":{"id":"00000000000000000000000000000001"},"#),
        ])
    func senders(_ sender: Sender, _ expected: String) {
        var sample = SampleBatch()
        sample.add("1", shape: .json) { $0.sender = sender }
        #expect(lines(sample) == #"{"seq":41,"portal":"acme","body":1,"# + expected + end)
    }

    @Test("a portal's name is escaped, whoever made it")
    func portalName() {
        var sample = SampleBatch(portal: "a\"\n")
        sample.add("1", shape: .json)
        #expect(lines(sample) == #"{"seq":41,"portal":"a\"\n","body":1,"# + end)
    }

    @Test("sequence numbers go on within a batch, over all lengths", arguments: numbers)
    func sequence(_ number: UInt64) {
        var sample = SampleBatch(firstSequence: number)
        sample.add("1", shape: .json)
        sample.add("2", shape: .json)
        let next = number &+ 1
        #expect(
            lines(sample) == #"{"seq":\#(number),"portal":"acme","body":1,"# + end
                + #"{"seq":\#(next),"portal":"acme","body":2,"# + end)
    }

    @Test("positions keep all their 26 digits", arguments: numbers)
    func positions(_ number: UInt64) {
        let id = MessageID(generation: number % 10_000_000_000, counter: number % 10_000_000_000_000_000)
        var sample = SampleBatch()
        sample.add("1", shape: .json) { $0.id = id }
        #expect(lines(sample).contains(#""mid":"\#(id.description)","#))
    }

    @Test("a gap record is its number, its portal, what is missing and when, on one line")
    func gap() {
        var sample = SampleBatch()
        sample.add(#"{"reason":"history-limit",\#n"after":"17000000000000000000000001"}"#, shape: .gap) { event in
            event.id = .zero
            event.channel = .private
            event.sender = Sender(kind: .backend)
        }
        #expect(
            lines(sample)
                == #"{"seq":41,"portal":"acme","gap":{"reason":"history-limit", "after":"17000000000000000000000001"},"#
                + end)
    }

    @Test("ranges outside the bytes write nothing of anybody's memory")
    func ranges() {
        var sample = SampleBatch()
        sample.add(#"{"command":"x"}"#, shape: .object) {
            $0.command = ByteRange(start: 5, end: 4_000_000_000)
            $0.params = ByteRange(start: 9, end: 3)
        }
        sample.add("", shape: .raw) { $0.body = ByteRange(start: 1, end: 1_000_000) }
        #expect(
            lines(sample) == #"{"seq":41,"portal":"acme","command":"","params":,"# + end
                + #"{"seq":42,"portal":"acme","body":"","# + end)
    }

    @Test(
        "the time is UTC with microseconds, over leap days and the ends of the calendar",
        arguments: [
            (0, "1970-01-01T00:00:00.000000Z"), (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199_999_999, "2024-02-29T23:59:59.999999Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"), (Int64.max, "9999-12-31T23:59:59.999999Z"),
            (Int64.min, "0000-01-01T00:00:00.000000Z"),
        ] as [(Int64, String)])
    func times(_ microseconds: Int64, _ expected: String) {
        var sample = SampleBatch()
        sample.batch.receivedAt = microseconds
        sample.add("1", shape: .json)
        #expect(lines(sample) == #"{"seq":41,"portal":"acme","body":1,"received_at":"\#(expected)"}"# + "\n")
    }

    @Test("every line of a large batch is valid JSON with its own number")
    func largeBatch() throws {
        var sample = SampleBatch(firstSequence: 99_999_950)
        for number in 0..<600 {
            if number % 3 == 0 { sample.add("raw \(number) \u{2}\n", shape: .raw) } else { sample.addUsual() }
        }
        let lines = lines(sample).split(separator: "\n")
        #expect(lines.count == 600)
        for (index, line) in lines.enumerated() {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            #expect(object["seq"] as? Int == 99_999_950 + index)
        }
    }

    @Test("events that the filter holds back leave no line, and keep their numbers")
    func filtered() {
        var sample = SampleBatch()
        sample.addUsual(command: "a")
        sample.addUsual(command: "b")
        sample.addUsual(command: "a")
        let text = lines(sample, EventFilter(exclude: ["*/b"]))
        #expect(text.split(separator: "\n").map { $0.prefix(9) } == [#"{"seq":41"#, #"{"seq":43"#])
        #expect(lines(sample, EventFilter(portals: ["other"])).isEmpty)
    }
}

/// Around every change of length, and the largest.
private let numbers: [UInt64] =
    (0..<20).flatMap { exponent -> [UInt64] in
        var power: UInt64 = 1
        for _ in 0..<exponent { power *= 10 }
        return [power - 1, power, power + 7]
    } + [12_345_678, 87_654_321, 1_234_567_890_123_456_789, .max - 1, 99_990_001, 10_100_909]

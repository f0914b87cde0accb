import Demo
import Events
import Testing

@Suite struct DemoResultTests {
    private func event(_ number: UInt64, body: String = "body") -> EventFingerprint {
        EventFingerprint(id: MessageID(generation: 1_700_000_000, counter: number), bodyHash: body)
    }

    @Test("Nothing lost and nothing doubled is complete, in any order")
    func complete() {
        let result = DemoResult(published: [event(1), event(2)], received: [event(2), event(1)])
        #expect(result.isComplete)
        #expect(result.description == "published 2  received 2  lost 0  duplicated 0")
    }

    @Test("What did not arrive is lost")
    func lost() {
        let result = DemoResult(published: [event(1), event(2)], received: [event(1)])
        #expect(result.description == "published 2  received 1  lost 1  duplicated 0")
        #expect(!result.isComplete)
    }

    @Test("A second copy is duplicated, even while another event is lost")
    func duplicated() {
        let result = DemoResult(published: [event(1), event(2)], received: [event(1), event(1)])
        #expect(result.description == "published 2  received 2  lost 1  duplicated 1")
        #expect(!result.isComplete)
    }

    @Test("An event with other bytes, or without its id, is not the one that was published")
    func changed() {
        let changed = [event(1, body: "other"), EventFingerprint(id: nil, bodyHash: "body")]
        let result = DemoResult(published: [event(1)], received: changed)
        #expect(result.description == "published 1  received 2  lost 1  duplicated 2")
    }
}

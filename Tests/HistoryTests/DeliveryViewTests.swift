import Delivery
import History
import Testing

@Suite struct DeliveryViewTests {
    private func text(_ status: Int?, _ verdict: WebhookVerdict, number: Int = 1, name: String = "crm/deal") -> String {
        let attempt = WebhookAttempt(
            sequence: 41, portal: "acme", name: name, count: 1, number: number,
            answer: WebhookAnswer(status: status, verdict: verdict, duration: .microseconds(12_345)))
        return DeliveryView(isColoured: false, time: .utc).text(attempt, now: 3_723_045_000)
    }

    @Test("A delivery is a line with time, status, how long it took, and the event")
    func taken() {
        #expect(text(200, .taken) == "01:02:03.045  200    12 ms  #41   crm/deal\n")
    }

    @Test("One that did not succeed says why, and which attempt it was")
    func failed() {
        #expect(
            text(500, .failed(reason: "500 Internal Server Error"), number: 2)
                == "01:02:03.045  500    12 ms  #41   crm/deal  attempt 2: 500 Internal Server Error\n")
        let down = WebhookVerdict.targetDown(SinkError(code: .unreachable, message: "refused"), retryAfter: nil)
        #expect(text(nil, down) == "01:02:03.045  ---    12 ms  #41   crm/deal  refused\n")
    }

    @Test("A name cannot move the cursor, and may be missing")
    func names() {
        #expect(text(200, .taken, name: "a\u{1B}/b").hasSuffix("a·/b\n"))
        #expect(text(200, .taken, name: "").hasSuffix("(no command)\n"))
    }
}

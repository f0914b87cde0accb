@testable import Delivery
import Foundation
import Testing
import Transport

@Suite("What an answer of a webhook means")
struct WebhookVerdictTests {
    /// Sun, 22 Nov 2026 09:00:00 GMT
    private let now = 1_795_338_000.0

    private enum Kind: String {
        case taken, down, unwanted, failed
    }

    private func kind(_ verdict: WebhookVerdict) -> Kind {
        switch verdict {
        case .taken: .taken
        case .targetDown: .down
        case .unwanted: .unwanted
        case .failed: .failed
        }
    }

    @Test("every status from 100 to 599 has the meaning of the table")
    func table() {
        let down: Set = [408, 425, 429, 502, 503, 504]
        for status in 100..<600 {
            let expected: Kind
            switch status {
            case 200..<300: expected = .taken
            case 410: expected = .unwanted
            case _ where down.contains(status): expected = .down
            default: expected = .failed
            }
            #expect(kind(WebhookVerdict(HTTPResponse(status: status), now: now)) == expected, "\(status)")
        }
    }

    @Test("a body that was cut changes nothing")
    func cut() {
        #expect(WebhookVerdict(HTTPResponse(status: 200, isTruncated: true), now: now) == .taken)
        let failed = WebhookVerdict(HTTPResponse(status: 500, isTruncated: true), now: now)
        #expect(failed == .failed(reason: "500 Internal Server Error"))
    }

    @Test("a redirect is a failure, wherever it leads")
    func redirect() {
        let response = HTTPResponse(status: 302, headers: [("location", "http://127.0.0.1/other")])
        #expect(WebhookVerdict(response, now: now) == .failed(reason: "302 Found"))
    }

    @Test(
        "where no request could be sent, the target is down",
        arguments: [TransportError.Stage.dns, .connect, .proxy, .tls])
    func unreachable(_ stage: TransportError.Stage) {
        for isTimeout in [false, true] {
            let error = TransportError(
                stage: stage, message: "it did not work", cure: "mend it", isTimeout: isTimeout,
                status: stage == .proxy ? 403 : nil)
            guard case .targetDown(let fault, nil) = WebhookVerdict(error, timeout: .seconds(30)) else {
                Issue.record("\(stage)")
                continue
            }
            #expect(fault == SinkError(code: .unreachable, message: "it did not work", cure: "mend it"))
        }
    }

    @Test("no answer in time, or a connection closed without one, is the event's own failure")
    func noAnswer() {
        let slow = TransportError(stage: .http, message: "no answer of 127.0.0.1 in time", isTimeout: true)
        #expect(WebhookVerdict(slow, timeout: .seconds(30)) == .failed(reason: "no answer within 30 s"))
        let closed = TransportError(stage: .http, message: "127.0.0.1 closed the connection without an answer")
        #expect(
            WebhookVerdict(closed, timeout: .seconds(30))
                == .failed(reason: "127.0.0.1 closed the connection without an answer"))
    }

    @Test("an answer whose body did not come to its end counts by its status")
    func slowBody() {
        for isTimeout in [false, true] {
            let error = { TransportError(stage: .http, message: "x", isTimeout: isTimeout, status: $0) }
            #expect(WebhookVerdict(error(200), timeout: .seconds(1)) == .taken)
            #expect(kind(WebhookVerdict(error(503), timeout: .seconds(1))) == .down)
            #expect(kind(WebhookVerdict(error(410), timeout: .seconds(1))) == .unwanted)
            #expect(WebhookVerdict(error(404), timeout: .seconds(1)) == .failed(reason: "404 Not Found"))
        }
        let provisional = TransportError(stage: .http, message: "x", isTimeout: true, status: 100)
        #expect(WebhookVerdict(provisional, timeout: .seconds(1)) == .failed(reason: "no answer within 1 s"))
    }

    @Test("a reason has at most 500 bytes, and is text to its end")
    func longReason() throws {
        let error = TransportError(stage: .http, message: String(repeating: "ж", count: 400))
        guard case .failed(let reason) = WebhookVerdict(error, timeout: .seconds(1)) else {
            Issue.record("no failure")
            return
        }
        #expect(reason.utf8.count <= 500 && reason.hasPrefix("жжж"))
    }

    @Test(
        "Retry-After is obeyed, in seconds or as a date of any of the three forms, up to an hour",
        arguments: [
            ("0", 0), ("120", 120), ("3600", 3600), ("3601", 3600), ("99999999999999999999999", 3600),
            ("Sun, 22 Nov 2026 09:02:00 GMT", 120), ("Sunday, 22-Nov-26 09:02:00 GMT", 120),
            ("Sun Nov 22 09:02:00 2026", 120), ("Sun, 22 Nov 2026 08:00:00 GMT", 0),
            ("Mon, 23 Nov 2026 09:00:00 GMT", 3600), ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
        ])
    func retryAfter(_ value: String, _ seconds: Int) {
        for status in [429, 503] {
            let response = HTTPResponse(status: status, headers: [("retry-after", value)])
            guard case .targetDown(_, let wait) = WebhookVerdict(response, now: now) else {
                Issue.record("\(status)")
                continue
            }
            #expect(wait == .seconds(seconds))
        }
    }

    @Test(
        "what is no Retry-After is none",
        arguments: [
            "", "-1", "1.5", "soon", "Sun, 32 Nov 2026 09:02:00 GMT", "Sun, 22 Nov 2026 24:00:00 GMT",
            "Sun, 22 Foo 2026 09:02:00 GMT", "Sun, 22 Nov 2026 09:02 GMT", "Sun, 22 Nov 2026 09:02:00 CET",
            "Sun, 22 Nov 99999 09:02:00 GMT", "٣", ", , , , , ", ":::", String(repeating: "1 ", count: 100),
        ])
    func noRetryAfter(_ value: String) {
        let response = HTTPResponse(status: 503, headers: [("retry-after", value)])
        guard case .targetDown(_, nil) = WebhookVerdict(response, now: now) else {
            Issue.record("\(value)")
            return
        }
    }

    @Test("dates are as Foundation reads them")
    func dates() throws {
        let format = DateFormatter()
        format.locale = Locale(identifier: "en_US_POSIX")
        format.timeZone = TimeZone(secondsFromGMT: 0)
        format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        for step in 0..<2000 {
            // About every 17 days, through leap days and turns of centuries.
            let date = Date(timeIntervalSince1970: Double(step) * 1_500_007)
            let text = format.string(from: date)
            #expect(
                RetryAfter.duration(text, now: 0) == .seconds(Int64(min(date.timeIntervalSince1970, 1e9))), "\(text)")
        }
    }

    @Test("nothing of an answer but its status gets into messages")
    func noSecrets() {
        let response = HTTPResponse(status: 503, headers: [("x", "hunter2")], body: Array("hunter2".utf8))
        #expect(!"\(WebhookVerdict(response, now: now))".contains("hunter2"))
    }
}

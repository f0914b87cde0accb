import PullProtocol
import Testing

struct HandshakeMeaningTests {
    @Test(
        "A refused channel in the handshake is as a close 4010 (K7)",
        arguments: ["Wrong Channel Id.", "4010: Wrong Channel Id.", "\r\nwrong channel id"])
    func wrongChannel(body: String) {
        let verdict = HandshakeMeaning.of(status: 400, body: body)
        #expect(
            verdict.action == .refetch && verdict.delay == 6...35 && verdict.code == 4010 && !verdict.countsAsBlocked)
        #expect(HandshakeMeaning.of(status: 400, body: body, repeats: 1).obeysSchedule)
    }

    @Test(
        "Answers that are no upgrade (K8)",
        arguments: [
            (200, "", Decision.reconnect, true), (302, "", .refetch, true), (301, "", .refetch, true),
            (308, "", .refetch, true),
            (400, "4036: Wrong Client Id.", .refetch, false), (400, "Wrong Client Id.", .refetch, false),
            (400, "Bad Request", .refetch, false), (400, "<html>400</html>", .refetch, true),
            (401, "", .refetch, false),
            (403, "", .refetch, true), (404, "", .refetch, true), (405, "", .reconnect, true),
            (407, "", .reconnect, true),
            (426, "", .reconnect, true), (429, "", .reconnect, false), (500, "4010: x", .reconnect, true),
            (502, "", .reconnect, true), (503, "", .reconnect, false), (101, "", .reconnect, true),
            (0, "", .reconnect, true),
        ])
    func statuses(status: Int, body: String, action: Decision, blocked: Bool) {
        let verdict = HandshakeMeaning.of(status: status, body: body)
        #expect(verdict.action == action)
        #expect(verdict.countsAsBlocked == blocked)
        #expect(verdict.obeysSchedule && verdict.isFailure && verdict.keepsPosition && !verdict.hasMessages)
    }

    @Test("An overloaded server says how long to wait, and is believed up to an hour")
    func retryAfter() {
        #expect(HandshakeMeaning.of(status: 503, body: "").delay == nil)
        #expect(HandshakeMeaning.of(status: 503, body: "", retryAfter: 30).delay?.lowerBound == 30)
        #expect(HandshakeMeaning.of(status: 503, body: "", retryAfter: .max).delay?.lowerBound == 3600)
        #expect(HandshakeMeaning.of(status: 429, body: "", retryAfter: -1).delay?.lowerBound == 60)
        #expect(HandshakeMeaning.of(status: 429, body: "", retryAfter: 120).delay?.lowerBound == 120)
    }

    @Test("Refusals that last are taken for a block: ten minutes, then an hour, with an alarm")
    func block() {
        let limits = (0..<4).map { HandshakeMeaning.of(status: 429, body: "", repeats: $0) }
        #expect(limits.map { $0.delay?.lowerBound } == [60, 600, 3600, 3600])
        #expect(limits.map { $0.alarm != nil } == [false, true, true, true])
        let page = "<html>403</html>"
        let pages = (0..<6).map { HandshakeMeaning.of(status: 403, body: page, repeats: $0) }
        #expect(pages.map { $0.delay?.lowerBound } == [nil, nil, nil, nil, 600, 3600])
        #expect(HandshakeMeaning.of(status: 403, body: page, version: 2, repeats: 9).delay == nil)
        #expect(HandshakeMeaning.of(status: 404, body: "", repeats: 1).alarm != nil)
    }
}

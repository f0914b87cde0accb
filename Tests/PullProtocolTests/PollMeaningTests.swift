import Events
import PullProtocol
import Testing

struct PollMeaningTests {
    static let mark = ("Expires", "Thu, 01 Jan 1973 11:11:01 GMT")

    private func poll(
        _ status: Int, _ body: String = "", headers: [(String, String)] = [], position: Position = .none,
        version: Int = 4, repeats: Int = 0
    ) -> Verdict {
        PollMeaning.of(
            status: status, headers: headers.map { (name: $0.0, value: $0.1) }, body: Array(body.utf8),
            position: position, version: version, repeats: repeats)
    }

    @Test(
        "A 304 moves the position only with the server's mark and where there is none yet (L1, L2, L3, L4, L5)",
        arguments: [
            ("L1", [mark, ("Last-Message-Id", Vectors.a.description)], Position.none, Vectors.a),
            ("L1, lower case", [("expires", mark.1), ("last-message-id", Vectors.a.description)], .none, Vectors.a),
            ("L2", [mark, ("Last-Message-Id", Vectors.a.description)], .message(Vectors.b), nil),
            ("L2, 26 zeros", [mark, ("Last-Message-Id", Vectors.a.description)], .retained, nil),
            ("L3, other date", [("Expires", "0"), ("Last-Message-Id", Vectors.a.description)], .none, nil),
            ("L3, no date", [("Last-Message-Id", Vectors.a.description)], .none, nil),
            ("L4", [mark, ("Last-Message-Id", "")], .none, nil),
            ("L5", [mark, ("Last-Message-Id", "1700000000000000000000004f")], .none, nil),
        ] as [(String, [(String, String)], Position, MessageID?)])
    func lastMessageID(id: String, headers: [(String, String)], position: Position, adopted: MessageID?) {
        let verdict = poll(304, headers: headers, position: position)
        #expect(verdict.adopts == adopted, "\(id)")
        #expect(verdict.action == .poll && verdict.delay == nil && !verdict.isFailure && !verdict.hasMessages)
    }

    @Test(
        "An empty answer keeps the position and waits a second (L6), on the schedule if it comes again",
        arguments: ["", " \r\n"])
    func empty(body: String) {
        let verdict = poll(200, body, position: .message(Vectors.b))
        #expect(verdict.action == .poll && verdict.delay?.lowerBound == 1 && verdict.keepsPosition)
        #expect(!verdict.obeysSchedule && !verdict.isFailure && !verdict.hasMessages)
        #expect(poll(200, body, repeats: 1).obeysSchedule)
    }

    @Test("Messages are split, then the next poll goes out at once")
    func messages() {
        let verdict = poll(200, "#!NGINXNMS!#{}#!NGINXNME!#")
        #expect(verdict.action == .poll && verdict.delay == nil && verdict.hasMessages && !verdict.isFailure)
        #expect(poll(200, String(repeating: " ", count: 600)).hasMessages)
    }

    @Test("A refused channel: 6 to 35 s (L7)")
    func wrongChannel() {
        let verdict = poll(400, "4010: Wrong Channel Id.")
        #expect(verdict.action == .refetch && verdict.delay == 6...35 && verdict.code == 4010)
    }

    @Test("Too many: a minute at least, the position stays (L8)")
    func tooMany() {
        let verdict = poll(429, position: .message(Vectors.b))
        #expect(verdict.action == .reconnect && verdict.delay?.lowerBound == 60 && verdict.keepsPosition)
        #expect(poll(429, headers: [("Retry-After", "90")]).delay?.lowerBound == 90)
        #expect(poll(429, headers: [("Retry-After", "Thu, 01 Jan")]).delay?.lowerBound == 60)
        #expect(poll(429, "4029: too many").delay?.lowerBound == 60)
    }

    @Test("A page for people is a failure and moves nothing (L9)")
    func html() {
        let verdict = poll(200, "\n<html>502</html>")
        #expect(verdict.action == .reconnect && verdict.obeysSchedule && verdict.isFailure)
        #expect(!verdict.hasMessages && verdict.keepsPosition)
        #expect(verdict == PollMeaning.ofUnknownUnit())
    }

    @Test("What arrived of a broken answer counts (L10)")
    func broken() {
        let verdict = PollMeaning.ofBrokenAnswer(partialBody: Array("#!NGINXNMS!#{".utf8))
        #expect(verdict.hasMessages && verdict.action == .reconnect && verdict.obeysSchedule && verdict.keepsPosition)
        #expect(!PollMeaning.ofBrokenAnswer(partialBody: []).hasMessages)
        #expect(!PollMeaning.ofBrokenAnswer(partialBody: Array("<html>".utf8)).hasMessages)
    }

    @Test("Three time-outs in a row are an error, fewer are not")
    func timeouts() {
        let verdicts = (0..<4).map { PollMeaning.ofTimeout(repeats: $0) }
        #expect(verdicts.map(\.action) == [.poll, .poll, .reconnect, .reconnect])
        #expect(verdicts.map(\.isFailure) == [false, false, true, true])
    }

    @Test(
        "The other answers",
        arguments: [
            (400, "No channel id provided.", Decision.refetch, nil), (400, "Channel id is not correct.", .refetch, nil),
            (400, "4036: Wrong Client Id.", .refetch, nil), (400, "4011: x", .reconnect, nil),
            (400, "?", .refetch, nil),
            (401, "", .refetch, nil), (403, "", .refetch, nil), (403, "<html>", .refetch, 600.0),
            (404, "", .refetch, nil),
            (302, "", .refetch, nil), (409, "", .reconnect, nil), (410, "", .reconnect, nil),
            (413, "", .reconnect, nil),
            (414, "", .reconnect, nil), (500, "", .reconnect, nil), (502, "<html>", .reconnect, nil),
            (503, "", .reconnect, nil),
            (204, "", .reconnect, nil), (206, "x", .reconnect, nil), (0, "", .reconnect, nil),
        ] as [(Int, String, Decision, Double?)])
    func statuses(status: Int, body: String, action: Decision, delay: Double?) {
        let verdict = poll(status, body, position: .message(Vectors.b))
        #expect(verdict.action == action)
        #expect(verdict.delay?.lowerBound == delay)
        #expect(verdict.obeysSchedule && verdict.isFailure && verdict.keepsPosition && !verdict.hasMessages)
        #expect(!verdict.countsAsBlocked)
    }

    @Test("The oldest servers refuse unknown channels by a page, which is no block")
    func oldForbidden() {
        #expect(poll(403, "<html>", version: 2).delay == nil)
        #expect(poll(403, "<html>", repeats: 1).delay?.lowerBound == 3600)
        #expect(poll(404, repeats: 1).alarm != nil)
        #expect(poll(414).alarm != nil)
    }
}

import Events

/// What the answer to a long poll means.
public enum PollMeaning {
    /// The push server's mark on its own answers: a date that no proxy invents.
    public static let expiresMark = "Thu, 01 Jan 1973 11:11:01 GMT"

    /// - Parameters:
    ///   - status: The HTTP status.
    ///   - headers: Names in any case.
    ///   - body: Only its beginning is looked at. Nil: messages have been read from it.
    ///   - position: What is stored, as it was sent.
    ///   - mode: As the configuration in use says.
    ///   - version: As the configuration in use says.
    ///   - repeats: How many answers with the same code came directly before this one; for 200, how many with an empty
    ///     body.
    public static func of(
        status: Int, headers: [(name: String, value: String)], body: [UInt8]?, position: Position = .none,
        mode: PullConfiguration.Mode = .personal, version: Int = 4, repeats: Int = 0
    ) -> Verdict {
        guard let body else { return Verdict(.poll, code: status, isFailure: false, hasMessages: true) }
        let code = effectiveCode(status: status, body: body)
        if 4000...4999 ~= code {
            return CloseMeaning.ofServer(code: code, mode: mode, version: version, repeats: repeats)
        }
        switch status {
        case 200:
            return ofContent(body, repeats: repeats)
        case 304:
            let adopted = position == .none ? lastMessageID(headers) : nil
            return Verdict(.poll, code: code, isFailure: false, adopts: adopted)
        case 400, 401, 300...399:
            return Verdict(.refetch, code: code, obeysSchedule: true)
        case 403:
            // nginx's own push module, the server of versions 1 and 2, refuses unknown channels with a page for people.
            guard version > 2, ServerText.isHTML(body) else {
                return Verdict(.refetch, code: code, obeysSchedule: true)
            }
            return HTTPMeaning.blocked(repeats: repeats)
        case 404:
            let alarm = "The push server has no such address (404)."
            return Verdict(.refetch, code: code, obeysSchedule: true, alarm: repeats > 0 ? alarm : nil)
        case 414:
            return .onSchedule(code, alarm: "Something on the way finds the push server's address too long (414).")
        case 429:
            return HTTPMeaning.tooMany(retryAfter: retryAfter(headers), repeats: repeats)
        case 503:
            return HTTPMeaning.unavailable(retryAfter: retryAfter(headers))
        default:
            return .onSchedule(code)
        }
    }

    /// The poll was given up after the client's own time limit. The first two in a row say nothing: some proxies hold
    /// answers back.
    public static func ofTimeout(repeats: Int = 0) -> Verdict {
        repeats < 2 ? Verdict(.poll, code: timeoutCode, isFailure: false) : .onSchedule(timeoutCode)
    }

    /// The answer broke off, or there was none. Whole messages in what arrived count; an incomplete last one is no
    /// fault of anybody.
    public static func ofBrokenAnswer(partialBody: [UInt8]) -> Verdict {
        var verdict = Verdict.onSchedule(1006)
        verdict.hasMessages = !partialBody.isEmpty && !ServerText.isHTML(partialBody.prefix(512))
        return verdict
    }

    /// A 200 whose body held nothing that could be read.
    public static func ofUnknownUnit() -> Verdict {
        .onSchedule(200)
    }

    /// The push server's code if the body of a refusal names one, else the status.
    public static func effectiveCode(status: Int, body: [UInt8]) -> Int {
        guard 400...499 ~= status else { return status }
        return ServerText.code(in: String(decoding: body.prefix(512), as: UTF8.self)) ?? status
    }

    static let timeoutCode = 408

    private static func ofContent(_ body: [UInt8], repeats: Int) -> Verdict {
        let start = body.prefix(512)
        if body.count <= start.count, start.allSatisfy(ServerText.isBlank) {
            return Verdict(.poll, code: 200, delay: 1...1.2, obeysSchedule: repeats > 0, isFailure: repeats > 0)
        }
        if ServerText.isHTML(start) { return ofUnknownUnit() }
        return Verdict(.poll, code: 200, isFailure: false, hasMessages: true)
    }

    /// The id of the newest stored message, if the answer is surely the push server's own.
    private static func lastMessageID(_ headers: [(name: String, value: String)]) -> MessageID? {
        guard value(of: "expires", in: headers) == expiresMark else { return nil }
        return value(of: "last-message-id", in: headers).flatMap { MessageID($0) }
    }

    private static func retryAfter(_ headers: [(name: String, value: String)]) -> Int? {
        value(of: "retry-after", in: headers).flatMap { Int($0) }
    }

    private static func value(of name: String, in headers: [(name: String, value: String)]) -> String? {
        headers.first { $0.name.lowercased() == name }?.value
    }
}

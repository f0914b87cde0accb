/// What an HTTP answer means that is not the upgrade to WebSocket asked for.
public enum HandshakeMeaning {
    /// - Parameters:
    ///   - status: The HTTP status. 101 belongs here only if the answer was no proper upgrade.
    ///   - body: The beginning of the body or, without one, the status text.
    ///   - retryAfter: Seconds of the header `Retry-After`. More than an hour counts as an hour.
    ///   - mode: As the configuration in use says.
    ///   - version: As the configuration in use says.
    ///   - repeats: How many answers with the same code came directly before this one.
    public static func of(
        status: Int, body: String, retryAfter: Int? = nil, mode: PullConfiguration.Mode = .personal, version: Int = 4,
        repeats: Int = 0
    ) -> Verdict {
        let code = effectiveCode(status: status, body: body)
        if 4000...4999 ~= code {
            return CloseMeaning.ofServer(code: code, mode: mode, version: version, repeats: repeats)
        }
        switch status {
        case 400:
            // Not the push server's own words: it is an old server, or something before it that knows no WebSocket.
            return Verdict(.refetch, code: code, obeysSchedule: true, countsAsBlocked: ServerText.isHTML(body.utf8))
        case 401:
            return Verdict(.refetch, code: code, obeysSchedule: true)
        case 403:
            return forbidden(body: body, version: version, repeats: repeats)
        case 404:
            return Verdict(
                .refetch, code: code, obeysSchedule: true, countsAsBlocked: true,
                alarm: repeats > 0 ? "The push server has no such address (404)." : nil)
        case 429:
            return HTTPMeaning.tooMany(retryAfter: retryAfter, repeats: repeats)
        case 503:
            return HTTPMeaning.unavailable(retryAfter: retryAfter)
        case 300...399:
            return Verdict(.refetch, code: code, obeysSchedule: true, countsAsBlocked: true)
        default:
            return .onSchedule(code, blocked: true)
        }
    }

    /// The push server's code if the body names one, else the status.
    public static func effectiveCode(status: Int, body: String) -> Int {
        guard 400...499 ~= status else { return status }
        return ServerText.code(in: body) ?? (status == 429 ? 429 : status)
    }

    /// The oldest servers refuse an unknown channel so; otherwise it is something on the way. Its pages for people are
    /// taken for a block only after the way back to long polling has had its chance.
    private static func forbidden(body: String, version: Int, repeats: Int) -> Verdict {
        guard version > 2, repeats >= 4, ServerText.isHTML(body.utf8) else {
            return Verdict(.refetch, code: 403, obeysSchedule: true, countsAsBlocked: true)
        }
        return HTTPMeaning.blocked(repeats: repeats - 4)
    }
}

/// HTTP statuses that mean the same in a handshake and in a poll.
enum HTTPMeaning {
    /// No server's demand keeps this program silent for longer.
    private static let longestWait = 3600

    /// First a minute, as the server asks for too many connections; if it goes on it is taken for a block.
    static func tooMany(retryAfter: Int?, repeats: Int) -> Verdict {
        let asked = Double(min(longestWait, max(0, retryAfter ?? 0)))
        let own: Double = [60, 600][safe: repeats] ?? 3600
        let alarm = "The push server refuses connections: too many requests from this address (429)."
        return Verdict(
            .reconnect, code: 429, delay: Verdict.atLeast(max(own, asked)), obeysSchedule: true,
            alarm: repeats > 0 ? alarm : nil)
    }

    static func unavailable(retryAfter: Int?) -> Verdict {
        guard let retryAfter, retryAfter > 0 else { return .onSchedule(503) }
        let seconds = Double(min(longestWait, retryAfter))
        return Verdict(.reconnect, code: 503, delay: Verdict.atLeast(seconds), obeysSchedule: true)
    }

    /// Ten minutes of silence, then an hour each time.
    static func blocked(repeats: Int) -> Verdict {
        Verdict(
            .refetch, code: 403, delay: Verdict.atLeast(repeats > 0 ? 3600 : 600), obeysSchedule: true,
            alarm: "Something on the way to the push server forbids the connection (403 with a page for people).")
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? {
        indices.contains(index) ? self[index] : nil
    }
}

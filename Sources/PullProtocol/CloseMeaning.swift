/// What the end of a WebSocket connection means (RFC 6455, section 7.4, and the push server's own codes from 4000 on).
public enum CloseMeaning {
    /// The codes that this program closes with.
    public enum Own {
        public static let configurationReplaced = 3000
        public static let channelExpired = 3001
        public static let serverRestarted = 3002
        public static let configurationExpired = 3003
        public static let stopped = 3004
        public static let stuck = 3005
        public static let backendError = 3006
    }

    /// - Parameters:
    ///   - code: As received; 1005 when the close frame had none, 1006 when there was no close frame or no connection,
    ///     1015 for a TLS failure.
    ///   - reason: As received. Servers of version 3 close with 1000 always and say the rest here.
    ///   - requestedByUs: This program sent the first close frame.
    ///   - mode: As the configuration in use says.
    ///   - version: As the configuration in use says.
    ///   - repeats: How many ends with the same code came directly before this one, no good connection in between.
    public static func of(
        code: Int, reason: String, requestedByUs: Bool, mode: PullConfiguration.Mode, version: Int, repeats: Int = 0
    ) -> Verdict {
        if requestedByUs, code == 1000 || code == 1001 || Own.configurationReplaced...Own.stopped ~= code {
            return Verdict(.stop, code: code, isFailure: false)
        }
        let code = effectiveCode(code: code, reason: reason)
        switch code {
        case 403:
            return Verdict(.refetch, code: code, obeysSchedule: true)
        case 4000...4999:
            return ofServer(code: code, mode: mode, version: version, repeats: repeats)
        default:
            return ofStandard(code: code, repeats: repeats)
        }
    }

    /// `code`, or the one that the reason names where `code` itself says nothing.
    public static func effectiveCode(code: Int, reason: String) -> Int {
        guard code == 1000 || code == 1005 else { return code }
        if let number = ServerText.code(in: reason) { return number }
        return ServerText.status(inReason: reason) == 403 ? 403 : code
    }

    private static func ofStandard(code: Int, repeats: Int) -> Verdict {
        switch code {
        case 1001:
            return Verdict(.reconnect, code: code, delay: 1...15, obeysSchedule: repeats > 0)
        case 1002, 1005, 1006, 1008:
            return .onSchedule(code, blocked: true)
        case 1009:
            return Verdict(
                .fallBackToPolling, code: code, obeysSchedule: true,
                alarm: "A message is larger than this program takes; nothing after it can be received over WebSocket.")
        case 1013:
            return Verdict(.reconnect, code: code, delay: Verdict.atLeast(15), obeysSchedule: true)
        case 1015:
            let alarm = "TLS to the push server has failed \(repeats + 1) times in a row."
            return .onSchedule(code, blocked: true, alarm: repeats >= 2 ? alarm : nil)
        default:
            return .onSchedule(code)
        }
    }

    /// The push server's own codes, also where they stand in the body of an HTTP answer.
    static func ofServer(code: Int, mode: PullConfiguration.Mode, version: Int, repeats: Int) -> Verdict {
        switch code {
        case 4010:
            // Whole seconds between 6 and 35 are the official client's spread; from the second time on it would loop.
            return Verdict(.refetch, code: code, delay: 6...35, obeysSchedule: repeats > 0)
        case 4011:
            return .onSchedule(code)
        case 4021:
            return .onSchedule(code, alarm: "The push server refused the signature of a receiver.")
        case 4025:
            return Verdict(.refetch, code: code, obeysSchedule: true)
        case 4029:
            let alarm = """
                More than 100 connections on one channel: the oldest is thrown out again and again. Is another \
                subscriber of the same user running?
                """
            return Verdict(
                .reconnect, code: code, delay: Verdict.atLeast(60), obeysSchedule: true,
                alarm: repeats >= 2 ? alarm : nil)
        case 4036:
            return ofWrongClientID(mode: mode, repeats: repeats)
        case 4012...4020, 4022, 4030, 4031:
            guard version < 5 else { return ofUnknown(code: code, repeats: repeats) }
            return .onSchedule(
                code, alarm: "The push server says that this program sent a wrong request (\(code)): please report it.")
        default:
            return ofUnknown(code: code, repeats: repeats)
        }
    }

    private static func ofWrongClientID(mode: PullConfiguration.Mode, repeats: Int) -> Verdict {
        guard repeats > 0 else { return Verdict(.refetch, code: 4036, obeysSchedule: true) }
        let alarm =
            switch mode {
            case .shared: "The push server does not know the portal's client id. Look at the portal's licence."
            case .personal:
                "The push server wants a client id, but the portal's configuration names none (mode \"personal\")."
            }
        return Verdict(.refetch, code: 4036, delay: Verdict.atLeast(3600), obeysSchedule: true, alarm: alarm)
    }

    private static func ofUnknown(code: Int, repeats: Int) -> Verdict {
        Verdict(repeats > 0 ? .refetch : .reconnect, code: code, obeysSchedule: true)
    }
}

/// What to do about an error of a REST call.
public enum RESTPolicy: Sendable, Hashable {
    /// Which schedule a repetition follows.
    public enum Schedule: Sendable, Hashable {
        /// 1 s … 5 min: the way to the portal.
        case rest
        /// 1 s, then 10 s … 60 s: too many requests from this address.
        case queryLimit
        /// 5 s … 5 min: the portal's own fault.
        case serverFault
    }

    /// Renew the access token and repeat once. If the same comes again it counts as fatal, except `expired_token`,
    /// which then follows the schedule.
    case refreshToken
    /// Passes by itself.
    case retry(Schedule)
    /// Passes by itself or by somebody's hand, not sooner than after so many seconds.
    case retryAfter(Double)
    /// Needs a person. The running connection stays as long as it works; look again after so many seconds, not sooner.
    case fatal(recheckAfter: Double)

    /// - Parameters:
    ///   - error: What was answered.
    ///   - hasToken: The call was made by an OAuth token, which can be renewed. False: by a webhook's address.
    ///   - afterRefresh: The token was renewed for this call already.
    ///   - operatingReset: Seconds until the portal gives this method time again, if its last good answer said so.
    ///   - retryAfter: Seconds of the header `Retry-After`.
    public static func of(
        _ error: RESTError, hasToken: Bool = true, afterRefresh: Bool = false, operatingReset: Double? = nil,
        retryAfter: Double? = nil
    ) -> RESTPolicy {
        switch error.code {
        case "expired_token", "invalid_token", "no_auth_found":
            guard hasToken else { return .fatal(recheckAfter: hour) }
            guard afterRefresh else { return .refreshToken }
            return error.code == "expired_token" ? .retry(.rest) : .fatal(recheckAfter: hour)
        case "query_limit_exceeded":
            return wait(retryAfter) ?? .retry(.queryLimit)
        case "operation_time_limit":
            return .retryAfter(bounded(operatingReset ?? retryAfter ?? 60, from: 1))
        case "overload_limit", "portal_deleted":
            return .retryAfter(hour)
        case "method_confirm_waiting", "server_error":
            return .retryAfter(600)
        case "internal_server_error", "error_unexpected_answer":
            return wait(retryAfter) ?? .retry(.serverFault)
        case "connection_error", "not_json", "incomplete_answer":
            return wait(retryAfter) ?? .retry(.rest)
        case _ where fatalCodes.contains(error.code):
            return .fatal(recheckAfter: hour)
        default:
            return ofStatus(error.status, retryAfter: retryAfter)
        }
    }

    /// A person should hear of it at once.
    public static func alarms(_ error: RESTError) -> Bool {
        switch error.code {
        case "overload_limit", "portal_deleted", "server_error", "method_confirm_waiting": return true
        default: break
        }
        if case .fatal = of(error, afterRefresh: true) { return true }
        return false
    }

    private static let hour = 3600.0

    /// Fatal whatever the status they come with.
    private static let fatalCodes: Set<String> = [
        "wrong_auth_type", "insufficient_scope", "invalid_scope", "invalid_credentials", "user_access_error",
        "access_denied", "authorize_error", "application_not_found", "authorization_error", "method_confirm_denied",
        "invalid_request", "error_method_not_found", "error_core", "error_argument", "user_id_access_error",
        "module_id_error", "command_error", "params_error", "error_batch_method_not_allowed",
        "error_batch_length_exceeded", "invalid_grant", "invalid_client", "payment_required",
    ]

    private static func ofStatus(_ status: Int, retryAfter: Double?) -> RESTPolicy {
        switch status {
        case 408, 429, 500...: wait(retryAfter) ?? .retry(.rest)
        // An error without a known code under a good status: the portal's own trouble.
        case 200...299: .retry(.serverFault)
        default: .fatal(recheckAfter: hour)
        }
    }

    private static func wait(_ seconds: Double?) -> RESTPolicy? {
        seconds.flatMap { $0 > 0 ? .retryAfter(bounded($0, from: 1)) : nil }
    }

    /// No server's demand keeps this program silent for more than an hour.
    private static func bounded(_ seconds: Double, from least: Double) -> Double {
        seconds.isFinite ? min(hour, max(least, seconds)) : hour
    }
}

import Addresses
import JSONText
public import Secrets

/// What an authorisation server answers to the renewal of a token.
public struct OAuthAnswer: Sendable, Hashable {
    public var accessToken: Secret
    /// The new one, to be on disk before the access token is used. Nil: keep the old one, and warn.
    public var refreshToken: Secret?
    /// Unix seconds.
    public var expiry: Int64
    /// REST base of the portal, which may have moved. Nil if there is none that can be used.
    public var clientEndpoint: String?
    /// REST base of the authorisation server. Nil if there is none that can be used.
    public var serverEndpoint: String?
    /// The portal's constant identity.
    public var memberID: String?
    /// Nil if the answer does not tell. The vendor's servers often say `app` in the place of the application's rights.
    public var scopes: [String]?
    /// The private channel is this user's.
    public var userID: Int?

    /// Seconds an access token lives.
    static let usualLifetime = 3600

    /// Sure that the application may not use the push methods: there is a list of rights, and `pull` is not in it.
    public var lacksPullScope: Bool {
        guard let scopes, !scopes.isEmpty, scopes != ["app"] else { return false }
        return !scopes.contains("pull")
    }

    /// Whether the answer is for the portal that is stored. A first answer, without a stored id, always is.
    public func belongs(to storedMemberID: String?) -> Bool {
        storedMemberID == nil || memberID == nil || storedMemberID == memberID
    }

    /// - Parameter now: Unix seconds, for answers without the time of expiry.
    public static func decode(status: Int, body: [UInt8], now: Double) -> Result<OAuthAnswer, RESTError> {
        RESTAnswer.decode(status: status, body: body).flatMap { answer in
            guard let accessToken = token(answer["access_token"]) else {
                return .failure(
                    RESTError(
                        code: "incomplete_answer", explanation: "the answer has no usable access token", status: status)
                )
            }
            let scopes = answer["scope"]?.string?.split(separator: ",")
                .map { part in String(part.drop { $0 == " " }.prefix { $0 != " " }) }
                .filter { !$0.isEmpty }
            return .success(
                OAuthAnswer(
                    accessToken: accessToken, refreshToken: token(answer["refresh_token"]),
                    expiry: expiry(answer, now: now), clientEndpoint: endpoint(answer["client_endpoint"]),
                    serverEndpoint: endpoint(answer["server_endpoint"]),
                    memberID: answer["member_id"]?.lenientText(maximumLength: 256), scopes: scopes,
                    userID: answer["user_id"]?.lenientInt))
        }
    }

    private static func expiry(_ answer: JSONValue, now: Double) -> Int64 {
        if let expiry = Timestamp.parse(answer["expires"]), expiry > 0 { return expiry }
        let lifetime = min(max(answer["expires_in"]?.lenientInt ?? usualLifetime, 0), 366 * 86_400)
        return (Int64(exactly: now.rounded(.down)) ?? 0).addingReportingOverflow(Int64(lifetime)).partialValue
    }

    /// Visible ASCII only: it goes into requests.
    private static func token(_ value: JSONValue?) -> Secret? {
        guard let text = value?.lenientText(), text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else { return nil }
        return Secret(text)
    }

    private static func endpoint(_ value: JSONValue?) -> String? {
        guard let text = value?.string, let address = WebAddress(bare: text), address.query == nil,
            address.scheme == "https" || (address.scheme == "http" && address.isLoopback)
        else { return nil }
        return text
    }
}

/// What to do about an error of the renewal.
public enum OAuthPolicy: Sendable, Hashable {
    /// Another process may have renewed the token: read the stored one again, and try once more if it has changed.
    case rereadStore
    /// The server does not take the POST form: use GET as documented, and remember that.
    case tryGetForm
    /// 5 s, doubling to 5 min.
    case retry
    /// Needs a person; look again after so many seconds, not sooner.
    case fatal(recheckAfter: Double)

    /// - Parameters:
    ///   - usedPost: The request was a POST.
    ///   - storeWasReread: The stored token was read again for this renewal, and has not changed.
    public static func of(_ error: RESTError, usedPost: Bool, storeWasReread: Bool) -> OAuthPolicy {
        switch error.code {
        case "invalid_grant":
            return storeWasReread ? .fatal(recheckAfter: 3600) : .rereadStore
        case "invalid_request":
            return usedPost ? .tryGetForm : .fatal(recheckAfter: 3600)
        case "payment_required":
            return .fatal(recheckAfter: 86_400)
        case "invalid_client", "insufficient_scope", "invalid_scope":
            return .fatal(recheckAfter: 3600)
        default:
            break
        }
        switch error.status {
        case 404, 405: return usedPost ? .tryGetForm : .fatal(recheckAfter: 3600)
        case 408, 429, 500..., 200...299: return .retry
        default: return .fatal(recheckAfter: 3600)
        }
    }
}

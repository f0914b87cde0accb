public import Secrets

/// What a REST call to an application's portal needs.
public struct AccessToken: Sendable, Hashable {
    public let secret: Secret
    /// Grows with each new token of an authorisation, so that a caller can say which one was refused.
    let generation: UInt64
    /// REST base of the portal, as the authorisation server named it last; nil: made from the portal's address.
    public let endpoint: String?
}

/// Why there is no access token. Holds no secrets.
public struct AuthorisationFailure: Error, Sendable, Hashable {
    public enum Code: Sendable, Hashable {
        /// Nobody has authorised the application yet.
        case absent
        /// The authorisation server's word.
        case refused(String)
        /// The authorisation server could not be asked.
        case unreachable
        /// The answer is for another portal.
        case otherPortal
        /// There is a new token, and it cannot be kept: it is not used until it is.
        case notStored
        /// The stored tokens cannot be read, or another process is changing them.
        case store
        /// What a person has pasted is not what was asked for.
        case input
        /// The caller gave up waiting.
        case cancelled
    }

    public var code: Code
    /// For people: what happened.
    public var message: String
    /// For people: what to do about it.
    public var cure: String
    /// Seconds after which to ask again.
    public var retryAfter: Double
    /// Only a person can mend it.
    public var needsPerson: Bool
}

/// What is worth a line in the log. Holds no secrets.
public enum AuthorisationNote: Sendable, Hashable {
    /// - refreshTokenIsNew: false: the answer brought none; the old one is kept.
    case renewed(refreshTokenIsNew: Bool, hasPullScope: Bool)
    /// Another process, or a person, has stored newer tokens, or the settings have a newer one.
    case foundNewer
    /// The authorisation server names another address of the portal than before.
    case moved(host: String)
    /// The server takes no POST form: the documented GET from now on.
    case usesGet
    /// The answer to a renewal was lost: the server may have made a new refresh token that nobody knows.
    case answerLost
    case failed(AuthorisationFailure)
    /// A new token was never stored, and ends with the portal's session.
    case lost(AuthorisationFailure)
    case damagedStore(TokenStoreError)
}

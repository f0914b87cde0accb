public import PullProtocol
public import Transport

/// Why a call to a portal did not succeed. Holds no secrets.
public struct PortalError: Error, Sendable {
    public enum Code: Sendable, Hashable {
        /// The address cannot be used.
        case address
        /// The way to the portal.
        case transport(TransportError.Stage)
        /// The portal's own word.
        case rest(RESTError)
        /// There is no access token to ask with.
        case authorisation(AuthorisationFailure.Code)
        /// An answer that no connection can be made from.
        case configuration(ConfigurationError.Code)
    }

    /// When to try again.
    public enum Retry: Sendable, Hashable {
        /// On a schedule of failures that pass.
        case schedule(RESTPolicy.Schedule)
        /// Not sooner than after so many seconds.
        case after(Double)
    }

    public var code: Code
    /// For people: stage and what happened.
    public var message: String
    /// For people: what to do about it.
    public var cure: String
    public var retry: Retry
    /// Only a person can mend it: another authorisation, a right, a scope.
    public var needsPerson: Bool

    private init(_ code: Code, _ message: String, cure: String, retry: Retry, needsPerson: Bool = false) {
        self.code = code
        self.message = message
        self.cure = cure
        self.retry = retry
        self.needsPerson = needsPerson
    }

    static func address(_ message: String, cure: String) -> PortalError {
        PortalError(.address, message, cure: cure, retry: .after(3600), needsPerson: true)
    }

    init(transport error: TransportError) {
        self.init(
            .transport(error.stage), "\(error.stage.rawValue): \(error.message)", cure: error.cure,
            retry: .schedule(.rest))
    }

    init(configuration error: ConfigurationError) {
        self.init(
            .configuration(error.code), "configuration: \(error.message)", cure: error.cure,
            retry: error.retryAfter.map { .after($0) } ?? .schedule(.rest))
    }

    init(authorisation failure: AuthorisationFailure) {
        self.init(
            .authorisation(failure.code), failure.message, cure: failure.cure, retry: .after(failure.retryAfter),
            needsPerson: failure.needsPerson)
    }

    /// A redirect that the authorisation server does not confirm.
    init(moved error: RESTError) {
        self.init(
            .rest(error), "rest: the portal's address answers with a redirect (HTTP \(error.status))",
            cure: "If the portal has a new name, write its new address as `url` into the settings.",
            retry: .after(3600), needsPerson: true)
    }

    /// A token that cannot be renewed and has run out needs a person, like every fatal error.
    init(rest error: RESTError, policy: RESTPolicy) {
        let message = "rest: the portal refuses: \(error.description)"
        switch policy {
        case .retry(let schedule):
            self.init(.rest(error), message, cure: error.cure, retry: .schedule(schedule))
        case .retryAfter(let seconds):
            self.init(.rest(error), message, cure: error.cure, retry: .after(seconds))
        case .refreshToken:
            let cure = "The access token has run out or is wrong: put a new one into the settings."
            self.init(.rest(error), message, cure: cure, retry: .after(3600), needsPerson: true)
        case .fatal(let seconds):
            self.init(.rest(error), message, cure: error.cure, retry: .after(seconds), needsPerson: true)
        }
    }
}

extension PortalError: CustomStringConvertible {
    public var description: String { cure.isEmpty ? message : "\(message) (\(cure))" }
}

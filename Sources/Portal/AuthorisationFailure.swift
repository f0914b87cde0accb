import PullProtocol
import Transport

extension AuthorisationFailure {
    static func otherPortal(_ application: OAuthApplication) -> AuthorisationFailure {
        AuthorisationFailure(
            code: .otherPortal,
            message:
                "token: the authorisation server's answer is for another portal (member_id) than the stored tokens",
            cure: """
                check that the refresh token in the settings is of this portal, then \(application.login); if the portal \
                was made anew, remove tokens/\(application.portal).json from the state directory first
                """,
            retryAfter: AuthorisationMachine.localLook, needsPerson: true)
    }

    static func refused(
        _ error: RESTError, _ application: OAuthApplication, answerWasLost: Bool
    ) -> AuthorisationFailure {
        var message = "token: the authorisation server refuses to renew the token: \(error.description)"
        if answerWasLost { message += "; an earlier answer was lost on its way here, and a new token with it" }
        let cure =
            switch error.code {
            case "invalid_grant": application.login
            case _ where 300...399 ~= error.status || error.status == 404:
                "check the portal's oauth `server` in the settings"
            default: error.cure
            }
        return AuthorisationFailure(
            code: .refused(error.code), message: message, cure: cure, retryAfter: AuthorisationMachine.localLook,
            needsPerson: true)
    }

    static func faulty(_ error: RESTError, retryAfter: Double) -> AuthorisationFailure {
        AuthorisationFailure(
            code: .refused(error.code), message: "token: the authorisation server has a fault: \(error.description)",
            cure: "wait: this passes by itself", retryAfter: retryAfter, needsPerson: false)
    }

    static func unreachable(_ error: TransportError, retryAfter: Double) -> AuthorisationFailure {
        AuthorisationFailure(
            code: .unreachable,
            message: "token: the authorisation server cannot be asked: \(error.stage.rawValue): \(error.message)",
            cure: error.cure, retryAfter: retryAfter, needsPerson: false)
    }

    static func notStored(_ error: TokenStoreError, retryAfter: Double) -> AuthorisationFailure {
        AuthorisationFailure(
            code: .notStored,
            message: "token: the new token cannot be stored, and is not used until it is: \(error.message)",
            cure:
                "\(error.cure), and do not stop pulld before, nor reload it with this portal changed: the old token is "
                + "used up",
            retryAfter: retryAfter, needsPerson: false)
    }

    /// It was never on disk, and there is no further chance.
    static func lost(_ last: AuthorisationFailure, _ application: OAuthApplication) -> AuthorisationFailure {
        AuthorisationFailure(
            code: .notStored, message: "\(last.message); nobody has it any more, and the old one is used up",
            cure: "when that is mended, \(application.login)", retryAfter: AuthorisationMachine.localLook,
            needsPerson: true)
    }

    static func store(_ error: TokenStoreError, retryAfter: Double) -> AuthorisationFailure {
        AuthorisationFailure(
            code: .store, message: "token: \(error.message)", cure: error.cure, retryAfter: retryAfter,
            needsPerson: false)
    }

    static let cancelled = AuthorisationFailure(
        code: .cancelled, message: "token: the wait for a new token was given up", cure: "", retryAfter: 5,
        needsPerson: false)
}

import Logging
import Portal
import Secrets
import Settings
import Transport

extension Assembly {
    /// What opens a portal.
    ///
    /// - Parameter place: the portal's in the configuration file, for errors.
    func credential(
        of portal: PortalSettings, _ place: String, _ http: any HTTPClient, _ network: NetworkOptions
    ) throws(StartFailure) -> PortalCredential {
        switch portal.access {
        case .webhook(let source): return .webhook(address: try resolve(source, "\(place).webhook"))
        case .oauth(let oauth): return .application(try authorisation(oauth, of: portal, place, http, network))
        }
    }

    private func authorisation(
        _ oauth: OAuthSettings, of portal: PortalSettings, _ place: String, _ http: any HTTPClient,
        _ network: NetworkOptions
    ) throws(StartFailure) -> Authorisation {
        let accessToken = try resolve(oauth.accessToken, "\(place).oauth.access_token")
        guard let clientID = oauth.clientID, let secret = oauth.clientSecret else {
            guard let accessToken else {
                throw StartFailure(.configuration, "\(place).oauth: there is neither a token nor an application")
            }
            return .fixed(accessToken: accessToken)
        }
        let application = OAuthApplication(
            portal: portal.name, url: portal.url, clientID: clientID,
            clientSecret: try resolve(secret, "\(place).oauth.client_secret"), server: oauth.server)
        // A mistake in the settings is told at the start, not at the first renewal.
        _ = try resolve(oauth.refreshToken, "\(place).oauth.refresh_token")
        let storage: any TokenStorage = state.map { TokenStore(state: $0, portal: portal.name) } ?? MemoryTokenStore()
        let secrets = secrets
        var surroundings = Authorisation.Surroundings(storage: storage, http: http) {
            AuthorisationSeed(
                refreshToken: oauth.refreshToken.flatMap { try? $0.resolve(environment: secrets).secret },
                accessToken: accessToken)
        }
        surroundings.network = network
        surroundings.budget = budgets.authorisationServers
        var logger = logger
        logger[metadataKey: "portal"] = "\(portal.name)"
        surroundings.onNote = { [logger] in logger.tell($0) }
        return Authorisation(application, surroundings)
    }

    private func resolve(_ source: SecretSource?, _ place: String) throws(StartFailure) -> Secret? {
        guard let source else { return nil }
        return try resolve(source, place) as Secret
    }
}

extension Logger {
    /// What an authorisation has to say. Failures are the session's to tell, since it knows when it asks again, but for
    /// those that a person has to mend.
    fileprivate func tell(_ note: AuthorisationNote) {
        switch note {
        case .renewed(let refreshTokenIsNew, let hasPullScope):
            debug("the access token is renewed")
            if !refreshTokenIsNew {
                warning("the authorisation server gave no new refresh token: the old one is kept")
            }
            if !hasPullScope {
                warning(
                    "the application lacks the scope pull",
                    metadata: ["cure": "give the application the scope pull, then authorise it again"])
            }
        case .foundNewer: info("there are newer tokens than the ones in use")
        case .moved(let host): notice("the portal has another address", metadata: ["host": "\(host)"])
        case .usesGet: info("the authorisation server takes no POST form: the documented GET is used")
        case .answerLost:
            warning("the answer to a renewal was lost: a new refresh token may be lost with it")
        case .failed(let failure):
            let metadata: Metadata = ["cause": "\(failure.message)", "cure": "\(failure.cure)"]
            if failure.needsPerson || failure.code == .notStored {
                error("the access token cannot be renewed", metadata: metadata)
            } else {
                debug("the access token could not be renewed", metadata: metadata)
            }
        case .lost(let failure):
            error(
                "the new token is lost: it could not be stored",
                metadata: ["cause": "\(failure.message)", "cure": "\(failure.cure)"])
        case .damagedStore(let damage):
            error(
                "the stored tokens cannot be read", metadata: ["cause": "\(damage.message)", "cure": "\(damage.cure)"])
        }
    }
}

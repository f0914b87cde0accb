import Portal
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
        case .oauth(let oauth):
            guard let source = oauth.accessToken else {
                throw StartFailure(
                    .configuration,
                    "\(place).oauth: this version does not renew tokens yet; give an access_token")
            }
            return .application(accessToken: try resolve(source, "\(place).oauth.access_token"))
        }
    }
}

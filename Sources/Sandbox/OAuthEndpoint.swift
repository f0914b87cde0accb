import JSONText

/// The authorisation server: the token endpoint with the grants for a code and for a refresh token, as a POST form and as
/// the documented GET, and the page where a person lets the application in.
struct OAuthEndpoint: Sendable {
    static let path = "/oauth/token/"
    static let authorisePath = "/oauth/authorize/"
    private static let memberID = "0123456789abcdef0123456789abcdef"
    /// The application's rights, as the page of the portal names them.
    private static let scope = "pull,pull_channel"
    /// What the vendor's token server says in the place of the rights.
    private static let tokenScope = "app"

    let options: SandboxOptions
    let authorisations: Authorisations
    let addresses: PortalAddresses
    let faults: Faults

    func answer(_ request: WebRequest) async -> WebReply {
        let delay = faults.tokenDelay
        if delay > 0 { try? await Task.sleep(for: .seconds(delay)) }
        if let blockade = faults.tokenBlockade { return await blockade.reply(while: { faults.tokenBlockade != nil }) }
        if faults.refusesTokenPosts, request.method == "POST" { return .text("Method Not Allowed", status: 405) }
        let reply = grant(request)
        // The tokens are new, and nobody hears of it.
        return reply.status == 200 && faults.takeLostTokenAnswer() ? .cut : reply
    }

    private func grant(_ request: WebRequest) -> WebReply {
        let fields = request.method == "POST" ? request.form : request.query
        guard let grant = fields.single("grant_type"), ["refresh_token", "authorization_code"].contains(grant),
            let key = fields.single(grant == "refresh_token" ? "refresh_token" : "code")
        else {
            return refuse("invalid_request", "The request is missing a required parameter.")
        }
        guard fields.single("client_id") == options.clientID,
            fields.single("client_secret") == options.clientSecret
        else {
            return refuse("invalid_client", "The client credentials are invalid.")
        }
        let isRenewal = grant == "refresh_token"
        let issued = isRenewal ? authorisations.rotate(refreshToken: key) : authorisations.redeem(code: key)
        guard let credentials = issued else { return refuse("invalid_grant", "The grant is invalid.") }
        let life = faults.tokenLife ?? options.tokenLife
        return .json(
            .object([
                ("access_token", .string(credentials.accessToken)),
                ("expires", .integer(Int(options.clock() + life))),
                ("expires_in", .integer(Int(life))),
                ("scope", .string(Self.tokenScope)),
                ("domain", .string("oauth.bitrix24.tech")),
                ("server_endpoint", .string(addresses.oauthRESTBase)),
                ("status", .string("L")),
                ("client_endpoint", .string(addresses.restBase)),
                ("member_id", .string(faults.memberID ?? Self.memberID)),
                ("user_id", .integer(credentials.user)),
                ("refresh_token", .string(credentials.refreshToken)),
            ]))
    }

    /// Everybody who asks is let in, as `user` (1): there is no page with a button. The application's handler is an address
    /// that answers nothing of use: what matters stands in it.
    func authorise(_ request: WebRequest) -> WebReply {
        let query = request.query
        guard query.single("client_id") == options.clientID, query.single("response_type") == "code" else {
            return .text("The application is not known here.", status: 400)
        }
        let user = query.single("user").flatMap { Int($0) } ?? 1
        guard let code = authorisations.issueCode(for: user) else { return .text("No such user.", status: 400) }
        var fields = [("code", code), ("domain", "portal"), ("member_id", Self.memberID), ("scope", Self.scope)]
        if let state = query.single("state") { fields.append(("state", state)) }
        let text = fields.map { "\($0.0)=\(FormFields.encode($0.1))" }.joined(separator: "&")
        let place = (name: "Location", value: "\(addresses.base)/sandbox/handler?\(text)")
        return .response(status: 302, headers: [place], body: [])
    }

    private func refuse(_ code: String, _ description: String) -> WebReply {
        .json(.object([("error", .string(code)), ("error_description", .string(description))]), status: 400)
    }
}

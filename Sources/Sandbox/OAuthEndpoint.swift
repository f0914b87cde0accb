import JSONText

/// The authorisation server's token endpoint: the refresh grant, as a POST form and as the documented GET.
struct OAuthEndpoint: Sendable {
    static let path = "/oauth/token/"

    let options: SandboxOptions
    let authorisations: Authorisations
    let addresses: PortalAddresses

    func answer(_ request: WebRequest) -> WebReply {
        let fields = request.method == "POST" ? request.form : request.query
        guard fields.single("grant_type") == "refresh_token", let token = fields.single("refresh_token") else {
            return refuse("invalid_request", "The request is missing a required parameter.")
        }
        guard fields.single("client_id") == options.clientID,
            fields.single("client_secret") == options.clientSecret
        else {
            return refuse("invalid_client", "The client credentials are invalid.")
        }
        guard let credentials = authorisations.rotate(refreshToken: token) else {
            return refuse("invalid_grant", "The refresh token is invalid.")
        }
        let now = options.clock()
        return .json(
            .object([
                ("access_token", .string(credentials.accessToken)),
                ("expires", .integer(Int(now + options.tokenLife))),
                ("expires_in", .integer(Int(options.tokenLife))),
                ("scope", .string("pull,pull_channel")),
                ("domain", .string("oauth.bitrix24.tech")),
                ("server_endpoint", .string(addresses.oauthRESTBase)),
                ("status", .string("L")),
                ("client_endpoint", .string(addresses.restBase)),
                ("member_id", .string("0123456789abcdef0123456789abcdef")),
                ("user_id", .integer(credentials.user)),
                ("refresh_token", .string(credentials.refreshToken)),
            ]))
    }

    private func refuse(_ code: String, _ description: String) -> WebReply {
        .json(.object([("error", .string(code)), ("error_description", .string(description))]), status: 400)
    }
}

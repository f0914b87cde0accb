/// `portals:` of the file.
extension SettingsNode {
    func portal(named name: String) -> PortalSettings? {
        let keys = [
            "url", "oauth", "webhook", "channels", "transport", "start", "tls", "proxy", "refresh_margin", "audit",
            "max_backoff", "websocket_trial", "request_limit", "json_rpc", "heartbeat",
        ]
        guard let fields = fields(keys, example: "{ url: …, oauth: … }") else { return nil }
        let example = "https://acme.bitrix24.com"
        let url = fields.required("url", example: "url: \(example)")?.origin(of: "a portal", example: example)
        let access = access(fields)
        let channels = fields["channels"]?.channels()
        let transport = fields["transport"]?.word(PortalSettings.Transport.self)
        let caFile = fields["tls"]?.authorities()
        let proxy = fields["proxy"]?.proxy()
        let margin = fields["refresh_margin"]?.duration(in: .seconds(10)...(.seconds(86_400)), said: "10s to 24h")

        guard let url, let access else { return nil }
        var portal = PortalSettings(
            name: name, url: url, access: access, channels: channels ?? Set(PortalSettings.Channel.allCases),
            transport: transport ?? .auto, caFile: caFile, proxy: proxy,
            refreshMargin: margin ?? PortalSettings.defaultRefreshMargin)
        subscription(fields, of: &portal)
        return portal
    }

    /// `tls:`, the file of trusted authorities.
    func authorities() -> String? {
        let example = "{ ca_file: /PATH }"
        return fields(["ca_file"], example: example)?.required("ca_file", example: example)?.absolutePath()
    }

    /// How the subscription is kept whole.
    private func subscription(_ fields: SettingsFields, of portal: inout PortalSettings) {
        if let start = fields["start"]?.word(PortalSettings.Start.self) { portal.start = start }
        if let audit = fields["audit"] { portal.audit = audit.audit() }
        let backoff = fields["max_backoff"]?.duration(in: .seconds(1)...(.seconds(3600)), said: "1s to 1h")
        if let backoff { portal.maximumBackoff = backoff }
        let trial = fields["websocket_trial"]?.duration(in: .seconds(1)...(.seconds(86_400)), said: "1s to 24h")
        if let trial { portal.webSocketTrial = trial }
        portal.requestLimit = fields["request_limit"]?.requestLimit()
        if let allows = fields["json_rpc"]?.truth() { portal.allowsJSONRPC = allows }
        portal.heartbeat = fields["heartbeat"]?.heartbeat(portal)
    }

    /// A tenth of the requests that the cloud lets through goes into the shortest interval.
    private func heartbeat(_ portal: PortalSettings) -> Duration? {
        if node.scalar?.string == "off" { return nil }
        let interval = duration(in: .seconds(10)...(.seconds(3600)), said: "10s to 1h")
        if case .webhook = portal.access {
            problem("an incoming webhook cannot publish events", cure: "leave heartbeat: out, or use oauth:")
            return nil
        }
        guard portal.channels.contains(.private) else {
            problem("heartbeats come through the private channel", cure: "add private to channels:")
            return nil
        }
        return interval
    }

    private func audit() -> AuditSettings? {
        if node.scalar?.string == "off" { return nil }
        guard let fields = fields(["interval", "lag"], example: "{ interval: 5m, lag: 5m }, or off") else { return nil }
        var audit = AuditSettings()
        let range = Duration.seconds(10)...(.seconds(3600))
        if let interval = fields["interval"]?.duration(in: range, said: "10s to 1h") { audit.interval = interval }
        if let lag = fields["lag"]?.duration(in: range, said: "10s to 1h") { audit.lag = lag }
        return audit
    }

    private func requestLimit() -> RequestLimitSettings? {
        if node.scalar?.string == "off" { return .off }
        let example = "{ burst: 250, per_second: 5 }"
        guard let fields = fields(["burst", "per_second"], example: "\(example), or off") else { return nil }
        let burst = fields.required("burst", example: example)?.wholeNumber(in: 1...10_000)
        let perSecond = fields.required("per_second", example: example)?.wholeNumber(in: 1...1_000)
        guard let burst, let perSecond else { return nil }
        return .bucket(burst: burst, perSecond: perSecond)
    }

    private func access(_ fields: SettingsFields) -> PortalAccess? {
        switch (fields["oauth"], fields["webhook"]) {
        case (let oauth?, nil): return oauth.oauth().map(PortalAccess.oauth)
        case (nil, let webhook?): return webhook.secret().map(PortalAccess.webhook)
        case (_?, let webhook?):
            webhook.problem("a portal has oauth or webhook, not both", cure: "keep one of them")
        case (nil, nil):
            log.add(
                nameMark, key: key, "nothing says how to get in",
                cure: "write oauth: for an application's channels, or webhook: for a user's own")
        }
        return nil
    }

    private func oauth() -> OAuthSettings? {
        let keys = ["client_id", "client_secret", "refresh_token", "access_token", "server"]
        guard let fields = fields(keys, example: "{ client_id: …, client_secret: …, refresh_token: … }") else {
            return nil
        }
        var oauth = OAuthSettings()
        oauth.clientID = fields["client_id"]?.text()
        oauth.clientSecret = fields["client_secret"]?.secret()
        oauth.refreshToken = fields["refresh_token"]?.secret()
        oauth.accessToken = fields["access_token"]?.secret()
        oauth.server = fields["server"]?.origin(
            of: "an authorisation server", example: "https://oauth.bitrix24.tech")

        // Without any token a person authorises the application: pulld login.
        if fields["access_token"] == nil || fields["refresh_token"] != nil {
            _ = fields.required(
                "client_id", example: "client_id: local.…; or access_token: { env: NAME } alone for a first try")
            _ = fields.required("client_secret", example: "client_secret: { credential: NAME }")
        }
        return oauth
    }

    private func channels() -> Set<PortalSettings.Channel>? {
        guard let list = list() else { return nil }
        if list.isEmpty {
            problem("no channel", cure: "write [shared, private], or leave the key out")
            return nil
        }
        var channels: Set<PortalSettings.Channel> = []
        for element in list {
            guard let channel = element.word(PortalSettings.Channel.self) else { continue }
            if !channels.insert(channel).inserted {
                element.problem("\(channel.rawValue) is there twice", cure: "keep one of them")
            }
        }
        return channels
    }
}

extension SettingsNode {
    /// The whole file. Nil only after a problem; problems may have been noted all the same when it is not nil.
    func settings() -> Settings? {
        let keys = ["state", "portals", "sinks", "log"]
        guard let fields = fields(keys, example: "portals: and sinks:") else { return nil }
        let state = fields["state"]?.absolutePath()
        let log = fields["log"]?.logSettings()

        let portalsNode = fields.required("portals", example: "portals: { acme: { url: …, oauth: … } }")
        let portalNames = portalsNode?.node.mapping?.compactMap { $0.key.scalar?.string } ?? []
        let portals = portalsNode?.namedEntries("portal", "acme: { url: …, oauth: … }") { $0.portal(named: $1) }

        let sinksNode = fields.required("sinks", example: "sinks: { terminal: { stdout: {} } }")
        let sinks = sinksNode?.namedEntries("sink", "terminal: { stdout: {} }") { $0.sink(named: $1, portalNames) }
        sinksNode?.checkDistinctTargets(sinks ?? [])

        guard let portals, let sinks else { return nil }
        return Settings(state: state, portals: portals, sinks: sinks, log: log ?? LogSettings())
    }

    private func namedEntries<Value>(
        _ thing: String, _ example: String, _ read: (SettingsNode, _ name: String) -> Value?
    ) -> [Value]? {
        guard let entries = entries(example: example) else { return nil }
        if entries.isEmpty {
            problem("there is no \(thing)", cure: "write \(example)")
            return nil
        }
        return entries.compactMap { name, value in
            let checked = name.checkedName(of: thing)
            let read = read(value, checked ?? "")
            return checked == nil ? nil : read
        }
    }

    private func logSettings() -> LogSettings? {
        guard let fields = fields(["level", "format"], example: "{ level: info, format: auto }") else { return nil }
        var log = LogSettings()
        if let level = fields["level"]?.word(LogSettings.Level.self) { log.level = level }
        if let format = fields["format"]?.word(LogSettings.Format.self) { log.format = format }
        return log
    }

    // MARK: portals

    private func portal(named name: String) -> PortalSettings? {
        let keys = ["url", "oauth", "webhook", "channels", "transport", "tls", "proxy", "refresh_margin"]
        guard let fields = fields(keys, example: "{ url: …, oauth: … }") else { return nil }
        let example = "https://acme.bitrix24.com"
        let url = fields.required("url", example: "url: \(example)")?.origin(of: "a portal", example: example)
        let access = access(fields)
        let channels = fields["channels"]?.channels()
        let transport = fields["transport"]?.word(PortalSettings.Transport.self)
        let caFile = fields["tls"]?.fields(["ca_file"], example: "{ ca_file: /PATH }")?
            .required("ca_file", example: "{ ca_file: /PATH }")?.absolutePath()
        let proxy = fields["proxy"]?.proxy()
        let margin = fields["refresh_margin"]?.duration(in: .seconds(10)...(.seconds(86_400)), said: "10s to 24h")

        guard let url, let access else { return nil }
        return PortalSettings(
            name: name, url: url, access: access, channels: channels ?? Set(PortalSettings.Channel.allCases),
            transport: transport ?? .auto, caFile: caFile, proxy: proxy,
            refreshMargin: margin ?? PortalSettings.defaultRefreshMargin)
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

        if fields["access_token"] == nil || fields["refresh_token"] != nil {
            _ = fields.required("client_id", example: "client_id: local.…")
            _ = fields.required("client_secret", example: "client_secret: { credential: NAME }")
            _ = fields.required(
                "refresh_token",
                example: "refresh_token: { credential: NAME }, or access_token: { env: NAME } for a first try")
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

    // MARK: sinks

    private func sink(named name: String, _ portalNames: [String]) -> SinkSettings? {
        let kinds = ["file", "webhook", "stdout"]
        guard let fields = fields(kinds + ["portals", "include", "exclude"], example: "{ stdout: {} }") else {
            return nil
        }
        let present = kinds.compactMap { fields[$0] }
        let kind = present.first?.sinkKind(of: fields)
        if present.isEmpty {
            log.add(nameMark, key: key, "nothing says where to", cure: "write file:, webhook: or stdout:")
        }
        for extra in present.dropFirst() {
            extra.problem("a sink has one of file, webhook and stdout", cure: "make it a sink of its own")
        }
        let portals = fields["portals"]?.knownPortals(portalNames)
        let include = fields["include"]?.each { $0.glob() }
        let exclude = fields["exclude"]?.each { $0.glob() }
        guard let kind else { return nil }
        return SinkSettings(
            name: name, kind: kind, portals: portals, include: include ?? [], exclude: exclude ?? [])
    }

    private func sinkKind(of sink: SettingsFields) -> SinkSettings.Kind? {
        if let file = sink["file"] {
            guard let fields = file.fields(["path"], example: "{ path: /PATH }") else { return nil }
            return fields.required("path", example: "path: /PATH")?.absolutePath().map { .file(path: $0) }
        }
        if let webhook = sink["webhook"] {
            let example = "http://127.0.0.1:8080/"
            guard let fields = webhook.fields(["url", "secret"], example: "{ url: \(example) }") else { return nil }
            let secret = fields["secret"]?.secret()
            let url = fields.required("url", example: "url: \(example)")?.loopbackURL(example: example)
            return url.map { .webhook(url: $0, secret: secret) }
        }
        if let output = sink["stdout"] {
            return output.fields([], example: "stdout: {}").map { _ in .standardOutput }
        }
        return nil
    }

    private func knownPortals(_ portalNames: [String]) -> Set<String>? {
        guard let list = list() else { return nil }
        if list.isEmpty {
            problem("no portal", cure: "name some, or leave the key out for all")
            return nil
        }
        let names = list.compactMap { element -> String? in
            guard let name = element.text() else { return nil }
            if portalNames.contains(name) { return name }
            let hint = nearestName(to: name, among: portalNames).map { "did you mean \($0)? " } ?? ""
            element.problem("\(quoted(name)) is no portal of this file", cure: "\(hint)portals names them")
            return nil
        }
        return Set(names)
    }

    /// Two writers into one place would tear each other's lines.
    private func checkDistinctTargets(_ sinks: [SinkSettings]) {
        var places: [String: String] = [:]
        for sink in sinks {
            let place: String
            switch sink.kind {
            case .file(let path): place = path
            case .standardOutput: place = "standard output"
            case .webhook: continue
            }
            guard let other = places.updateValue(sink.name, forKey: place) else { continue }
            let name = node.mapping?.first { $0.key.scalar?.string == sink.name }?.key
            log.add(
                name?.mark, key: "\(key).\(sink.name)", "writes to the same place as the sink \(other)",
                cure: "make them one sink, or name another file")
        }
    }
}

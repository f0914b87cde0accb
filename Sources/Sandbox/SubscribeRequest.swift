import Events

/// What `/subws/` and `/sub/` ask for, checked by the push server's rules.
enum SubscribeRequest: Sendable {
    enum Refusal: Error {
        case wrongChannel
        /// The cloud wants the licence's code in every URL.
        case wrongClient
    }

    static func parse(_ request: WebRequest, options: SandboxOptions) -> Result<PushSubscription, Refusal> {
        let query = request.query
        if options.mode == .shared, query.single("clientId") != options.licenceCode {
            return .failure(.wrongClient)
        }
        guard let channels = channels(query, options: options) else { return .failure(.wrongChannel) }
        return .success(
            PushSubscription(
                channels: channels, form: form(query, options: options),
                position: query.single("mid").flatMap { MessageID($0) }))
    }

    private static func channels(_ query: FormFields, options: SandboxOptions) -> ChannelList? {
        if options.serverVersion >= 5, let token = query.single("token") {
            return SubscriberToken.channels(in: token, options: options)
                .flatMap { ChannelList($0, for: .subscribe, key: options.key) }
        }
        return query.single("CHANNEL_ID").flatMap { ChannelList($0, for: .subscribe, key: options.key) }
    }

    private static func form(_ query: FormFields, options: SandboxOptions) -> PushForm {
        if options.serverVersion >= 5, query.single("jsonRpc") == "true" { return .jsonRPC }
        return options.serverVersion >= 4 && query.single("binaryMode") == "true" ? .binary : .text
    }
}

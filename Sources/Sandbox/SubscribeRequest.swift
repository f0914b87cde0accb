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
        guard let text = query.single("CHANNEL_ID"),
            let channels = ChannelList(text, for: .subscribe, key: options.key)
        else {
            return .failure(.wrongChannel)
        }
        let isBinary = options.serverVersion >= 4 && query.single("binaryMode") == "true"
        return .success(
            PushSubscription(
                channels: channels, isBinary: isBinary, position: query.single("mid").flatMap { MessageID($0) }))
    }
}

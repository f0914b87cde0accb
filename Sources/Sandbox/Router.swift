/// Which part answers which path.
struct Router: Sendable {
    private let rest: PortalREST
    private let oauth: OAuthEndpoint
    private let webSocket: WebSocketEndpoint
    private let longPoll: LongPollEndpoint
    private let publish: PublishEndpoint
    private let control: ControlEndpoint
    private let addresses: PortalAddresses
    private let log: CallLog
    private let options: SandboxOptions

    init(sandbox: Sandbox, publishing: BinaryPublishing) {
        options = sandbox.options
        log = sandbox.callLog
        addresses = sandbox.addresses
        let config = ConfigAnswer(
            options: options, addresses: sandbox.addresses, registry: sandbox.registry, events: sandbox.events,
            secrets: sandbox.secrets)
        rest = PortalREST(
            options: options, authorisations: sandbox.authorisations, config: config, events: sandbox.events,
            faults: sandbox.faults, jobs: sandbox.jobs, log: sandbox.callLog, limit: RESTLimit(options.restLimit))
        oauth = OAuthEndpoint(
            options: options, authorisations: sandbox.authorisations, addresses: sandbox.addresses,
            faults: sandbox.faults)
        webSocket = WebSocketEndpoint(options: options, faults: sandbox.faults, meter: sandbox.upgrades)
        longPoll = LongPollEndpoint(
            options: options, hub: sandbox.hub, faults: sandbox.faults, meter: sandbox.polls, peers: sandbox.peers,
            addresses: sandbox.addresses)
        publish = PublishEndpoint(options: options, hub: sandbox.hub, publishing: publishing)
        control = ControlEndpoint(sandbox: sandbox)
    }

    func answer(_ request: WebRequest) async -> WebReply {
        switch request.path {
        case PortalAddresses.webSocketPath: return await webSocket.answer(request)
        case PortalAddresses.longPollPath: return await longPoll.answer(request)
        case PortalAddresses.publishPath: return publish.client(request)
        case PublishEndpoint.portalPath: return publish.portal(request)
        case OAuthEndpoint.path: return await token(request)
        case OAuthEndpoint.authorisePath: return oauth.authorise(request)
        default: break
        }
        if request.path.hasPrefix("/rest/"), let base = addresses.redirection(from: request.headers["host"]) {
            return .response(status: 302, headers: [(name: "Location", value: base + request.path)], body: [])
        }
        if request.path.hasPrefix("/rest/") { return await rest.answer(request) }
        if request.path.hasPrefix(ControlEndpoint.prefix) { return control.answer(request) }
        // The push server answers 400 for a WebSocket on any other path.
        let isUpgrade = request.headers["upgrade"] != nil
        return .text(isUpgrade ? "Bad Request" : "Not found", status: isUpgrade ? 400 : 404)
    }

    private func token(_ request: WebRequest) async -> WebReply {
        let reply = await oauth.answer(request)
        log.record(
            RESTCall(
                time: options.clock(), method: "oauth", user: nil, cache: nil, status: reply.status,
                error: reply.status == 200 ? nil : "refused", ends: []))
        return reply
    }
}

import Addresses
import Daemon
import Events
import Portal
import PullProtocol
import Secrets
import Settings
import Timing
import Transport

/// One portal, from its secrets to a live event.
struct PortalCheck: Sendable {
    /// What all portals of a check have in common.
    struct Surroundings: Sendable {
        var secrets: SecretEnvironment
        var transport: Transport
        var budget: RequestBudget
        /// A webhook of the file signs its requests.
        var signs: Bool
        var sendsEvent: Bool
        var limits = CheckLimits()
    }

    let portal: PortalSettings
    let surroundings: Surroundings

    func run(_ log: inout SubjectFindings) async {
        await look(&log)
        if Task.isCancelled { return }
        let isProxied = portal.proxy != nil || log.all.contains { $0.stage == .proxy }
        log.skipRest(of: CheckStage.ofPortal(isProxied: isProxied))
    }

    /// Only whether the secrets are there.
    func runOffline(_ log: inout SubjectFindings) {
        var stage = SecretsStage(environment: surroundings.secrets)
        _ = access(&stage)
        log.add(stage.result)
    }

    private func look(_ log: inout SubjectFindings) async {
        var stage = SecretsStage(environment: surroundings.secrets)
        let (credential, network) = access(&stage)
        log.add(stage.result)
        guard let network, let address = WebAddress(portal.url) else { return }
        log.add(await connect(address, network))
        guard log.allows(.rest), let credential else { return }
        guard let configuration = await configure(credential, network, &log) else { return }
        let push = PushCheck(
            portal: portal, configuration: configuration, network: network, transport: surroundings.transport,
            limits: surroundings.limits)
        log.add(await push.server(besides: address))
        guard log.allows(.webSocket) else { return }
        log.add(await push.ways(publisher: publisher(credential, network)))
    }

    // MARK: Secrets

    /// Nil: a secret is missing.
    private func access(_ stage: inout SecretsStage) -> (credential: PortalCredential?, network: NetworkOptions?) {
        var network: NetworkOptions? = NetworkOptions(
            caFile: portal.caFile, connectTimeout: surroundings.limits.connection)
        switch portal.proxy {
        case .url(let url): network?.proxy = Secret(url)
        case .secret(let source):
            let address = stage.read(source, "proxy")
            network?.proxy = address
            if address == nil { network = nil }
        case nil: break
        }
        return (credential(&stage), network)
    }

    private func credential(_ stage: inout SecretsStage) -> PortalCredential? {
        switch portal.access {
        case .webhook(let source):
            return stage.read(source, "webhook").map { .webhook(address: $0) }
        case .oauth(let oauth):
            if let source = oauth.clientSecret { stage.read(source, "oauth.client_secret") }
            if let source = oauth.refreshToken { stage.read(source, "oauth.refresh_token") }
            guard let source = oauth.accessToken else { return nil }
            return stage.read(source, "oauth.access_token").map { .application(accessToken: $0) }
        }
    }

    // MARK: The portal

    private func connect(_ address: WebAddress, _ network: NetworkOptions) async -> [Finding] {
        let probe = await surroundings.transport.probe(
            Secret(portal.url), network: network, timeout: surroundings.limits.connection)
        return ConnectionStages.findings(
            probe, address, usesProxy: portal.proxy != nil, now: TimeSource.system.now().wall)
    }

    private func client(_ credential: PortalCredential, _ network: NetworkOptions) throws(PortalError) -> PortalClient {
        let isOwn = WebAddress(portal.url)?.isLoopback == true
        return try PortalClient(
            url: portal.url, credential: credential, http: surroundings.transport, network: network,
            budget: isOwn ? nil : (surroundings.budget, .cloud))
    }

    /// One call, and all that its answer tells. Nil when no connection can be made from it.
    private func configure(
        _ credential: PortalCredential, _ network: NetworkOptions, _ log: inout SubjectFindings
    ) async -> PullConfiguration? {
        let start = TimeSource.system.now()
        let result = await within(surroundings.limits.call) { () -> Result<(PullConfiguration, Double), PortalError> in
            do throws(PortalError) {
                let (configuration, skew) = try await client(credential, network).configuration()
                return .success((configuration, skew))
            } catch {
                return .failure(error)
            }
        }
        let end = TimeSource.system.now()
        let duration = end.monotonic - start.monotonic
        switch result {
        case nil:
            log.add(PortalAnswer.timedOut(after: surroundings.limits.call))
        case .failure(let error):
            log.add(PortalAnswer.findings(error, took: duration))
        case .success((var configuration, let skew)):
            log.add(PortalAnswer.findings(configuration, portal, took: duration))
            guard log.allows(.channels) else { return nil }
            let wanted = Set(portal.channels.map(\.kind))
            log.add(ChannelStages.channels(configuration, wanted: wanted, portalTime: end.wall + skew))
            log.add(ChannelStages.clock(skew: skew, signs: surroundings.signs))
            configuration.channels.removeAll { !wanted.contains($0.kind) }
            return log.allows(.pushServer) ? configuration : nil
        }
        return nil
    }

    // MARK: The event

    private func publisher(_ credential: PortalCredential, _ network: NetworkOptions) -> TestEvent {
        guard surroundings.sendsEvent else { return .none("not wanted") }
        guard case .application = credential else { return .none("an incoming webhook cannot publish events") }
        guard portal.channels.contains(.shared) else {
            return .none("goes to the shared channel, which the file leaves out")
        }
        do throws(PortalError) {
            return .through(try client(credential, network))
        } catch {
            return .none(error.message)
        }
    }
}

extension PortalSettings.Channel {
    fileprivate var kind: ChannelKind {
        switch self {
        case .shared: .shared
        case .private: .private
        }
    }
}

/// How long each part may take.
public struct CheckLimits: Hashable, Sendable {
    /// Name, connection and TLS.
    public var connection = Duration.seconds(10)
    /// A call to the portal.
    public var call = Duration.seconds(30)
    /// The answer to the upgrade to WebSocket.
    public var upgrade = Duration.seconds(10)
    /// A WebSocket that is still open then, or a poll that waits, is good: some servers accept first and refuse then.
    public var proof = Duration.seconds(5)
    /// A test event, from its publication on.
    public var event = Duration.seconds(15)
    /// Without its arrival the event is published once more: portals lose events on the way to their push server.
    public var repetition = Duration.seconds(7)

    public init() {}
}

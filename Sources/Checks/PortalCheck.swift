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
        /// Of the authorisation servers.
        var tokenBudget: RequestBudget
        /// Nil: there is none.
        var state: StatePlace?
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
        _ = network(&stage)
        _ = key(&stage)
        log.add(stage.result)
    }

    private func look(_ log: inout SubjectFindings) async {
        var stage = SecretsStage(environment: surroundings.secrets)
        let network = network(&stage)
        let key = key(&stage)
        log.add(stage.result)
        guard let network, let address = WebAddress(portal.url) else { return }
        log.add(await connect(address, network))
        guard log.allows(.rest), let key, let entry = entry(key, network, &log) else { return }
        await look(address, network, entry, &log)
        // A renewal that took longer than a stage may has made the token before it worthless.
        await entry.client.finish()
    }

    private func look(
        _ address: WebAddress, _ network: NetworkOptions, _ entry: Entry, _ log: inout SubjectFindings
    ) async {
        guard let configuration = await configure(entry, &log) else { return }
        let push = PushCheck(
            portal: portal, configuration: configuration, network: network, transport: surroundings.transport,
            limits: surroundings.limits)
        log.add(await push.server(besides: address))
        guard log.allows(.webSocket) else { return }
        log.add(await push.ways(publisher: publisher(entry, configuration)))
    }

    // MARK: Secrets

    /// What opens the portal.
    private enum Key {
        case webhook(Secret)
        case token(Secret)
        case application(OAuthApplication, AuthorisationSeed)
    }

    /// Nil: a secret is missing.
    private func network(_ stage: inout SecretsStage) -> NetworkOptions? {
        var network = NetworkOptions(caFile: portal.caFile, connectTimeout: surroundings.limits.connection)
        switch portal.proxy {
        case .url(let url): network.proxy = Secret(url)
        case .secret(let source):
            guard let address = stage.read(source, "proxy") else { return nil }
            network.proxy = address
        case nil: break
        }
        return network
    }

    /// Nil: a secret is missing. All of them are read all the same.
    private func key(_ stage: inout SecretsStage) -> Key? {
        switch portal.access {
        case .webhook(let source):
            return stage.read(source, "webhook").map { .webhook($0) }
        case .oauth(let oauth):
            let secret = oauth.clientSecret.map { stage.read($0, "oauth.client_secret") }
            let refreshToken = oauth.refreshToken.map { stage.read($0, "oauth.refresh_token") }
            let accessToken = oauth.accessToken.map { stage.read($0, "oauth.access_token") }
            guard let clientID = oauth.clientID, let secret else {
                return (accessToken ?? nil).map { .token($0) }
            }
            guard !stage.hasFailed, let secret else { return nil }
            let application = OAuthApplication(
                portal: portal.name, url: portal.url, clientID: clientID, clientSecret: secret, server: oauth.server)
            return .application(
                application, AuthorisationSeed(refreshToken: refreshToken ?? nil, accessToken: accessToken ?? nil))
        }
    }

    // MARK: The portal

    private func connect(_ address: WebAddress, _ network: NetworkOptions) async -> [Finding] {
        let watch = Stopwatch()
        let probe = await surroundings.transport.probe(
            Secret(portal.url), network: network, timeout: surroundings.limits.connection)
        return ConnectionStages.findings(
            probe, address, usesProxy: portal.proxy != nil, now: TimeSource.system.now().wall, took: watch.elapsed)
    }

    /// How the portal is asked.
    private struct Entry {
        var client: PortalClient
        /// Nil for an incoming webhook.
        var tokens: TokenAccess?
    }

    private func entry(_ key: Key, _ network: NetworkOptions, _ log: inout SubjectFindings) -> Entry? {
        do {
            let credential: PortalCredential
            var tokens: TokenAccess?
            switch key {
            case .webhook(let address): credential = .webhook(address: address)
            case .token(let token):
                let access = TokenAccess(fixed: token)
                (credential, tokens) = (.application(access.authorisation), access)
            case .application(let application, let seed):
                let access = try TokenAccess(
                    application, seed: seed, state: surroundings.state, http: surroundings.transport,
                    network: network, budget: surroundings.tokenBudget)
                if let absence = access.absence {
                    log.add(.skipped(.rest, "there is nothing to ask with"))
                    log.add(absence)
                    return nil
                }
                (credential, tokens) = (.application(access.authorisation), access)
            }
            let isOwn = WebAddress(portal.url)?.isLoopback == true
            let client = try PortalClient(
                url: portal.url, credential: credential, http: surroundings.transport, network: network,
                budget: isOwn ? nil : (surroundings.budget, .cloud))
            return Entry(client: client, tokens: tokens)
        } catch let error as PortalError {
            log.add(PortalAnswer.findings(error, hadToken: true, took: nil))
        } catch let error as TokenStoreError {
            log.add(.skipped(.rest, "there is nothing to ask with"))
            log.add(.failed(.token, .inputOutput, error.message, cure: error.cure))
        } catch {
            log.add(.failed(.token, .internalFault, "\(error)", cure: "report this"))
        }
        return nil
    }

    /// One call, and all that its answer tells. Nil when no connection can be made from it.
    private func configure(_ entry: Entry, _ log: inout SubjectFindings) async -> PullConfiguration? {
        let watch = Stopwatch()
        let client = entry.client
        let result = await within(surroundings.limits.call) { () -> Result<(PullConfiguration, Double), PortalError> in
            do throws(PortalError) {
                let (configuration, skew) = try await client.configuration()
                return .success((configuration, skew))
            } catch {
                return .failure(error)
            }
        }
        let took = watch.elapsed
        switch result {
        case nil:
            log.add(PortalAnswer.timedOut(after: surroundings.limits.call))
        case .failure(let error):
            log.add(PortalAnswer.findings(error, hadToken: entry.tokens?.hadToken ?? true, took: took))
        case .success((var configuration, let skew)):
            let token = await entry.tokens?.accepted() ?? "the webhook's address is accepted"
            log.add(PortalAnswer.findings(configuration, portal, token: token, took: took))
            guard log.allows(.channels) else { return nil }
            let wanted = Set(portal.channels.map(\.kind))
            let portalTime = TimeSource.system.now().wall + skew
            log.add(ChannelStages.channels(configuration, wanted: wanted, portalTime: portalTime))
            log.add(ChannelStages.clock(skew: skew, signs: surroundings.signs))
            configuration.channels.removeAll { !wanted.contains($0.kind) }
            return log.allows(.pushServer) ? configuration : nil
        }
        return nil
    }

    // MARK: The event

    /// The user's own private channel, where nobody else sees it, or else the shared one.
    private func publisher(_ entry: Entry, _ configuration: PullConfiguration) -> TestEvent {
        guard surroundings.sendsEvent else { return .none("not wanted") }
        guard entry.tokens != nil else { return .none("an incoming webhook cannot publish events") }
        if portal.channels.contains(.private), let user = configuration.userID {
            return .through(entry.client, users: ["\(user)"])
        }
        guard portal.channels.contains(.shared) else {
            return .none(
                "the portal does not say whose private channel this is, and the file leaves out the shared one")
        }
        return .through(entry.client, users: [])
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

import Addresses
import Delivery
import Events
import Logging
import Portal
import PullProtocol
import Secrets
import Settings
import Subscription
import Synchronization
import Transport

/// Turns checked settings into plans for the parts; secrets are read here.
struct Assembly {
    struct Plans: Sendable {
        var portals: [PortalPlan] = []
        var sinks: [SinkPlan] = []
    }

    let settings: Settings
    let secrets: SecretEnvironment
    let logger: Logger
    /// Of the process: they go on over reloads.
    let budgets: Budgets
    /// Where tokens are kept; nil: nowhere.
    let state: String?
    private var record = SecretRecord()

    /// How often may be asked.
    struct Budgets: Sendable {
        let portals = RequestBudget()
        let authorisationServers = RequestBudget()
    }

    init(
        settings: Settings, secrets: SecretEnvironment, logger: Logger, budgets: Budgets = Budgets(),
        state: String? = nil
    ) {
        self.settings = settings
        self.secrets = secrets
        self.logger = logger
        self.budgets = budgets
        self.state = state
    }

    /// Nothing begins by this, and nothing is opened.
    ///
    /// - Throws: everything that is wrong, one line each.
    func plans(client: any HTTPClient) throws(StartFailure) -> Plans {
        var plans = Plans()
        var failures: [StartFailure] = []
        for portal in settings.portals {
            do { plans.portals.append(try forOnePart().plan(portal, client)) } catch { failures.append(error) }
        }
        for sink in settings.sinks {
            do { plans.sinks.append(try forOnePart().plan(sink)) } catch { failures.append(error) }
        }
        if let failure = StartFailure(all: failures) { throw failure }
        return plans
    }

    private func forOnePart() -> Assembly {
        var assembly = self
        assembly.record = SecretRecord()
        return assembly
    }

    private func plan(_ sink: SinkSettings) throws(StartFailure) -> SinkPlan {
        var sink = sink
        let heartbeat = Session.heartbeatEvent
        if settings.portals.contains(where: { $0.heartbeat != nil }), !sink.include.contains(heartbeat) {
            sink.exclude.append(heartbeat)
        }
        let kind: SinkPlan.Kind =
            switch sink.kind {
            case .file(let path, let rotation): .file(path: path, rotation)
            case .standardOutput: .standardOutput
            case .webhook(let webhook):
                .webhook(try target(webhook, "sinks.\(sink.name).webhook"), WebhookPace(webhook))
            }
        return SinkPlan(settings: sink, secrets: record.secrets, kind: kind)
    }

    private func plan(_ portal: PortalSettings, _ http: any HTTPClient) throws(StartFailure) -> PortalPlan {
        let place = "portals.\(portal.name)"
        var network = NetworkOptions(caFile: portal.caFile)
        switch portal.proxy {
        case .url(let url): network.proxy = Secret(url)
        case .secret(let source): network.proxy = try resolve(source, "\(place).proxy")
        case nil: break
        }
        var options = SessionOptions(
            name: portal.name, rules: SessionRules(portal), channels: Set(portal.channels.map(\.kind)),
            network: network, start: portal.start == .retained ? .retained : .now,
            allowsJSONRPC: portal.allowsJSONRPC)
        options.heartbeat = portal.heartbeat
        let client = try portalClient(portal, place, network, through: http)
        return PortalPlan(settings: portal, secrets: record.secrets, options: options, client: client)
    }

    private func portalClient(
        _ portal: PortalSettings, _ place: String, _ network: NetworkOptions, through http: any HTTPClient
    ) throws(StartFailure) -> PortalClient {
        do {
            return try PortalClient(
                url: portal.url, credential: try credential(of: portal, place, http, network), http: http,
                network: network,
                budget: portal.limit.map { (budgets.portals, $0) })
        } catch let error as StartFailure {
            throw error
        } catch {
            throw StartFailure(.configuration, "\(place): \(error)")
        }
    }

    func resolve(_ source: SecretSource, _ place: String) throws(StartFailure) -> Secret {
        do {
            let resolved = try source.resolve(environment: secrets)
            if let warning = resolved.warning {
                logger.warning("a secret is not well kept", metadata: ["setting": "\(place)", "reason": "\(warning)"])
            }
            record.add(source, resolved.secret)
            return resolved.secret
        } catch {
            throw StartFailure(.configuration, "\(place): \(error.message); \(error.cure)")
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

extension PortalSettings.Transport {
    fileprivate var choice: TransportChoice {
        switch self {
        case .auto: .automatic
        case .websocket: .webSocketOnly
        case .longPolling: .longPollingOnly
        }
    }
}

extension PortalSettings {
    /// Nil: the portal may be asked as often as it takes.
    fileprivate var limit: RequestLimit? {
        switch requestLimit {
        case .off: nil
        case .bucket(let burst, let perSecond): RequestLimit(burst: burst, perSecond: Double(perSecond))
        case nil: WebAddress(url)?.isLoopback == true ? nil : .cloud
        }
    }
}

extension SessionRules {
    fileprivate init(_ portal: PortalSettings) {
        self.init()
        transport = portal.transport.choice
        refreshMargin = portal.refreshMargin.inSeconds
        // An application's configuration changes seldom, and asking for it may renew its token.
        if case .webhook = portal.access { regularRefresh = 3600 }
        maximumBackoff = portal.maximumBackoff
        let trial = portal.webSocketTrial
        webSocketTrials = [trial, trial * 2, trial * 3].map(\.inSeconds)
        webSocketTrialIfNeverWorked = max(trial * 3, min(trial * 72, .seconds(86_400))).inSeconds
        guard let audit = portal.audit else {
            auditsAreOn = false
            return
        }
        auditInterval = audit.interval.inSeconds
        auditIntervalLongPolling = min(auditIntervalLongPolling, auditInterval)
        auditSpacing = min(auditSpacing, auditInterval)
        auditLag = audit.lag
    }
}

/// The secrets that were read for one part.
private final class SecretRecord: Sendable {
    private let read = Mutex<[SecretSource: Secret]>([:])

    var secrets: [SecretSource: Secret] { read.withLock { $0 } }

    func add(_ source: SecretSource, _ secret: Secret) { read.withLock { $0[source] = secret } }
}

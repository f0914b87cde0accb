import Addresses
import Delivery
import Events
import Journal
import Logging
import Portal
import PullProtocol
import Secrets
import Settings
import Subscription
import Transport

/// Turns checked settings into parts that are ready to run; secrets are read here.
struct Assembly {
    struct SessionPlan {
        var options: SessionOptions
        var portal: PortalClient
    }

    let settings: Settings
    let secrets: SecretEnvironment
    let logger: Logger
    /// Where tokens are kept; nil: nowhere.
    var state: String?
    /// Of the authorisation servers.
    let tokenBudget = RequestBudget()

    /// What delivers to the sinks of the settings, each with its place in the journal.
    ///
    /// - Parameter onAttempt: told of each request to a webhook.
    func runners(
        journal: Journal, client: any HTTPClient, onAttempt: (@Sendable (WebhookAttempt) -> Void)?
    ) throws -> [any EventRunner] {
        try settings.sinks.map { sink in
            let filter = EventFilter(portals: sink.portals, include: sink.include, exclude: sink.exclude)
            switch sink.kind {
            case .webhook(let webhook):
                return WebhookRunner(
                    name: sink.name, target: try target(webhook, "sinks.\(sink.name).webhook"),
                    pace: WebhookPace(webhook), client: client, source: try journal.reader(named: sink.name),
                    filter: filter, logger: logger, onAttempt: onAttempt)
            case .file(let path, let rotation):
                return try runner(sink, filter, journal) { () throws(SinkError) in
                    try FileSink(path: path, rotation: rotation.map(FileRotation.init))
                }
            case .standardOutput:
                return try runner(sink, filter, journal) { () throws(SinkError) in try StandardOutputSink() }
            }
        }
    }

    private func runner(
        _ settings: SinkSettings, _ filter: EventFilter, _ journal: Journal, make: () throws(SinkError) -> any Sink
    ) throws -> SinkRunner {
        let sink: any Sink
        do throws(SinkError) { sink = try make() } catch {
            throw StartFailure(.cannotCreate, "sinks.\(settings.name): \(error.description)")
        }
        return SinkRunner(
            name: settings.name, sink: sink, reader: try journal.reader(named: settings.name), filter: filter,
            logger: logger)
    }

    func sessions(client: any HTTPClient) throws(StartFailure) -> [SessionPlan] {
        var plans: [SessionPlan] = []
        let budget = RequestBudget()
        for portal in settings.portals {
            let place = "portals.\(portal.name)"
            var network = NetworkOptions(caFile: portal.caFile)
            switch portal.proxy {
            case .url(let url): network.proxy = Secret(url)
            case .secret(let source): network.proxy = try resolve(source, "\(place).proxy")
            case nil: break
            }
            let options = SessionOptions(
                name: portal.name, rules: SessionRules(portal), channels: Set(portal.channels.map(\.kind)),
                network: network, start: portal.start == .retained ? .retained : .now,
                allowsJSONRPC: portal.allowsJSONRPC)
            let client = try portalClient(portal, place, network, through: client, budget)
            plans.append(SessionPlan(options: options, portal: client))
        }
        return plans
    }

    private func portalClient(
        _ portal: PortalSettings, _ place: String, _ network: NetworkOptions, through http: any HTTPClient,
        _ budget: RequestBudget
    ) throws(StartFailure) -> PortalClient {
        do {
            return try PortalClient(
                url: portal.url, credential: try credential(of: portal, place, http, network), http: http,
                network: network,
                budget: portal.limit.map { (budget, $0) })
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

extension FileRotation {
    fileprivate init(_ rotation: RotationSettings) {
        self.init(size: rotation.size, age: rotation.age, keep: rotation.keep)
    }
}

public import Delivery
import Glibc
import Journal
public import Logging
import Portal
import Secrets
import ServiceLifecycle
public import Settings
import Subscription
import Timing
import Transport

/// The program's name and version, as servers and people see it.
public enum Product {
    public static let version = "0.1.0"
    public static let userAgent = "pulld/\(version)"
}

/// Wires the parts together and runs them. It has no rules of its own.
///
/// ```
///  Settings ─► Session (one a portal) ─► Journal ─► SinkRunner (one a sink)
///                  └──── Transport ────────────────────┘
/// ```
public struct Daemon: Sendable {
    /// What a test or a verb puts in the place of the usual.
    public struct Surroundings: Sendable {
        public var secrets = SecretEnvironment.process
        public var notifyPath: String?
        /// Sinks besides those of the settings.
        public var sinks: [(name: String, sink: any Sink)] = []
        /// Called when a portal's subscription has been proven, each time anew after a loss.
        public var onLive: @Sendable (_ portal: String) -> Void = { _ in }
        /// Seconds over which the sessions' starts are spread, so that many portals are not asked in the same moment.
        public var startSpread = 5.0
        /// The overlap of old and new connections at a change of channels; nil: the usual.
        public var overlap: Duration?
        /// Whether SIGTERM and SIGINT stop the daemon.
        public var handlesSignals = true

        public init() {
            notifyPath = getenv("NOTIFY_SOCKET").map { String(cString: $0) }
        }
    }

    private let settings: Settings
    private let surroundings: Surroundings
    private let logger: Logger

    public init(settings: Settings, surroundings: Surroundings = Surroundings(), logger: Logger) {
        self.settings = settings
        self.surroundings = surroundings
        self.logger = logger
    }

    /// Runs until SIGTERM or SIGINT, or until the task is cancelled: the sessions stop, then the sinks deliver what is
    /// left, then it returns.
    ///
    /// - Throws: `StartFailure`, with the exit code.
    public func run() async throws {
        let notify = NotifySocket(path: surroundings.notifyPath)
        let transport = Transport(userAgent: Product.userAgent)
        do {
            let group = try serviceGroup(transport: transport, notify: notify)
            notify.status("starting")
            try await group.run()
            await transport.shutdown()
        } catch {
            await transport.shutdown()
            if error is CancellationError { return }
            throw failure(error)
        }
    }

    private func serviceGroup(transport: Transport, notify: NotifySocket) throws -> ServiceGroup {
        let journal = Journal()
        let readiness = Readiness(portals: settings.portals.map(\.name), notify: notify) {
            StartupMemory.giveBack()
        }
        var services: [any Service] = []
        let assembly = Assembly(settings: settings, secrets: surroundings.secrets, logger: logger)
        for (name, sink, filter) in try assembly.sinks(client: transport) {
            services.append(sinkService(name, sink, filter, journal))
        }
        for (name, sink) in surroundings.sinks { services.append(sinkService(name, sink, .all, journal)) }
        services.append(JournalService(journal: journal))
        let alarms = AlarmClock()
        var sessions: [Session] = []
        for (index, plan) in try assembly.sessions(client: transport).enumerated() {
            var options = plan.options
            if let overlap = surroundings.overlap { options.rules.overlap = overlap }
            if index > 0 { options.rules.startSpread = surroundings.startSpread }
            let name = options.name
            var logger = logger
            logger[metadataKey: "portal"] = "\(name)"
            sessions.append(
                Session(
                    options: options, portal: plan.portal, transport: transport, journal: journal, alarms: alarms,
                    logger: logger
                ) { [onLive = surroundings.onLive] status in
                    readiness.update(name, status)
                    if case .live = status { onLive(name) }
                })
        }
        services.append(SessionsService(sessions: sessions, alarms: alarms, notify: notify))
        // Stopped from the last to the first: sessions, journal, sinks.
        var configuration = ServiceGroupConfiguration(
            services: services.map {
                .init(
                    service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
                    failureTerminationBehavior: .gracefullyShutdownGroup)
            },
            gracefulShutdownSignals: surroundings.handlesSignals ? [.sigterm, .sigint] : [], logger: Logger.silent)
        configuration.maximumGracefulShutdownDuration = .seconds(20)
        return ServiceGroup(configuration: configuration)
    }

    private func sinkService(
        _ name: String, _ sink: any Sink, _ filter: EventFilter, _ journal: Journal
    ) -> SinkService {
        let runner = SinkRunner(
            name: name, sink: sink, reader: journal.reader(named: name), filter: filter, logger: logger)
        return SinkService(runner: runner)
    }

    private func failure(_ error: any Error) -> StartFailure {
        switch error {
        case let failure as StartFailure: failure
        case let error as SinkError: StartFailure(.inputOutput, error.description)
        default: StartFailure(.internalFault, "internal fault: \(error)")
        }
    }
}

extension Logger {
    /// For libraries whose own lines are of no use to the operator.
    fileprivate static let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
}

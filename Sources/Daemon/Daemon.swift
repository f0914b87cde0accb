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
        /// Whether what is received and how far the sinks are survives the run, in the state directory of the settings.
        public var keepsState = true
        /// The process' environment, for the state directory.
        public var variable: @Sendable (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
        /// Sinks besides those of the settings.
        public var sinks: [(name: String, sink: any Sink)] = []
        /// Called when a portal's subscription has been proven, each time anew after a loss.
        public var onLive: @Sendable (_ portal: String) -> Void = { _ in }
        /// Told of each request to a webhook, from any thread.
        public var onAttempt: (@Sendable (WebhookAttempt) -> Void)?
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
        let readiness = Readiness(portals: settings.portals.map(\.name), notify: notify) {
            StartupMemory.giveBack()
        }
        do {
            let journal = try openJournal(readiness)
            do {
                let group = try serviceGroup(journal, transport, readiness, notify)
                notify.status("starting")
                try await group.run()
                await transport.shutdown()
                await journal.close()
            } catch {
                journal.finish()
                await transport.shutdown()
                await journal.close()
                throw error
            }
        } catch {
            if error is CancellationError { return }
            throw failure(error)
        }
    }

    private func openJournal(_ readiness: Readiness) throws(StartFailure) -> Journal {
        var options = JournalOptions()
        options.keep = settings.journal.keep
        options.size = settings.journal.size
        options.onFault = { [logger] fault in
            assertionFailure(fault)
            logger.warning("counts do not add up: please report it", metadata: ["counts": "\(fault)"])
        }
        let trouble = JournalTroubleLog(logger: logger, readiness: readiness)
        var directory: String?
        if surroundings.keepsState {
            directory = settings.stateDirectory(variable: surroundings.variable)
            guard directory != nil else { throw .noStateDirectory }
        }
        do {
            guard let directory else { return try Journal.temporary(options: options) }
            return try Journal.open(directory: directory, options: options) { trouble.changed(to: $0) }
        } catch {
            throw StartFailure(error)
        }
    }

    private func serviceGroup(
        _ journal: Journal, _ transport: Transport, _ readiness: Readiness, _ notify: NotifySocket
    ) throws -> ServiceGroup {
        var assembly = Assembly(settings: settings, secrets: surroundings.secrets, logger: logger)
        if surroundings.keepsState { assembly.state = settings.stateDirectory(variable: surroundings.variable) }
        var runners = try assembly.runners(
            journal: journal, client: transport, onAttempt: surroundings.onAttempt)
        for (name, sink) in surroundings.sinks {
            runners.append(
                SinkRunner(name: name, sink: sink, reader: try journal.reader(named: name), logger: logger))
        }
        try journal.retireReaders(except: Set(runners.map(\.name)))
        var services: [any Service] = runners.map { SinkService(runner: $0) }
        services.append(JournalService(journal: journal))
        if surroundings.handlesSignals { services.append(ReopenService(runners: runners)) }
        services.append(try sessionsService(assembly, journal, transport, readiness, notify))
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

    private func sessionsService(
        _ assembly: Assembly, _ journal: Journal, _ transport: Transport, _ readiness: Readiness,
        _ notify: NotifySocket
    ) throws -> SessionsService {
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
        return SessionsService(sessions: sessions, alarms: alarms, notify: notify)
    }

    private func failure(_ error: any Error) -> StartFailure {
        switch error {
        case let failure as StartFailure: failure
        case let error as JournalError: StartFailure(error)
        case let error as SinkError: StartFailure(.inputOutput, error.description)
        default: StartFailure(.internalFault, "internal fault: \(error)")
        }
    }
}

extension Logger {
    /// For libraries whose own lines are of no use to the operator.
    fileprivate static let silent = Logger(label: "silent") { _ in SwiftLogNoOpLogHandler() }
}

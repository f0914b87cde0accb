public import Delivery
import Glibc
import Journal
public import Logging
import Secrets
public import Settings
import UnixSignals

/// The program's name and version, as servers and people see it.
public enum Product {
    public static let version = "0.1.0"
    public static let userAgent = "pulld/\(version)"
}

/// Wires the parts together and runs them. It has no rules of its own.
///
/// ```
///  Settings ─► RunningPortals ─► Journal ─► RunningSinks
///    ▲           └──── Transport ────────────────┘
///    └ SIGHUP
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
        /// Whether SIGTERM and SIGINT stop the daemon, and SIGHUP reloads it.
        public var handlesSignals = true
        /// Reads the settings again, for SIGHUP; nil: it only opens the sinks' files anew.
        public var reload: (@Sendable () throws -> Settings)?
        /// The logger's, to change it with the settings.
        public var logThreshold: LogThreshold?

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
    /// left, then it returns. A second signal ends the process at once.
    ///
    /// - Throws: `StartFailure`, with the exit code.
    public func run() async throws {
        ProcessMemory.limitAllocator()
        let orders = Orders(logger: logger)
        let notify = NotifySocket(path: surroundings.notifyPath)
        do {
            // From the first moment on: a SIGHUP that comes too early must not end the process.
            let signals =
                surroundings.handlesSignals ? await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup) : nil
            try await withThrowingTaskGroup { group in
                if let signals {
                    group.addTask { await orders.follow(signals) }
                    group.addTask { await StopLimit(orders: orders, notify: notify, logger: logger).watch() }
                }
                group.addTask { await ProcessMemory.giveBackHoles() }
                defer { group.cancelAll() }
                try await operate(orders, notify)
            }
        } catch is CancellationError {
            return
        } catch {
            throw failure(error)
        }
    }

    private func operate(_ orders: Orders, _ notify: NotifySocket) async throws {
        let readiness = Readiness(portals: settings.portals.map(\.name), notify: notify) {
            ProcessMemory.giveBackStartup()
        }
        let journal = try openJournal(readiness)
        let operation = Operation(
            settings: settings, surroundings: surroundings, logger: logger, orders: orders, notify: notify,
            readiness: readiness, journal: journal)
        try await operation.run()
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

    private func failure(_ error: any Error) -> StartFailure {
        switch error {
        case let failure as StartFailure: failure
        case let error as JournalError: StartFailure(error)
        case let error as SinkError: StartFailure(.inputOutput, error.description)
        default: StartFailure(.internalFault, "internal fault: \(error)")
        }
    }
}

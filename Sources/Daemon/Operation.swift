import Delivery
import Journal
import Logging
import Portal
import Settings
import Subscription
import Transport

/// The daemon's parts while it runs, and the order in which they begin and end.
final class Operation: Sendable {
    /// As the process was started: some of them hold until its end.
    let settings: Settings
    let surroundings: Daemon.Surroundings
    let logger: Logger
    let readiness: Readiness
    let sinks: RunningSinks
    let portals: RunningPortals
    let transport: Transport
    private let budgets = Assembly.Budgets()
    private let orders: Orders
    private let notify: NotifySocket
    let journal: Journal
    private let alarms = AlarmClock()

    init(
        settings: Settings, surroundings: Daemon.Surroundings, logger: Logger, orders: Orders, notify: NotifySocket,
        readiness: Readiness, journal: Journal
    ) {
        self.settings = settings
        self.surroundings = surroundings
        self.logger = logger
        self.orders = orders
        self.notify = notify
        self.readiness = readiness
        self.journal = journal
        transport = Transport(userAgent: Product.userAgent)
        // A session ends by itself when the journal takes nothing more, a sink when its output is gone for good.
        sinks = RunningSinks(
            journal: journal, client: transport, logger: logger, onAttempt: surroundings.onAttempt
        ) { orders.stop.fire() }
        portals = RunningPortals(
            RunningPortals.House(
                transport: transport, journal: journal, alarms: alarms, readiness: readiness, logger: logger,
                startSpread: surroundings.startSpread, overlap: surroundings.overlap, onLive: surroundings.onLive)
        ) { orders.stop.fire() }
    }

    /// Runs until it is ordered to stop, or until the task is cancelled.
    func run() async throws {
        do {
            let plans = try plans(settings)
            let change = try sinks.prepare(plans.sinks)
            let admin = try openAdmin()
            do { try await run(plans, change) } catch {
                await admin?.stop()
                throw error
            }
            await admin?.stop()
        } catch {
            await close()
            throw error
        }
        await close()
        if let failure = sinks.failure { throw failure }
    }

    func plans(_ settings: Settings) throws(StartFailure) -> Assembly.Plans {
        // The directory does not change while the daemon runs.
        let state = surroundings.keepsState ? self.settings.stateDirectory(variable: surroundings.variable) : nil
        let assembly = Assembly(
            settings: settings, secrets: surroundings.secrets, logger: logger, budgets: budgets, state: state)
        return try assembly.plans(client: transport)
    }

    private func run(_ plans: Assembly.Plans, _ change: RunningSinks.Change) async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { await self.alarms.run() }
            group.addTask { await self.sinks.run() }
            group.addTask { await self.portals.run() }
            defer { group.cancelAll() }
            // A sink that is new gets what comes from now on, so the sinks are there first.
            for (name, sink) in surroundings.sinks { try sinks.add(name, sink) }
            try await sinks.make(change)
            await portals.change(to: plans.portals)
            notify.status("starting")
            await obey()
            await drain()
        }
    }

    /// Returns when the daemon is to stop; a reload that is under way is broken off.
    private func obey() async {
        await withTaskGroup { group in
            // A manager watches no service that is stopping.
            if surroundings.notifyPath != nil { group.addTask { await self.watchdog.run() } }
            group.addTask { for await _ in self.orders.reloads { await self.reload() } }
            await orders.stop.wait()
            group.cancelAll()
        }
    }

    private var watchdog: Watchdog {
        Watchdog(
            limit: Watchdog.limit(variable: surroundings.variable), notify: notify,
            isReady: { [readiness] in readiness.hasBeenReady },
            probes: [{ [transport] in transport.probeLoop($0) }, { [journal] in journal.probeWriter($0) }])
    }

    /// First nothing comes in any more, then the journal brings to disk what it has, then the sinks deliver that.
    private func drain() async {
        notify.stopping()
        await portals.stop()
        journal.finish()
        await sinks.drain()
    }

    private func close() async {
        journal.finish()
        await transport.shutdown()
        await journal.close()
    }
}

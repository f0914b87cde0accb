import Journal
import Logging
import Portal
import Secrets
import Settings
import Subscription
import Synchronization
import Transport

/// What a portal's session is made from.
struct PortalPlan: PartPlan {
    let settings: PortalSettings
    /// What was read for it: another token or password makes another session.
    let secrets: [SecretSource: Secret]
    var options: SessionOptions
    let client: PortalClient

    var name: String { settings.name }

    static func == (one: PortalPlan, other: PortalPlan) -> Bool {
        one.settings == other.settings && one.secrets == other.secrets
    }
}

/// The portals' sessions, as they come and go while the daemon runs. One that is not touched keeps its connection.
final class RunningPortals: Sendable {
    struct Portal: Sendable {
        let settings: PortalSettings
        let session: Session
        let client: PortalClient
    }

    /// Where a session lives.
    struct House: Sendable {
        let transport: Transport
        let journal: Journal
        let alarms: AlarmClock
        let readiness: Readiness
        let logger: Logger
        /// Seconds over which starts are spread when there are several.
        let startSpread: Double
        let overlap: Duration?
        let onLive: @Sendable (_ portal: String) -> Void
    }

    private struct State {
        var plans: [PortalPlan] = []
        var portals: [String: Portal] = [:]
    }

    /// Closing a connection takes the other side's answer, or seconds. What a portal's tokens may take comes on top.
    private static let stopLimit = Duration.seconds(10)

    private let house: House
    private let group: PartGroup
    private let state = Mutex(State())

    /// - Parameter onEnd: called when a session has ended that nobody had asked to.
    init(_ house: House, onEnd: @escaping @Sendable () -> Void) {
        self.house = house
        group = PartGroup(onEnd: onEnd)
    }

    /// In the order of the settings.
    var all: [Portal] {
        state.withLock { state in state.plans.compactMap { state.portals[$0.name] } }
    }

    /// Until `stop`, or until the task is cancelled.
    func run() async { await group.run() }

    /// Closes the connections with 1000. Returns when all sessions have ended, or the task is cancelled.
    func stop() async { await group.stopAll(within: Self.stopLimit) }

    /// Lets the portals be these: what has changed is stopped and begins anew, the others go on untouched.
    ///
    /// Stored positions stay in the journal: a portal that comes back goes on from there.
    @discardableResult
    func change(to plans: [PortalPlan]) async -> PartChanges {
        let changes = PartChanges(from: state.withLock { $0.plans }, to: plans)
        await group.stop(changes.ending, within: Self.stopLimit)
        // The daemon stops, and whatever is still running with it.
        if Task.isCancelled { return changes }
        house.readiness.set(plans.map(\.name), beginning: changes.beginning)
        let beginning = plans.filter { changes.beginning.contains($0.name) }
        state.withLock { state in
            state.plans = plans
            for name in changes.ending { state.portals[name] = nil }
        }
        for (index, plan) in beginning.enumerated() { start(plan, isFirst: index == 0) }
        return changes
    }

    private func start(_ plan: PortalPlan, isFirst: Bool) {
        let session = session(plan, isFirst: isFirst)
        state.withLock {
            $0.portals[plan.name] = Portal(settings: plan.settings, session: session, client: plan.client)
        }
        group.start(
            plan.name,
            PartGroup.Part(
                run: { [journal = house.journal, client = plan.client] in
                    // It begins with what the disk has of the portal: the last events of a session before it are to be there.
                    do { try await journal.committed() } catch { return }
                    await session.run()
                    // Before whoever comes next asks for tokens, and before the transport cuts what is under way.
                    await client.finish()
                },
                requestStop: { session.requestStop() }))
    }

    private func session(_ plan: PortalPlan, isFirst: Bool) -> Session {
        var options = plan.options
        if let overlap = house.overlap { options.rules.overlap = overlap }
        if !isFirst { options.rules.startSpread = house.startSpread }
        let name = plan.name
        var logger = house.logger
        logger[metadataKey: "portal"] = "\(name)"
        return Session(
            options: options, portal: plan.client, transport: house.transport, journal: house.journal,
            alarms: house.alarms, logger: logger
        ) { [readiness = house.readiness, onLive = house.onLive] status in
            readiness.update(name, status)
            if case .live = status { onLive(name) }
        }
    }
}

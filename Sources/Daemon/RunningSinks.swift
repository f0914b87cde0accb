import Delivery
import Journal
import Logging
import Secrets
import Settings
import Synchronization
import Transport

/// What a sink's runner is made from.
struct SinkPlan: PartPlan {
    let settings: SinkSettings
    /// What was read for it: another key makes another sink.
    let secrets: [SecretSource: Secret]
    let kind: Kind

    enum Kind: Sendable {
        case file(path: String, RotationSettings?)
        case standardOutput
        case webhook(WebhookTarget, WebhookPace)
    }

    var name: String { settings.name }

    static func == (one: SinkPlan, other: SinkPlan) -> Bool {
        one.settings == other.settings && one.secrets == other.secrets
    }
}

/// The sinks' runners, as they come and go while the daemon runs.
final class RunningSinks: Sendable {
    /// A change of which it is known that it can be made.
    struct Change: Sendable {
        fileprivate let plans: [SinkPlan]
        let changes: PartChanges
        fileprivate let beginning: [(plan: SinkPlan, output: Output)]
    }

    fileprivate enum Output: Sendable {
        /// Open.
        case lines(any Sink)
        case requests(WebhookTarget, WebhookPace)
    }

    private struct State {
        var plans: [SinkPlan] = []
        var runners: [String: any EventRunner] = [:]
        /// Not of the settings; they stay.
        var others: [any EventRunner] = []
        var failure: SinkError?
    }

    /// For a request under way, and a disk that has to take what was written.
    private static let stopLimit = Duration.seconds(10)
    /// The drain limit of each, and the same for what is under way then.
    private static let drainLimit = Duration.seconds(15)

    private let journal: Journal
    private let client: any HTTPClient
    private let logger: Logger
    private let onAttempt: (@Sendable (WebhookAttempt) -> Void)?
    private let group: PartGroup
    private let state = Mutex(State())

    /// - Parameters:
    ///   - onAttempt: told of each request to a webhook.
    ///   - onEnd: called when a sink has ended that nobody had asked to.
    init(
        journal: Journal, client: any HTTPClient, logger: Logger, onAttempt: (@Sendable (WebhookAttempt) -> Void)?,
        onEnd: @escaping @Sendable () -> Void
    ) {
        self.journal = journal
        self.client = client
        self.logger = logger
        self.onAttempt = onAttempt
        group = PartGroup(onEnd: onEnd)
    }

    /// In the order of the settings.
    var all: [any EventRunner] {
        state.withLock { state in state.plans.compactMap { state.runners[$0.name] } + state.others }
    }

    /// The first fault that did not pass.
    var failure: SinkError? { state.withLock { $0.failure } }

    /// Until `drain`, or until the task is cancelled.
    func run() async { await group.run() }

    /// After the journal's end. Returns when each sink has delivered what is left, or has come to its limit.
    func drain() async { await group.finish(within: Self.drainLimit) }

    func reopen() {
        for runner in all { runner.reopen() }
    }

    // MARK: changes

    /// Opens what has to be opened, so that nothing is changed when that fails.
    func prepare(_ plans: [SinkPlan]) throws(StartFailure) -> Change {
        let changes = PartChanges(from: state.withLock { $0.plans }, to: plans)
        var beginning: [(plan: SinkPlan, output: Output)] = []
        var failures: [StartFailure] = []
        for plan in plans where changes.beginning.contains(plan.name) {
            do throws(SinkError) {
                beginning.append((plan, try output(plan)))
            } catch {
                failures.append(StartFailure(.cannotCreate, "sinks.\(plan.name): \(error.description)"))
            }
        }
        if let failure = StartFailure(all: failures) { throw failure }
        return Change(plans: plans, changes: changes, beginning: beginning)
    }

    private func output(_ plan: SinkPlan) throws(SinkError) -> Output {
        switch plan.kind {
        case .file(let path, let rotation):
            .lines(try FileSink(path: path, rotation: rotation.map(FileRotation.init)))
        case .standardOutput: .lines(try StandardOutputSink())
        case .webhook(let target, let pace): .requests(target, pace)
        }
    }

    /// Lets the sinks be these. What has changed is stopped, and goes on from its cursor; the others are not touched. One
    /// that is removed holds nothing in the journal any more.
    func make(_ change: Change) async throws(JournalError) {
        await group.stop(change.changes.ending, within: Self.stopLimit)
        // The daemon stops, and whatever is still running with it.
        if Task.isCancelled { return }
        state.withLock { state in
            state.plans = change.plans
            for name in change.changes.ending { state.runners[name] = nil }
        }
        for (plan, output) in change.beginning {
            let runner = try runner(plan, output)
            state.withLock { $0.runners[plan.name] = runner }
            start(runner, output)
        }
        try journal.retireReaders(except: Set(all.map(\.name)))
    }

    /// A sink besides those of the settings.
    func add(_ name: String, _ sink: any Sink) throws(JournalError) {
        let runner = SinkRunner(name: name, sink: sink, reader: try journal.reader(named: name), logger: logger)
        state.withLock { $0.others.append(runner) }
        start(runner, .lines(sink))
    }

    private func runner(_ plan: SinkPlan, _ output: Output) throws(JournalError) -> any EventRunner {
        let settings = plan.settings
        let filter = EventFilter(portals: settings.portals, include: settings.include, exclude: settings.exclude)
        let reader = try journal.reader(named: plan.name)
        return switch output {
        case .lines(let sink):
            SinkRunner(name: plan.name, sink: sink, reader: reader, filter: filter, logger: logger)
        case .requests(let target, let pace):
            WebhookRunner(
                name: plan.name, target: target, pace: pace, client: client, source: reader, filter: filter,
                logger: logger, onAttempt: onAttempt)
        }
    }

    private func start(_ runner: any EventRunner, _ output: Output) {
        group.start(
            runner.name,
            PartGroup.Part(
                run: { [self] in
                    // The file was opened before the sink ended in whose place this one comes, and may have been rotated since.
                    if case .lines(let sink) = output { try? await sink.reopen() }
                    do throws(SinkError) { try await runner.run() } catch {
                        state.withLock { $0.failure = $0.failure ?? error }
                    }
                },
                requestStop: { runner.requestStop() }))
    }
}

extension FileRotation {
    fileprivate init(_ rotation: RotationSettings) {
        self.init(size: rotation.size, age: rotation.age, keep: rotation.keep)
    }
}

import Portal
public import Settings
import Synchronization
public import Transport

/// Goes all the way that events will go, stage by stage, and changes nothing on it: portals side by side, findings in the
/// order of the file.
public struct Checker: Sendable {
    public struct Options: Sendable {
        /// Only what is on this machine: the file, its secrets, state directory and files of sinks.
        public var isOffline = false
        /// By name; nil: all of them.
        public var portals: Set<String>?
        /// Whether a test event is published through each portal that takes one.
        public var sendsEvent = true
        public var limits = CheckLimits()

        public init() {}
    }

    /// Portals and sinks under way at the same time.
    static let width = 32

    private let settings: Settings
    private let options: Options
    private let secrets: SecretEnvironment
    private let transport: Transport
    private let state: StatePlace?
    private let budget = RequestBudget()
    private let tokenBudget = RequestBudget()

    /// - Parameter state: nil: there is no place for it.
    public init(
        _ settings: Settings, _ options: Options, state: StatePlace?, secrets: SecretEnvironment, transport: Transport
    ) {
        self.settings = settings
        self.options = options
        self.state = state
        self.secrets = secrets
        self.transport = transport
    }

    private var portals: [PortalSettings] {
        settings.portals.filter { options.portals?.contains($0.name) ?? true }
    }

    /// Those that take events of these portals.
    private var sinks: [SinkSettings] {
        settings.sinks.filter { sink in
            guard let wanted = options.portals, let taken = sink.portals else { return true }
            return !wanted.isDisjoint(with: taken)
        }
    }

    /// What the findings will be about, in their order.
    public var subjects: [CheckSubject] {
        [.whole] + portals.map { .portal($0.name) } + sinks.map { .sink($0.name) }
    }

    /// Returns when all is looked at, or soon after the task is cancelled.
    ///
    /// - Parameter tell: told of each finding as soon as it is its turn.
    /// - Returns: all findings.
    public func run(_ tell: (Finding) -> Void) async -> [Finding] {
        let streams = subjects.map { subject in
            (subject: subject, stream: AsyncStream<Finding>.makeStream())
        }
        return await withTaskGroup(of: Void.self) { group in
            let turns = Turns(streams.map { ($0.subject, $0.stream.continuation) })
            for _ in 0..<min(Self.width, streams.count) {
                group.addTask {
                    while let (subject, continuation) = turns.next() {
                        var log = SubjectFindings(subject: subject) { continuation.yield($0) }
                        if !Task.isCancelled { await look(at: subject, &log) }
                        continuation.finish()
                    }
                }
            }
            var all: [Finding] = []
            for (_, stream) in streams {
                for await finding in stream.stream where !Task.isCancelled {
                    all.append(finding)
                    tell(finding)
                }
            }
            return all
        }
    }

    private func look(at subject: CheckSubject, _ log: inout SubjectFindings) async {
        switch subject {
        case .whole:
            let state = StateStage(
                directory: state?.directory, journalSize: settings.journal.size,
                isThorough: !options.isOffline)
            log.add(await state.finding())
        case .portal(let name):
            guard let portal = portals.first(where: { $0.name == name }) else { return }
            let surroundings = PortalCheck.Surroundings(
                secrets: secrets, transport: transport, budget: budget, tokenBudget: tokenBudget, state: state,
                signs: signs,
                sendsEvent: options.sendsEvent, limits: options.limits)
            let check = PortalCheck(portal: portal, surroundings: surroundings)
            if options.isOffline { check.runOffline(&log) } else { await check.run(&log) }
        case .sink(let name):
            guard let sink = sinks.first(where: { $0.name == name }) else { return }
            let check = SinkCheck(sink: sink, secrets: secrets, transport: transport, limits: options.limits)
            await check.run(&log, isOffline: options.isOffline)
        }
    }
}

extension Checker {
    /// A webhook of the file signs its requests.
    private var signs: Bool {
        settings.sinks.contains { sink in
            if case .webhook(let webhook) = sink.kind { !webhook.secrets.isEmpty } else { false }
        }
    }
}

/// The subjects that nobody has begun with.
private final class Turns: Sendable {
    typealias Turn = (subject: CheckSubject, continuation: AsyncStream<Finding>.Continuation)
    private let rest: Mutex<[Turn]>

    init(_ turns: [Turn]) {
        rest = Mutex(turns.reversed())
    }

    func next() -> Turn? { rest.withLock { $0.popLast() } }
}

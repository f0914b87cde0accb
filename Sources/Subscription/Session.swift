import Events
public import Journal
public import Logging
public import Portal
import PullProtocol
import Synchronization
public import Timing
public import Transport

/// What a session is given.
public struct SessionOptions: Sendable {
    /// The operator's name of the portal: labels events and log lines.
    public var name: String
    public var rules: SessionRules
    /// Channels to subscribe to; the others of the configuration are left out.
    public var channels: Set<ChannelKind>
    public var network: NetworkOptions

    public init(
        name: String, rules: SessionRules = SessionRules(), channels: Set<ChannelKind> = [.private, .shared],
        network: NetworkOptions = NetworkOptions()
    ) {
        self.name = name
        self.rules = rules
        self.channels = channels
        self.network = network
    }
}

/// One portal's session: the driver of `SessionMachine`. It holds the sockets and decides nothing.
public actor Session {
    /// What `run` has to see to, in order: at once, or in a child task.
    enum Job: Sendable {
        case tick
        case stop
        case fetch
        case link(LinkID, PushTransport, PullConfiguration, stop: OneShotSignal)
    }

    let options: SessionOptions
    let transport: Transport
    let time: TimeSource
    let logger: Logger
    private let portal: PortalClient
    private let journal: any EventIntake
    private let onStatus: @Sendable (SessionStatus) -> Void
    private var machine: SessionMachine
    private var intake: Intake
    private var stops: [LinkID: OneShotSignal] = [:]
    var connections: [LinkID: WebSocketConnection] = [:]
    private let jobs: AsyncStream<Job>
    private nonisolated let newJobs: AsyncStream<Job>.Continuation
    private let alarms: AlarmClock
    private var alarm: UInt64 = 0
    private var alarmAt: Duration?
    /// No message has been received and no connection proven: a first connection asks for no history.
    private var hasBeenLive = false

    /// - Parameters:
    ///   - journal: takes the events; while it waits, so does the connection.
    ///   - alarms: has to be running, on the same `time`.
    ///   - onStatus: called on each change, in order.
    public init(
        options: SessionOptions, portal: PortalClient, transport: Transport, journal: any EventIntake,
        alarms: AlarmClock, logger: Logger, time: TimeSource = .system, seed: UInt64 = .random(in: .min ... .max),
        onStatus: @escaping @Sendable (SessionStatus) -> Void = { _ in }
    ) {
        self.options = options
        self.portal = portal
        self.transport = transport
        self.journal = journal
        self.alarms = alarms
        self.logger = logger
        self.time = time
        self.onStatus = onStatus
        machine = SessionMachine(rules: options.rules, seed: seed)
        intake = Intake(portal: options.name)
        (jobs, newJobs) = AsyncStream.makeStream()
    }

    /// Runs until `requestStop` or until the task is cancelled; then every connection is closed.
    public func run() async {
        alarm = alarms.add { [newJobs] in newJobs.yield(.tick) }
        defer { alarms.remove(alarm) }
        handle(.start)
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                for await job in jobs {
                    switch job {
                    case .tick: tick()
                    case .stop: handle(.stop)
                    case .fetch: group.addTask { await self.fetch() }
                    case .link(let id, let transport, let configuration, let stop):
                        group.addTask { await self.runLink(id, transport, configuration, stop: stop) }
                    }
                }
                group.cancelAll()
            }
        } onCancel: {
            newJobs.finish()
        }
    }

    /// Closes the connections with 1000 and lets `run` return.
    public nonisolated func requestStop() {
        newJobs.yield(.stop)
    }

    public var counts: IntakeCounts { intake.counts }

    // MARK: The machine

    func handle(_ input: SessionInput) {
        let actions = machine.handle(input, at: time.now())
        for action in actions { carryOut(action) }
        setAlarm()
    }

    private func carryOut(_ action: SessionAction) {
        switch action {
        case .fetchConfiguration: newJobs.yield(.fetch)
        case .open(let id, let transport, let configuration):
            let stop = OneShotSignal()
            stops[id] = stop
            intake.follow(mode: configuration.payloadMode, version: configuration.version)
            newJobs.yield(.link(id, transport, configuration, stop: stop))
        case .ping(let id): connections[id]?.ping(Array("pulld".utf8))
        case .close(let id, let code, let reason):
            connections[id]?.close(code: code, reason: reason)
            stops[id]?.fire()
        case .holdPosition: intake.holdPosition(at: time.now().monotonic)
        case .releasePosition: intake.releasePosition(at: time.now().monotonic)
        case .status(let status):
            if case .live = status { hasBeenLive = true }
            onStatus(status)
        case .note(let note): log(note)
        case .finish: newJobs.finish()
        }
    }

    /// The machine is woken at its deadline, and once a minute in any case: clocks can be set and machines sleep.
    private func setAlarm() {
        let now = time.now()
        let longest = now.monotonic + .seconds(60)
        let due = min(machine.deadline(at: now) ?? longest, longest)
        guard due != alarmAt else { return }
        alarmAt = due
        alarms.set(alarm, due: due)
    }

    private nonisolated func runLink(
        _ id: LinkID, _ transport: PushTransport, _ configuration: PullConfiguration, stop: OneShotSignal
    ) async {
        let end =
            switch transport {
            case .webSocket: await runWebSocket(id, configuration, stop: stop)
            case .longPolling: await runLongPolling(id, configuration, stop: stop)
            }
        await forget(id, end)
    }

    private func forget(_ id: LinkID, _ end: LinkEnd) {
        stops[id] = nil
        connections[id] = nil
        // With the task cancelled this end is no loss to recover from.
        if Task.isCancelled { handle(.stop) }
        handle(.ended(id, end))
    }

    private func tick() {
        alarmAt = nil
        let now = time.now()
        intake.tidy(at: now.monotonic)
        for (id, connection) in connections {
            let lastFrameAt = Duration.nanoseconds(connection.activity.lastFrameAt)
            _ = machine.handle(.activity(id, lastFrameAt: lastFrameAt), at: now)
        }
        handle(.tick)
    }

    private func fetch() async {
        do {
            var (configuration, skew) = try await portal.configuration()
            guard configuration.isEnabled else {
                return handle(.configurationFailed(.disabled))
            }
            if abs(skew) > 60 {
                logger.warning("the portal's clock and this machine's differ", metadata: ["seconds": "\(Int(skew))"])
            }
            configuration.channels.removeAll { !options.channels.contains($0.kind) }
            guard !configuration.channels.isEmpty || configuration.jwt != nil else {
                return handle(.configurationFailed(.noWantedChannels))
            }
            handle(.configured(configuration, skew: skew))
        } catch {
            if Task.isCancelled { return }
            handle(.configurationFailed(ConfigurationFailure(error)))
        }
    }

    // MARK: For links

    /// Where a new connection resumes. The first one begins with what is sent from now on; one after a connection that
    /// brought nothing yet asks for everything, or else what came in between would be lost.
    func resumePosition() -> Position {
        if let id = intake.resumePosition(at: time.now().monotonic) { return .message(id) }
        return intake.legacyPosition ?? (hasBeenLive ? .retained : .none)
    }

    /// Takes the units of one turn. Returns when their events are in the journal.
    func take(
        _ bytes: consuming [UInt8], units: [(range: Range<Int>, kind: FrameKind)], from id: LinkID,
        configuration: PullConfiguration, isTruncated: Bool = false
    ) async throws -> Intake.Outcome {
        let now = time.now()
        var outcome = intake.take(
            bytes, units: units, decoder: UnitDecoder(mode: configuration.payloadMode),
            channel: configuration.onlyChannelKind, isTruncated: isTruncated,
            receivedAt: Int64(now.wall * 1_000_000), at: now.monotonic)
        if let batch = outcome.batch {
            outcome.batch = nil
            try await journal.append(batch)
        }
        if outcome.messageCount > 0 { handle(.proven(id)) }
        for command in outcome.commands { handle(.command(command)) }
        logTroubles(outcome)
        return outcome
    }
}

extension PullConfiguration {
    /// The channel that everything on a connection came through, when it carries only one.
    var onlyChannelKind: ChannelKind {
        channels.count == 1 ? channels[0].kind : .unknown
    }
}

extension ConfigurationFailure {
    static let disabled = ConfigurationFailure(
        message: "configuration: the portal's real time is switched off",
        cure: "switch it on in the settings of the portal's Push and Pull module", retry: .after(seconds: 600))

    static let noWantedChannels = ConfigurationFailure(
        message: "configuration: the portal gives none of the wanted channels",
        cure: "check the portal's `channels` setting", retry: .after(seconds: 600))

    init(_ error: PortalError) {
        let retry: Retry =
            switch error.retry {
            case .schedule(let schedule): .schedule(schedule)
            case .after(let seconds): .after(seconds: seconds)
            }
        self.init(message: error.message, cure: error.cure, retry: retry)
    }
}

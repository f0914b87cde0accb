import Events
public import Journal
public import Logging
public import Portal
import PullProtocol
import Synchronization
public import Timing
public import Transport

/// One portal's session: the driver of `SessionMachine`. It holds the sockets and decides nothing.
public actor Session {
    /// What `run` has to see to, in order: at once, or in a child task.
    enum Job: Sendable {
        case tick
        case stop
        case fetch
        case link(LinkID, PushTransport, PullConfiguration, stop: OneShotSignal)
        case audit(AuditID, PullConfiguration, channel: Int?, via: PushTransport)
        /// Entries wait that no received unit takes along.
        case flush
        case acknowledge(LinkID)
    }

    let options: SessionOptions
    let transport: Transport
    let time: TimeSource
    let logger: Logger
    let journal: any EventIntake
    let portal: PortalClient
    private let onStatus: @Sendable (SessionStatus) -> Void
    let board: SessionBoard
    var heartbeat: Heartbeat?
    var hasToldOfNoHeartbeat = false
    /// Whose private channel it is, where the portal says so.
    private(set) var privateUser: Int?
    private var machine: SessionMachine
    var intake: Intake
    var reach = HistoryReach()
    /// Messages whose ids were given out anew, and when that was last logged.
    var wentBack = 0
    var wentBackToldAt: Duration?
    var feed = JournalFeed()
    private var stops: [LinkID: OneShotSignal] = [:]
    var connections: [LinkID: WebSocketConnection] = [:]
    /// Texts that go out once everything received so far is on disk.
    var acknowledgements: [LinkID: [String]] = [:]
    /// The next poll of a loop is an audit.
    var auditPolls: [LinkID: AuditID] = [:]
    private let jobs: AsyncStream<Job>
    nonisolated let newJobs: AsyncStream<Job>.Continuation
    private let alarms: AlarmClock
    private var alarm: UInt64 = 0
    private var alarmAt: Duration?
    /// What earlier runs have left has been read.
    private var hasBegun = false
    private var readFailure: JournalError?
    private var isStopping = false
    private(set) var isLive = false
    /// No message has been received and no connection proven: a first connection asks for no history.
    private(set) var hasBeenLive = false
    /// The newest id when the connection was lost, for the record of what is gone.
    var newestAtLoss: MessageID?
    var storedSets: [StoredSet] = []

    /// - Parameters:
    ///   - journal: takes what is received; while it waits, so does the connection.
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
        board = SessionBoard(heartbeat: options.heartbeat)
        var rules = options.rules
        rules.startsWithRetained = options.start == .retained
        machine = SessionMachine(rules: rules, seed: seed)
        let name = options.name
        intake = Intake(portal: name, lag: options.rules.auditLag, start: options.start) { id throws(JournalError) in
            try journal.seen(id, portal: name)
        }
        intake.findsHeartbeats = options.heartbeat != nil
        (jobs, newJobs) = AsyncStream.makeStream()
    }

    /// Runs until `requestStop` or until the task is cancelled; then every connection is closed.
    public func run() async {
        alarm = alarms.add { [newJobs] in newJobs.yield(.tick) }
        defer { alarms.remove(alarm) }
        begin()
        await withTaskCancellationHandler {
            await withDiscardingTaskGroup { group in
                if let interval = options.heartbeat { group.addTask { await self.beat(every: interval) } }
                for await job in jobs {
                    switch job {
                    case .tick: tick()
                    case .stop:
                        isStopping = true
                        handle(.stop)
                    case .fetch: group.addTask { await self.fetch() }
                    case .link(let id, let transport, let configuration, let stop):
                        group.addTask { await self.runLink(id, transport, configuration, stop: stop) }
                    case .audit(let id, let configuration, let channel, let transport):
                        group.addTask { await self.runAudit(id, configuration, channel: channel, via: transport) }
                    case .flush: group.addTask { await self.flush() }
                    case .acknowledge(let id): group.addTask { await self.acknowledge(id) }
                    }
                    // What waits for a full disk would wait for ever: it is asked for again by the next run.
                    if isStopping, feed.isPaused {
                        feed.isEnding = true
                        group.cancelAll()
                    }
                }
                feed.isEnding = true
                group.cancelAll()
            }
        } onCancel: {
            newJobs.finish()
        }
        await flushLast()
    }

    /// Closes the connections with 1000 and lets `run` return.
    public nonisolated func requestStop() {
        newJobs.yield(.stop)
    }

    public var counts: IntakeCounts { intake.counts }

    /// How it is; waits for nothing that it does.
    public nonisolated var figures: SessionFigures { board.figures(at: time.now()) }

    /// Again every few seconds where the disk does not let it be read: without its position a session would lose messages
    /// or bring them twice.
    private func begin() {
        guard !hasBegun, !isStopping else { return }
        do {
            let (former, lastContact) = try restore()
            hasBegun = true
            board.restored(contact: lastContact)
            handle(.restored(former: former, lastContact: lastContact))
            handle(.start)
        } catch {
            // A damaged journal ends everything, with one line of its own.
            if error != readFailure, error.code != .damaged {
                logger.error(
                    "what earlier runs have left cannot be read",
                    metadata: ["cause": "\(error.message)", "cure": "\(error.cure)"])
            }
            readFailure = error
            note(.waiting(error.message))
            setAlarm()
        }
    }

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
            intake.positions.follow(configuration.pushServer, version: configuration.version)
            newJobs.yield(.link(id, transport, configuration, stop: stop))
        case .ping(let id): connections[id]?.ping(Array("pulld".utf8))
        case .close(let id, let code, let reason):
            connections[id]?.close(code: code, reason: reason)
            stops[id]?.fire()
        case .pong(let id): connections[id]?.pong()
        case .holdPosition: intake.positions.hold()
        case .releasePosition: intake.positions.release(at: time.now().monotonic)
        case .audit(let id, let configuration, let channel, let transport):
            board.auditBegins()
            newJobs.yield(.audit(id, configuration, channel: channel, via: transport))
        case .pollFromSafe(let link, let id):
            board.auditBegins()
            auditPolls[link] = id
        case .confirmPosition(let asOf):
            intake.positions.confirm(asOf: asOf, at: time.now().monotonic)
            appendLater(intake.movedPosition())
        case .recordGap(let gap): record(gap)
        case .remember(let current, let former): remember(current: current, former: former)
        case .status(let status): note(status)
        case .note(let note):
            board.note(note)
            log(note)
        case .finish: newJobs.finish()
        }
    }

    private func note(_ status: SessionStatus) {
        if case .live = status {
            hasBeenLive = true
            isLive = true
            noteContact()
        } else {
            if isLive { newestAtLoss = intake.positions.newest(of: intake.positions.current) }
            isLive = false
        }
        board.note(status, at: time.now().monotonic)
        onStatus(status)
    }

    /// The machine is woken at its deadline, and once a minute in any case: clocks can be set and machines sleep.
    func setAlarm() {
        let now = time.now()
        var due = now.monotonic + (hasBegun ? .seconds(60) : .seconds(5))
        if let deadline = machine.deadline(at: now) { due = min(due, deadline) }
        if let looksAt = feed.looksAt { due = min(due, looksAt) }
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
        board.ended(id)
        acknowledgements[id] = nil
        auditPolls[id] = nil
        // With the task cancelled this end is no loss to recover from.
        if Task.isCancelled { handle(.stop) }
        handle(.ended(id, end))
    }

    private func tick() {
        alarmAt = nil
        begin()
        let now = time.now()
        lookAtFeed(at: now.monotonic)
        // What waits for a failing disk is known by memory alone.
        if !feed.isPaused { intake.tidy(at: now.monotonic) }
        if isLive { noteContact() }
        for (id, connection) in connections {
            let activity = connection.activity
            _ = machine.handle(
                .activity(
                    id, lastBytesAt: .nanoseconds(activity.lastBytesAt),
                    serverPings: UInt64(clamping: activity.pingsReceived)), at: now)
            if activity.isPaused { _ = machine.handle(.unread(id), at: now) }
        }
        handle(.tick)
    }

    private func fetch() async {
        do {
            var (configuration, skew) = try await portal.configuration()
            guard configuration.isEnabled else {
                return handle(.configurationFailed(.disabled))
            }
            guard configuration.version < 5 || options.allowsJSONRPC else {
                return handle(.configurationFailed(.untested(version: configuration.version)))
            }
            if abs(skew) > 60 {
                logger.warning("the portal's clock and this machine's differ", metadata: ["seconds": "\(Int(skew))"])
            }
            privateUser = configuration.userID
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
}

extension ConfigurationFailure {
    static let disabled = ConfigurationFailure(
        message: "configuration: the portal's real time is switched off",
        cure: "switch it on in the settings of the portal's Push and Pull module", retry: .after(seconds: 600))

    static let noWantedChannels = ConfigurationFailure(
        message: "configuration: the portal gives none of the wanted channels",
        cure: "check the portal's `channels` setting", retry: .after(seconds: 600))

    static func untested(version: Int) -> ConfigurationFailure {
        ConfigurationFailure(
            message: "configuration: the portal speaks JSON-RPC (version \(version)), which is new and untested",
            cure: "set the portal's `json_rpc: true` to try it", retry: .after(seconds: 600))
    }

    init(_ error: PortalError) {
        let retry: Retry =
            switch error.retry {
            case .schedule(let schedule): .schedule(schedule)
            case .after(let seconds): .after(seconds: seconds)
            }
        self.init(message: error.message, cure: error.cure, retry: retry)
    }
}

import Events
import PullProtocol
import Timing

@testable import Subscription

/// A session's rules against a simulated portal, push server and network, with faults, in virtual time. The daemon can
/// crash and starts again with what it has stored. The same seed makes the same run.
struct Simulation {
    /// Taken away one at a time, to see that it is needed.
    enum Protection: CaseIterable {
        case audits, hold, formers, lag, restored, duplicates, depth, pauses
    }

    enum Happening {
        // The world
        case publish(Int)
        case put(SimulatedServer.Message)
        case broadcast(SimulatedServer.Message)
        case fault(Fault)
        // The daemon and its connections
        case tick(Int)
        case starts
        case answered(PullConfiguration?)
        case asked
        case begins(LinkID)
        case reaches(LinkID)
        case registers(LinkID, history: [SimulatedServer.Message])
        case opens(LinkID)
        case arrives(LinkID, [SimulatedServer.Message], isHistory: Bool)
        case serverPings(LinkID)
        case ended(LinkID, LinkEnd)
        case asksPoll(LinkID)
        case pollReaches(LinkID, poll: Int)
        case pollHeld(LinkID, poll: Int)
        case pollAnswered(LinkID, poll: Int, [SimulatedServer.Message])
        case pollProven(LinkID)
        case auditReaches(Audit)
        case auditEnds(Audit, AuditOutcome?, [SimulatedServer.Message])
    }

    struct Audit {
        var id: AuditID
        var configuration: PullConfiguration
        var channel: Int?
        var transport: PushTransport
        var beganAt: Duration
        /// How many messages had been received by then.
        var order: Int

        var keys: [String] { channel.map { [configuration.keys[$0]] } ?? configuration.keys }
    }

    struct Link {
        var transport: PushTransport
        var channels: [String]
        var position: MessageID?
        /// The history has been read.
        var isRegistering = false
        var isRegistered = false
        /// Cut, and nobody knows.
        var isDead = false
        var isOpen = false
        var lastBytesAt: Double
        var serverPings: UInt64 = 0
        /// The server drops until then.
        var deafUntil = -1.0
        /// When what was sent last arrives.
        var arrivesAt = 0.0
        var sentThrough = MessageID.zero
        var poll = 0
        var audit: AuditID?
        /// The poll that the audit is.
        var auditOfPoll: Int?
        var auditOrder = 0
    }

    static let epoch = 1_700_000_000.0

    let seed: UInt64
    let without: Protection?
    let world: World
    var random: SeededRandom
    var rules = SessionRules()
    var machine: SessionMachine
    var memory: SimulatedMemory
    var server: SimulatedServer
    var now = 0.0
    var queue: [(at: Double, what: Happening)] = []
    var links: [LinkID: Link] = [:]
    var alarm = 0
    var runs: UInt64 = 0
    var isRunning = false
    var isQuiet = false
    var portalIsUp = true
    var pushIsUp = true
    var webSocketPasses = true
    var pollingPasses = true
    /// How far this machine's wall clock is ahead, and its monotonic clock behind for having slept.
    var clockAhead = 0.0
    var slept = 0.0
    var sleepsUntil = -1.0
    /// Time in which nothing happened anywhere.
    var skipped = 0.0

    // What is known of each message at the end
    /// Channels that a configuration has named. Of the others, which came and went in an outage, a gap record tells.
    var named: Set<String> = []
    var firstNamedAt: Double?
    /// Gap records of channels that came and went unknown, although there were none.
    var groundless = 0
    var firstAcceptedAt: Double?
    var firstLiveAt: Double?
    /// Not sent although a connection was there: the server's own holes.
    var dropped: Set<Int> = []
    /// Gone from the server, or out of the reach of every position.
    var unreachable: Set<Int> = []
    /// When the counter went back, and the ids that positions hide from then on.
    var rewinds: [(at: Double, through: MessageID)] = []
    var coveredByGap: Set<Int> = []
    /// The last answer of a channel of each kind that looked cut.
    var gapAnswers: [ChannelKind: (channel: String, lowest: MessageID)] = [:]

    private(set) var fetches: [Double] = []
    private(set) var opens: [Double] = []
    private(set) var audits: [Double] = []
    var gaps = 0
    var ticks = 0

    init(seed: UInt64, without: Protection? = nil) {
        self.seed = seed
        self.without = without
        random = SeededRandom(seed: seed)
        world = World(random: &random)
        rules.transport = world.choice
        rules.startsWithRetained = world.startsWithRetained
        rules.auditsAreOn = without != .audits
        machine = SessionMachine(rules: rules, seed: seed)
        memory = SimulatedMemory(
            lag: without == .lag ? .zero : rules.auditLag, startsWithRetained: world.startsWithRetained)
        memory.removesDuplicates = without != .duplicates
        server = SimulatedServer(
            life: world.channelLife, hasWebSocket: world.hasWebSocket, hasPolling: world.hasPolling, now: Self.epoch,
            random: &random)
    }

    /// By the clocks of the machine that the daemon runs on.
    var moment: Moment {
        Moment(monotonic: .seconds(1000 + now - slept), wall: Self.epoch + now + clockAhead)
    }

    /// Faults for `hours`, then the time that the longest wait needs to be over, without faults and events.
    mutating func run(hours: Double) {
        start()
        plan(.publish(1), in: 0...60)
        for fault in world.faults { plan(.fault(fault), in: 0...fault.interval) }
        advance(to: hours * 3600)
        calm()
        advance(to: hours * 3600 + 3600)
    }

    var isLive: Bool { if case .live = machine.status { true } else { false } }

    // MARK: Time

    mutating func plan(_ what: Happening, in delay: ClosedRange<Double>) {
        let at = now + Double.random(in: delay, using: &random)
        queue.insert((at, what), at: queue.firstIndex { $0.at <= at } ?? queue.count)
    }

    private mutating func advance(to end: Double) {
        while let next = queue.last, next.at <= end + skipped, ticks < 100_000 {
            queue.removeLast()
            now = next.at
            if now < sleepsUntil, !next.what.isOfWorld {
                plan(next.what, in: sleepsUntil - now...sleepsUntil - now)
            } else {
                happen(next.what)
            }
        }
        now = end + skipped
    }

    private mutating func happen(_ what: Happening) {
        switch what {
        case .publish(let count): publish(count)
        case .put(let message):
            if server.put(message) {
                plan(.broadcast(message), in: 0.001...0.2)
            } else {
                unreachable.insert(message.serial)
            }
        case .broadcast(let message): broadcast(message)
        case .fault(let fault):
            if !isQuiet { strike(fault) }
        case .tick(let number):
            if number == alarm { tick() }
        case .starts: start()
        case .asked:
            guard portalIsUp else { return plan(.answered(nil), in: 0.01...10) }
            let (configuration, commands) = server.configuration(at: Self.epoch + now)
            for command in commands { plan(.put(command), in: 0.001...2) }
            plan(.answered(configuration), in: 0.01...1)
        case .answered(let configuration):
            let failure = ConfigurationFailure(message: "down", cure: "", retry: .schedule(.rest))
            named.formUnion(configuration?.keys ?? [])
            if configuration != nil { firstNamedAt = firstNamedAt ?? Self.epoch + now }
            send(configuration.map { .configured($0, skew: -clockAhead) } ?? .configurationFailed(failure))
        default: happenToLink(what)
        }
    }

    private mutating func publish(_ count: Int) {
        if isQuiet { return }
        for _ in 0..<count {
            let isShared = Double.random(in: 0..<1, using: &random) < world.sharedPart
            for message in server.publish(toShared: isShared, at: Self.epoch + now) {
                // The number is taken first; storing may take its time.
                let isSlow = Double.random(in: 0..<1, using: &random) < world.slowStores
                plan(.put(message), in: isSlow ? 0.5...20 : 0.001...0.05)
            }
        }
        let isBurst = Double.random(in: 0..<1, using: &random) < world.bursts
        plan(
            .publish(isBurst ? Int.random(in: 20...400, using: &random) : 1),
            in: 0.01...2 * world.eventInterval)
    }

    // MARK: The daemon

    mutating func start() {
        runs += 1
        isRunning = true
        if runs > 1 { memory.restore(moment) }
        machine = SessionMachine(rules: rules, seed: seed &+ runs &* 1_000_003)
        if without != .restored, !memory.stored.isEmpty {
            send(.restored(former: memory.stored, lastContact: memory.lastContact))
        }
        send(.start)
    }

    mutating func send(_ input: SessionInput) {
        guard isRunning else { return }
        for action in machine.handle(input, at: moment) { carryOut(action) }
        alarm += 1
        let wait = machine.deadline(at: moment).map { min(60, max(0, ($0 - moment.monotonic).inSeconds)) } ?? 60
        plan(.tick(alarm), in: wait...wait + 0.1)
    }

    private mutating func tick() {
        ticks += 1
        lookAtLinks()
    }

    /// A tick judges the silence of all connections, so the last frames of all are told before.
    mutating func lookAtLinks() {
        for id in links.keys.sorted(by: { $0.number < $1.number }) { tellActivity(id) }
        send(.tick)
    }

    private mutating func tellActivity(_ id: LinkID) {
        guard let link = links[id], link.transport == .webSocket, link.isOpen else { return }
        let heard = SessionInput.activity(
            id, lastBytesAt: .seconds(1000 + link.lastBytesAt), serverPings: link.serverPings)
        _ = machine.handle(heard, at: moment)
    }

    private mutating func carryOut(_ action: SessionAction) {
        switch action {
        case .fetchConfiguration:
            fetches.append(now)
            plan(.asked, in: 0.01...1)
        case .open(let id, let transport, let configuration):
            opens.append(now)
            links[id] = Link(transport: transport, channels: configuration.keys, lastBytesAt: now - slept)
            plan(.begins(id), in: 0...0)
        case .ping(let id): if links[id]?.isDead == false { links[id]?.lastBytesAt = now - slept }
        case .pong: break
        case .close(let id, _, _):
            if links.removeValue(forKey: id) != nil { plan(.ended(id, .closedByUs), in: 0...0) }
        case .holdPosition: if without != .hold { memory.hold() }
        case .releasePosition: memory.release(moment)
        case .status(.live):
            memory.hasBeenLive = true
            firstLiveAt = firstLiveAt ?? Self.epoch + now
        case .audit(let id, let configuration, let channel, let transport):
            audits.append(now)
            let audit = Audit(
                id: id, configuration: configuration, channel: channel, transport: transport,
                beganAt: moment.monotonic, order: memory.lastOrder)
            let isFormer = machine.configuration.map { !$0.makesSameConnections(as: configuration) } ?? true
            if without == .formers, isFormer { return plan(.auditEnds(audit, .complete, []), in: 0...0) }
            plan(.auditReaches(audit), in: 0.01...2)
        case .pollFromSafe(let id, let audit):
            audits.append(now)
            links[id]?.audit = audit
        case .confirmPosition(let began): memory.confirm(asOf: began, moment)
        case .recordGap(let gap):
            if without == .pauses, gap.reason == .formerChannels, gap.channel != .unknown { return }
            cover(gap)
        case .remember(let current, let former): memory.remember(former + [current], at: now)
        case .status, .note, .finish: break
        }
    }
}

extension Simulation.Happening {
    /// Goes on while this machine sleeps.
    var isOfWorld: Bool {
        switch self {
        case .publish, .put, .broadcast, .fault, .registers, .pollHeld, .serverPings: true
        default: false
        }
    }
}

extension PullConfiguration {
    var keys: [String] { channels.map { String($0.id.secret.exposed.prefix(32)) } }
}

extension LinkEnd {
    /// As the driver tells the end of what it was told to close.
    static let closedByUs = LinkEnd(.closed(code: 1000, reason: ""), cause: "closed")
}

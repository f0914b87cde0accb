import Events
import PullProtocol
import Timing

@testable import Subscription

/// A session's rules and its intake against a simulated server, with faults, in virtual time. The same seed makes the
/// same run.
struct Simulation {
    private enum Happening {
        case publish
        case tick(Int)
        case cut
        case portalTurns
        case pushTurns
        case asked
        case answered(PullConfiguration?)
        case begins(LinkID)
        case connected(LinkID)
        case arrives(LinkID, [SimulatedServer.Message])
        case ended(LinkID, LinkEnd)
        case asksPoll(LinkID)
        case pollReaches(LinkID)
        case pollHeld(LinkID, poll: Int)
        case pollAnswered(LinkID, [SimulatedServer.Message])
        case pollProven(LinkID)
    }

    private struct Link {
        var transport: PushTransport
        var channels: Set<String>
        var position = Position.none
        var isRegistered = false
        /// Cut, and nobody knows.
        var isDead = false
        var lastFrameAt: Double
        var poll = 0
    }

    private var random: SeededRandom
    private var machine: SessionMachine
    private var intake = Intake(portal: "acme")
    private var server: SimulatedServer
    private var now = 0.0
    private var queue: [(at: Double, what: Happening)] = []
    private var links: [LinkID: Link] = [:]
    private var alarm = 0
    private var portalIsUp = true
    private var pushIsUp = true
    private var isQuiet = false
    private var firstLiveAt: Double?
    /// Channels that a configuration has named: of those that came and went in an outage nobody can know.
    private var known: Set<String> = []

    private let eventInterval: Double
    private let cutInterval: Double
    private let refusals: Double

    /// How often each message was accepted, by its number.
    private(set) var accepted: [Int: Int] = [:]
    private(set) var fetches: [Double] = []
    private(set) var opens: [Double] = []
    private(set) var ticks = 0

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        let isPolling = seed % 3 == 0
        var rules = SessionRules()
        rules.transport = isPolling ? .longPollingOnly : .automatic
        machine = SessionMachine(rules: rules, seed: seed)
        eventInterval = Double.random(in: 10...90, using: &random)
        cutInterval = Double.random(in: 100...1500, using: &random)
        refusals = Double.random(in: 0...0.3, using: &random)
        let life = Double.random(in: 600...2400, using: &random)
        server = SimulatedServer(life: life, hasWebSocket: !isPolling, now: Self.epoch, random: &random)
    }

    private static let epoch = 1_700_000_000.0
    private var moment: Moment { Moment(monotonic: .seconds(1000 + now), wall: Self.epoch + now) }

    /// Faults for `hours`, then the time that the longest wait needs to be over, without faults and events.
    mutating func run(hours: Double) {
        send(.start)
        plan(.publish, in: 0...60)
        plan(.cut, in: 0...cutInterval)
        plan(.portalTurns, in: 300...3000)
        plan(.pushTurns, in: 300...3000)
        advance(to: hours * 3600)
        isQuiet = true
        portalIsUp = true
        pushIsUp = true
        advance(to: hours * 3600 + 1500)
    }

    /// Numbers of the events that were lost, and of those that came twice.
    var faults: (lost: [Int], doubled: [Int]) {
        let since = firstLiveAt ?? .infinity
        let lost = server.messages.filter {
            !$0.isCommand && $0.publishedAt > since && known.contains($0.channel) && accepted[$0.counter] == nil
        }
        return (lost.map(\.counter), accepted.filter { $0.value > 1 }.map(\.key))
    }

    var isLive: Bool { if case .live = machine.status { true } else { false } }
    var eventCount: Int { server.messages.count }

    // MARK: Time

    private mutating func plan(_ what: Happening, in delay: ClosedRange<Double>) {
        let at = now + Double.random(in: delay, using: &random)
        queue.insert((at, what), at: queue.firstIndex { $0.at <= at } ?? queue.count)
    }

    private mutating func advance(to end: Double) {
        while let next = queue.last, next.at <= end, ticks < 100_000 {
            queue.removeLast()
            now = next.at
            happen(next.what)
        }
        now = end
    }

    private mutating func happen(_ what: Happening) {
        switch what {
        case .publish:
            if isQuiet { return }
            let toShared = Bool.random(using: &random)
            broadcast(server.publish(toShared: toShared, at: Self.epoch + now))
            plan(.publish, in: 0.01...2 * eventInterval)
        case .tick(let number):
            if number == alarm { tick() }
        case .cut:
            if isQuiet { return }
            if let id = links.keys.sorted(by: { $0.number < $1.number }).randomElement(using: &random) { cut(id) }
            plan(.cut, in: 1...2 * cutInterval)
        case .portalTurns:
            if isQuiet { return }
            portalIsUp.toggle()
            plan(.portalTurns, in: portalIsUp ? 300...3000 : 10...2400)
        case .pushTurns:
            if isQuiet { return }
            pushIsUp.toggle()
            plan(.pushTurns, in: pushIsUp ? 300...3000 : 5...1500)
        case .asked:
            guard portalIsUp else { return plan(.answered(nil), in: 0.01...10) }
            let (configuration, messages) = server.configuration(at: Self.epoch + now)
            broadcast(messages)
            plan(.answered(configuration), in: 0.01...1)
        case .answered(let configuration):
            let failure = ConfigurationFailure(message: "down", cure: "", retry: .schedule(.rest))
            known.formUnion(configuration.map { Self.channels(of: $0) } ?? [])
            send(configuration.map { .configured($0, skew: 0) } ?? .configurationFailed(failure))
        case .ended(let id, let end):
            if links.removeValue(forKey: id) != nil { send(.ended(id, end)) }
        default: happenToLink(what)
        }
    }

    private mutating func happenToLink(_ what: Happening) {
        switch what {
        case .begins(let id):
            let position = resumePosition
            links[id]?.position = position
            plan(.connected(id), in: 0.02...3)
        case .connected(let id): connected(id)
        case .arrives(let id, let messages):
            guard links[id]?.isDead == false else { return }
            links[id]?.lastFrameAt = now
            take(messages, from: id)
        case .asksPoll(let id):
            guard let link = links[id], !link.isDead else { return }
            let position = link.position == .none ? resumePosition : link.position
            links[id]?.position = position
            plan(.pollReaches(id), in: 0.01...1)
        case .pollReaches(let id): pollReaches(id)
        case .pollHeld(let id, let poll):
            guard let link = links[id], link.isRegistered, link.poll == poll else { return }
            links[id]?.isRegistered = false
            plan(.pollAnswered(id, []), in: 0.01...1)
        case .pollAnswered(let id, let messages):
            guard links[id]?.isDead == false else { return }
            send(.opened(id))
            take(messages, from: id)
            send(.proven(id))
            plan(.asksPoll(id), in: 0...0)
        case .pollProven(let id):
            guard links[id]?.isDead == false else { return }
            send(.opened(id))
            send(.proven(id))
        default: break
        }
    }

    // MARK: The driver's part

    private mutating func send(_ input: SessionInput) {
        for action in machine.handle(input, at: moment) { carryOut(action) }
        alarm += 1
        let wait = machine.deadline(at: moment).map { min(60, max(0, ($0 - moment.monotonic).inSeconds)) } ?? 60
        plan(.tick(alarm), in: wait...wait + 0.1)
    }

    private mutating func tick() {
        ticks += 1
        intake.tidy(at: moment.monotonic)
        for (id, link) in links where link.transport == .webSocket && link.isRegistered {
            _ = machine.handle(.activity(id, lastFrameAt: .seconds(1000 + link.lastFrameAt)), at: moment)
        }
        send(.tick)
    }

    private mutating func carryOut(_ action: SessionAction) {
        switch action {
        case .fetchConfiguration:
            fetches.append(now)
            plan(.asked, in: 0.01...1)
        case .open(let id, let transport, let configuration):
            opens.append(now)
            intake.follow(mode: configuration.payloadMode, version: configuration.version)
            links[id] = Link(transport: transport, channels: Self.channels(of: configuration), lastFrameAt: now)
            plan(.begins(id), in: 0...0)
        case .ping(let id): if links[id]?.isDead == false { links[id]?.lastFrameAt = now }
        case .close(let id, _, _):
            if links.removeValue(forKey: id) != nil { send(.ended(id, .stopped)) }
        case .holdPosition: intake.holdPosition(at: moment.monotonic)
        case .releasePosition: intake.releasePosition(at: moment.monotonic)
        case .status(.live): firstLiveAt = firstLiveAt ?? now + Self.epoch
        case .status, .note, .finish: break
        }
    }

    private static func channels(of configuration: PullConfiguration) -> Set<String> {
        Set(configuration.channels.map { String($0.id.secret.exposed.prefix(32)) })
    }

    private var resumePosition: Position {
        if let id = intake.resumePosition(at: moment.monotonic) { return .message(id) }
        return firstLiveAt == nil ? .none : .retained
    }

    private mutating func take(_ messages: [SimulatedServer.Message], from id: LinkID) {
        if messages.isEmpty { return }
        let bytes = Array(messages.map(\.text).joined().utf8)
        let outcome = intake.take(
            bytes, units: [(0..<bytes.count, .text)], decoder: UnitDecoder(mode: .text), channel: .unknown,
            receivedAt: 1,
            at: moment.monotonic)
        for event in outcome.batch?.events ?? [] {
            accepted[event.id.map { Int($0.counter) } ?? 0, default: 0] += 1
        }
        if let newest = outcome.newest, let position = links[id]?.position {
            links[id]?.position = position.moved(to: newest)
        }
        if outcome.messageCount > 0 { send(.proven(id)) }
        for command in outcome.commands { send(.command(command)) }
    }

    // MARK: The network and the server

    private mutating func broadcast(_ messages: [SimulatedServer.Message]) {
        for message in messages {
            for (id, link) in links.sorted(by: { $0.key.number < $1.key.number })
            where links[id]?.isRegistered == true && link.channels.contains(message.channel) {
                if link.transport == .longPolling {
                    links[id]?.isRegistered = false
                    plan(.pollAnswered(id, [message]), in: 0.01...0.4)
                } else {
                    plan(.arrives(id, [message]), in: 0.01...0.4)
                }
            }
        }
    }

    private mutating func connected(_ id: LinkID) {
        guard let link = links[id] else { return }
        if !pushIsUp || (!isQuiet && Double.random(in: 0..<1, using: &random) < refusals) { return refuse(id) }
        if link.transport == .longPolling {
            plan(.pollProven(id), in: 5...5)
            return plan(.asksPoll(id), in: 0...0)
        }
        links[id]?.isRegistered = true
        links[id]?.lastFrameAt = now
        if case .message(let mid) = link.position {
            let history = server.stored(after: Int(mid.counter), in: link.channels)
            if !history.isEmpty { plan(.arrives(id, history), in: 0.01...4) }
        }
        send(.opened(id))
    }

    private mutating func refuse(_ id: LinkID) {
        let kinds: [LinkEnd.Kind] = [
            .closed(code: 1006, reason: ""), .closed(code: 4010, reason: ""), .closed(code: 1001, reason: ""),
            .refusedUpgrade(status: 503, answer: "", retryAfter: nil),
            .refusedUpgrade(status: 400, answer: "Wrong Channel Id.", retryAfter: nil),
        ]
        let kind = kinds[Int.random(in: 0..<kinds.count, using: &random)]
        plan(.ended(id, LinkEnd(kind, cause: "refused")), in: 0...1)
    }

    private mutating func pollReaches(_ id: LinkID) {
        guard let link = links[id], !link.isDead else { return }
        if !pushIsUp { return refuse(id) }
        if case .message(let mid) = link.position {
            let stored = server.stored(after: Int(mid.counter), in: link.channels)
            if !stored.isEmpty { return plan(.pollAnswered(id, stored), in: 0.01...1) }
        }
        links[id]?.poll += 1
        links[id]?.isRegistered = true
        plan(.pollHeld(id, poll: link.poll + 1), in: 40...40)
    }

    /// Half of the cuts are told at once, the others only by silence.
    private mutating func cut(_ id: LinkID) {
        let end = LinkEnd(.closed(code: 1006, reason: ""), cause: "cut")
        if Bool.random(using: &random) { return plan(.ended(id, end), in: 0...0) }
        links[id]?.isDead = true
        let isPolling = links[id]?.transport == .longPolling || links[id]?.isRegistered == false
        if isPolling { plan(.ended(id, end), in: 10...100) }
    }
}

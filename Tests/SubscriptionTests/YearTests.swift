import Foundation
import Portal
import PullProtocol
import Secrets
import Synchronization
import TestRandom
import Testing
import Timing

@testable import Subscription

/// One portal's session and its authorisation, from start to stop of a year, through the lives of its process.
private final class Year {
    struct Happened: Sendable {
        var days = 0.0
        var logins = 0
        /// Times in which the only working refresh token was known to nobody.
        var lost = 0
        /// Of these, told as an error with `pulld login` as the cure.
        var lostAndTold = 0
        var crashesAtSave = 0
        var crashes = 0
        var answersLost = 0
        var outages = 0
        var fullDisks = 0
        var fullDisksTold = 0
        var crowds = 0
        var crowdRenewals: [Int] = []
        var crowdCalls = 0
        var configurations = 0
        var failures = 0
        var longestWithoutConfiguration = 0.0
    }

    private let portal: YearPortal
    private let disk = YearDisk()
    private var random: TestRandom.SeededRandom
    private var machine: SessionMachine
    private var handle: YearDisk.Handle
    private var client: PortalClient
    private var pending: [SessionAction] = []
    private(set) var happened = Happened()
    private var isLost = false
    /// When a full disk has room again.
    private var roomAt = 0.0
    private var lastConfiguration: Double

    init(seed: UInt64) throws {
        portal = YearPortal(seed: seed)
        random = TestRandom.SeededRandom(seed: seed ^ 0xD1)
        let tokens = portal.authorise()
        var stored = StoredAuthorisation(url: "https://acme.bitrix24.com", clientID: "local.1")
        stored.refreshToken = tokens.refresh
        stored.accessToken = tokens.access
        stored.memberID = "m"
        disk.state.withLock { $0.stored = stored }
        lastConfiguration = portal.time.now().wall
        handle = YearDisk.Handle(disk)
        client = try Self.client(portal, handle)
        machine = Self.machine(seed)
        pending = machine.handle(.start, at: portal.time.now())
    }

    private static func machine(_ seed: UInt64) -> SessionMachine {
        var rules = SessionRules()
        // Sockets are not what this is about.
        rules.auditsAreOn = false
        rules.pingInterval = .seconds(3600)
        return SessionMachine(rules: rules, seed: seed)
    }

    private static func client(_ portal: YearPortal, _ storage: YearDisk.Handle) throws -> PortalClient {
        let application = OAuthApplication(
            portal: "acme", url: "https://acme.bitrix24.com", clientID: "local.1", clientSecret: "secret")
        var surroundings = Authorisation.Surroundings(storage: storage, http: portal) { AuthorisationSeed() }
        surroundings.time = portal.time
        surroundings.random = { 0.5 }
        return try PortalClient(
            url: "https://acme.bitrix24.com", credential: .application(Authorisation(application, surroundings)),
            http: portal, time: portal.time)
    }

    /// Another process, with what is on the disk.
    private func restart() throws {
        handle.isDead.withLock { $0 = true }
        handle = YearDisk.Handle(disk)
        client = try Self.client(portal, handle)
        machine = Self.machine(random.next())
        pending = machine.handle(.start, at: portal.time.now())
        noteLoss(mayHold: false)
    }

    func live(days: Double) async throws {
        let start = portal.time.now().wall
        let end = start + days * 86_400
        var nextTrouble = start + 86_400 * 2
        while portal.time.now().wall < end {
            try await settle()
            let now = portal.time.now()
            if now.wall >= nextTrouble {
                nextTrouble = now.wall + Double(random.below(86_400 * 6)) + 3600
                try trouble()
                continue
            }
            pass()
        }
        happened.days = (portal.time.now().wall - start) / 86_400
    }

    /// Until something is to be done.
    private func pass() {
        let now = portal.time.now()
        let deadline = machine.deadline(at: now) ?? now.monotonic + .seconds(60)
        portal.pass(max(.milliseconds(1), deadline - now.monotonic))
        let later = portal.time.now()
        if later.wall >= roomAt { disk.state.withLock { $0.isFull = false } }
        for link in machine.links where link.openedAt != nil {
            _ = machine.handle(
                .activity(link.id, lastBytesAt: later.monotonic, serverPings: link.serverPings), at: later)
        }
        pending += machine.handle(.tick, at: later)
    }

    private func settle() async throws {
        while !pending.isEmpty {
            let action = pending.removeFirst()
            let now = portal.time.now()
            switch action {
            case .fetchConfiguration: try await fetch()
            case .open(let id, _, _):
                pending += machine.handle(.opened(id), at: now)
                pending += machine.handle(.proven(id), at: now)
            case .close(let id, let code, let reason):
                let ending = LinkEnd(.closed(code: Int(code), reason: reason), cause: "closed")
                pending += machine.handle(.ended(id, ending), at: now)
            default: break
            }
        }
    }

    private func fetch() async throws {
        let before = portal.figures.renewals
        let result = await ask()
        if handle.isDead.withLock({ $0 }) {
            happened.crashesAtSave += 1
            return try restart()
        }
        let now = portal.time.now()
        happened.longestWithoutConfiguration = max(
            happened.longestWithoutConfiguration, now.wall - lastConfiguration)
        switch result {
        case .success(let (configuration, skew)):
            happened.configurations += 1
            lastConfiguration = now.wall
            pending += machine.handle(.configured(configuration, skew: skew), at: now)
        case .failure(let error):
            happened.failures += 1
            pending += machine.handle(.configurationFailed(ConfigurationFailure(error)), at: now)
            tell(error)
        }
        #expect(portal.figures.renewals - before <= 1, "one renewal for one need")
        noteLoss(mayHold: disk.state.withLock { $0.isFull })
    }

    private func ask() async -> Result<(PullConfiguration, Double), PortalError> {
        guard random.chance(5) else { return await Self.answer(client) }
        // Others ask at the same moment.
        let before = portal.figures
        let all = await withTaskGroup(of: Result<(PullConfiguration, Double), PortalError>.self) { [client] group in
            for _ in 0..<20 { group.addTask { await Self.answer(client) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        happened.crowds += 1
        happened.crowdRenewals.append(portal.figures.renewals - before.renewals)
        happened.crowdCalls += portal.figures.calls - before.calls
        return all[0]
    }

    private static func answer(_ client: PortalClient) async -> Result<(PullConfiguration, Double), PortalError> {
        do throws(PortalError) {
            let (configuration, skew) = try await client.configuration()
            return .success((configuration, skew))
        } catch {
            return .failure(error)
        }
    }

    /// Whether anybody knows the refresh token that works.
    ///
    /// - Parameter mayHold: the process may have it, and no room to store it.
    private func noteLoss(mayHold: Bool) {
        let works = portal.refreshToken
        let isKnown = disk.state.withLock { $0.stored?.refreshToken == works }
        if !isKnown, !mayHold, !isLost {
            isLost = true
            happened.lost += 1
        }
    }

    private func tell(_ error: PortalError) {
        switch error.code {
        case .authorisation(.refused("invalid_grant")):
            #expect(error.needsPerson && error.cure.contains("pulld login acme"))
            noteLoss(mayHold: false)
            guard isLost else { return #expect(Bool(false), "told a loss that is none") }
            happened.lostAndTold += 1
            isLost = false
            // The person comes some hours later, and does as he is told.
            portal.pass(.seconds(600 + random.below(40_000)))
            login()
        case .authorisation(.notStored): happened.fullDisksTold += 1
        default: break
        }
    }

    private func login() {
        let tokens = portal.authorise()
        disk.state.withLock { state in
            state.stored?.refreshToken = tokens.refresh
            state.stored?.accessToken = tokens.access
            state.stored?.renewedAt = portal.time.now().wall
            state.stored?.seed = nil
        }
        happened.logins += 1
    }

    private func trouble() throws {
        switch random.below(7) {
        case 0, 1:
            happened.outages += 1
            portal.fails(for: Double(60 + random.below(7200)), random.chance(50) ? .unreachable : .fault)
        case 2:
            happened.outages += 1
            portal.fails(for: Double(86_400 * (1 + random.below(4))), random.chance(50) ? .unreachable : .fault)
        case 3: disk.state.withLock { $0.diesAtSave = true }
        case 4:
            happened.crashes += 1
            try restart()
        case 5:
            happened.answersLost += 1
            portal.fails(for: 4 * 3600, .answerLost)
        default:
            happened.fullDisks += 1
            disk.state.withLock { $0.isFull = true }
            roomAt = portal.time.now().wall + Double(600 + random.below(86_400 * 2))
        }
    }

    /// The end of all trouble, so that the year's books can be closed.
    func quiet(hours: Double) async throws {
        disk.state.withLock { state in
            state.isFull = false
            state.diesAtSave = false
        }
        portal.fails(for: 0, .fault)
        let start = portal.time.now().wall
        let before = happened.configurations
        while portal.time.now().wall < start + hours * 3600 {
            try await settle()
            pass()
        }
        #expect(happened.configurations > before, "all is well again")
    }

    var figures: YearPortal.Figures { portal.figures }
}

@Suite struct YearTests {
    private static let isFull = ProcessInfo.processInfo.environment["PULLD_ACCEPTANCE"] == "1"
    private static let seeds: [UInt64] = isFull ? [11, 22, 33, 44, 55] : [11]
    /// The whole year takes minutes.
    private let days = isFull ? 365 : 60

    @Test("A quiet year: a renewal whenever the portal refuses the hour-old token, and none besides")
    func quiet() async throws {
        let year = try Year(seed: 1)
        try await year.quiet(hours: 24 * Double(days))
        let figures = year.figures
        #expect(figures.needless == 0 && figures.usedUp == 0)
        #expect(figures.tokenRequests == figures.renewals)
        let calls = Double(figures.calls - year.happened.crowdCalls) / Double(days)
        print(
            """
            figure: D1 \(days) quiet days: REST calls a day \(String(format: "%.1f", calls)), renewals \(figures.renewals) \
            (\(String(format: "%.1f", Double(figures.renewals) / Double(days))) a day), without need \(figures.needless); \
            20 at once \(year.happened.crowds) times, renewals of each at most \(year.happened.crowdRenewals.max() ?? 0)
            """)
        #expect((5...40).contains(calls))
    }

    @Test(
        "A year of outages, full disks, lost answers and crashes: one renewal for one need, and no token is lost untold",
        arguments: YearTests.seeds)
    func troubled(seed: UInt64) async throws {
        let year = try Year(seed: seed)
        try await year.live(days: Double(days))
        try await year.quiet(hours: 48)
        let (happened, figures) = (year.happened, year.figures)
        #expect(figures.needless == 0)
        #expect(happened.crowdRenewals.allSatisfy { $0 <= 1 })
        #expect(happened.lost == happened.lostAndTold)
        #expect(happened.logins == happened.lost)
        #expect(happened.fullDisks < 3 || happened.fullDisksTold > 0)
        // A fatal state is looked at hourly, an outage on a schedule up to 5 min.
        #expect(figures.highestTokenRequestsInHour <= 20)
        if Self.isFull {
            #expect(happened.crashesAtSave > 0 && happened.answersLost > 0 && happened.outages > 0)
        }
        #expect(happened.crowds > 0)
        print(
            """
            figure: D1 \(days) days, seed \(seed): \(figures.renewals) renewals, without need \(figures.needless); token requests \
            \(figures.tokenRequests), most in an hour \(figures.highestTokenRequestsInHour); REST calls a day \
            \(String(format: "%.1f", Double(figures.calls - happened.crowdCalls) / happened.days)); outages \
            \(happened.outages), full disks \(happened.fullDisks), crashes \(happened.crashes), between answer and \
            storing \(happened.crashesAtSave), answers lost \(happened.answersLost); tokens lost \(happened.lost), told \
            \(happened.lostAndTold); 20 at once \(happened.crowds) times, renewals of each at most \
            \(happened.crowdRenewals.max() ?? 0)
            """)
    }
}

import Events
import Foundation
import Journal
import Logging
import Portal
import Secrets
import Synchronization
import Testing
import Transport

@testable import Subscription

/// A stand-in server, a journal in memory, and sessions of one portal, one after the other, between them.
final class Stage: Sendable {
    let server: PushStandIn
    let journal = FakeJournal()
    private let logs = LogBook()

    init(_ edit: (inout PushStandIn.State) -> Void = { _ in }) throws {
        server = try PushStandIn(edit)
    }

    /// Everything soon, and audits only when the test wants them.
    static var rules: SessionRules {
        var rules = SessionRules()
        rules.proof = .milliseconds(50)
        rules.auditAfterConnect = 3600...3600
        rules.auditAfterPing = 3600...3600
        rules.auditInterval = 3600
        rules.auditIntervalLongPolling = 3600
        rules.auditSpacing = 0
        rules.auditPatience = .milliseconds(150)
        rules.auditLag = .zero
        return rules
    }

    /// Runs a session for the time of `body`, then stops it; how long the stop took.
    @discardableResult
    func run(
        start: StartPolicy = .now, allowsJSONRPC: Bool = false, rules: SessionRules = Stage.rules,
        heartbeat: Duration? = nil, connectTimeout: Duration = .seconds(15), _ body: (Running) async throws -> Void
    ) async throws -> Duration {
        let transport = Transport(userAgent: "pulld-test/1")
        let alarms = AlarmClock()
        let direct = NetworkOptions(proxy: "", connectTimeout: connectTimeout)
        let portal = try PortalClient(
            url: server.url, credential: .application(.fixed(accessToken: "t")), http: transport, network: direct)
        let logs = logs
        let statuses = Statuses()
        var options = SessionOptions(
            name: "acme", rules: rules, network: direct, start: start, allowsJSONRPC: allowsJSONRPC)
        options.heartbeat = heartbeat
        let session = Session(
            options: options, portal: portal, transport: transport, journal: journal, alarms: alarms,
            logger: Logger(label: "test") { _ in LogBook.Handler(book: logs) }, seed: 1
        ) { statuses.add($0) }
        let clock = Task { await alarms.run() }
        let running = Task { await session.run() }
        defer { clock.cancel() }
        var failure: (any Error)?
        do { try await body(Running(session: session, task: running, statuses: statuses)) } catch { failure = error }
        session.requestStop()
        let time = await ContinuousClock().measure { await running.value }
        await transport.shutdown()
        if let failure { throw failure }
        return time
    }

    struct Running {
        let session: Session
        let task: Task<Void, Never>
        let statuses: Statuses
        var isLive: Bool { if case .live = statuses.last { true } else { false } }
    }

    final class Statuses: Sendable {
        private let all = Mutex<[SessionStatus]>([])
        func add(_ status: SessionStatus) { all.withLock { $0.append(status) } }
        var last: SessionStatus? { all.withLock { $0.last } }
        var wasLive: Bool { all.withLock { $0.contains { if case .live = $0 { true } else { false } } } }
    }

    /// Messages of the log so far.
    var log: [String] { logs.lines }

    deinit { server.end() }
}

/// Whether `condition` comes true within thirty seconds.
func eventually(_ condition: () async -> Bool) async -> Bool {
    for _ in 0..<6000 {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return false
}

/// Log lines with their metadata.
final class LogBook: Sendable {
    private let all = Mutex<[String]>([])
    var lines: [String] { all.withLock { $0 } }

    struct Handler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            book.all.withLock { $0.append("\(event.level): \(event.message) \(event.metadata ?? [:])") }
        }
    }
}

func live(_ running: Stage.Running) async {
    let isLive = await eventually { running.isLive }
    #expect(isLive)
}

func delivers(_ stage: Stage, _ counters: [UInt64]) async {
    let isThere = await eventually { stage.journal.delivered == counters }
    #expect(isThere, "\(stage.journal.delivered)")
}

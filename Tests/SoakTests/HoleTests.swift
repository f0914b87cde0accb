import EndToEndSupport
import Foundation
import Testing

/// The holes through which push servers lose live messages, each open so often that one event in a hundred falls in.
struct HoleRun: Sendable {
    enum Hole: String, Sendable, CaseIterable {
        case pingWindow = "between ping and pong"
        case subscribeRace = "between history and registration"
        case order = "stored after a higher number"

        /// Live messages out of order are lost where the next request asks from the highest number.
        var transport: Stage.Transport { self == .order ? .longPolling : .webSocket }
    }

    struct Part: Hashable, Sendable, CustomTestStringConvertible {
        var hole: Hole
        var hasAudits = true

        var testDescription: String { hole.rawValue + (hasAudits ? "" : ", without audits") }
    }

    static let audited = Hole.allCases.map { Part(hole: $0) }
    static let unaudited = Hole.allCases.map { Part(hole: $0, hasAudits: false) }
    static let rate = 300
    static let probability = 0.01
    /// Between two losses of the connection, so far apart that each is the first one again.
    static let cutInterval = Extent.of(short: 5, full: 33)

    var verdict: Verdict
    /// What the sandbox says of its own holes.
    var struck: SandboxProcess.HoleFigures
    var exit: ProcessExit

    static func begin() { _ = all }

    static let all = Together(audited + unaudited, through: Soak.doors) { part in
        // An audit of a poll loop begins when the poll that waits is answered, after 40 seconds of silence in earnest.
        let hold = Extent.isFull ? [] : ["--poll-hold", "5"]
        return try await Stage.with(sandbox: ["--seed", "\(Soak.seed)"] + hold) { stage in
            let short = part.hasAudits ? "audit: { interval: 10s, lag: 10s }" : "audit: off"
            let full = part.hasAudits ? "audit: { interval: 5m, lag: 5m }" : "audit: off"
            let daemon = try await stage.daemon(
                part.hole.transport, portal: ["start: retained", Extent.of(short: short, full: full)],
                sinks: Soak.fileSink, level: "info")
            try await stage.isSubscribed(daemon)
            let count = Extent.of(short: 3_000, full: part.hasAudits ? 100_000 : 10_000)
            try await part.hole.open(on: stage, hasAudits: part.hasAudits)
            try await stage.sandbox.load(count: count, rate: rate)
            try await stage.sandbox.loadIsDone(within: .seconds(count / rate + 30))
            let struck = try await stage.sandbox.holes()
            try await stage.sandbox.fault("clear")
            try await stage.sandbox.chaos(cutEvery: 0)
            let published = try await stage.sandbox.ledger()
            let patience = part.hasAudits ? Extent.of(short: 25, full: 330) : 5
            try? await daemon.hasWritten(published.count, within: .seconds(patience))
            try await Task.sleep(for: .seconds(1))
            let exit = try await daemon.stop()
            return HoleRun(
                verdict: Verdict(EventFile(contentsOf: daemon.eventFile), published), struck: struck, exit: exit)
        }
    }

    /// Seconds by which events came that no live connection has brought: collected ones come within half a second.
    var recoveries: Distribution { Distribution(verdict.delays.map(\.delay).filter { $0 > 1 }) }
}

extension HoleRun.Hole {
    fileprivate func open(on stage: Stage, hasAudits: Bool) async throws {
        let probability = HoleRun.probability
        switch self {
        case .pingWindow: try await stage.sandbox.pingWindow(probability)
        case .subscribeRace:
            // All that is published in a hundredth of the time between two losses of the connection.
            // The short run without audits has to be hit as well.
            let interval = Double(hasAudits ? HoleRun.cutInterval : 5)
            try await stage.sandbox.subscribeRace(1, seconds: interval * probability)
            try await stage.sandbox.chaos(cutEvery: interval)
        case .order: try await stage.sandbox.outOfOrder(probability)
        }
    }
}

extension SandboxProcess.HoleFigures: CustomStringConvertible {
    /// How often each hole has really struck.
    public var description: String {
        let figures = [
            ("dropped at a ping", droppedAtPing), ("late registrations", racedSubscriptions),
            ("lost by them", lostInRace), ("held back", heldBack), ("overtaken", overtaken),
        ]
        return figures.filter { $0.1 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
    }
}

extension Soak {
    @Suite struct HoleTests {
        @Test("What the push server drops silently is fetched by an audit", arguments: HoleRun.audited)
        func recovered(part: HoleRun.Part) async throws {
            Soak.begin()
            let run = try await HoleRun.all.outcome(of: part)
            let recoveries = run.recoveries
            figure(
                """
                B3 \(part.testDescription) (\(run.struck)), seed \(Soak.seed): \(run.verdict); recovered late \
                \(recoveries.count), after p50 \(String(format: "%.1f", recoveries.percentile(50))) s, \
                p99 \(String(format: "%.1f", recoveries.percentile(99))) s, most \
                \(String(format: "%.1f", recoveries.most)) s
                """)
            #expect(run.verdict.isPerfect, "\(run.verdict) \(run.verdict.gaps)")
            #expect(!recoveries.isEmpty, "the hole was open")
            #expect(run.exit.code == 0)
        }

        @Test("Without audits the holes lose events: these tests test something", arguments: HoleRun.unaudited)
        func lost(part: HoleRun.Part) async throws {
            let run = try await HoleRun.all.outcome(of: part)
            figure("B3 \(part.testDescription) (\(run.struck)): \(run.verdict)")
            #expect(run.verdict.comparison.missing > 0)
            #expect(run.verdict.comparison.duplicated == 0 && run.verdict.comparison.torn == 0)
        }
    }
}

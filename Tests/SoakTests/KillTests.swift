import EndToEndSupport
import Foundation
import Testing

/// A daemon that is killed again and again while events come.
struct KillRun: Sendable {
    static let transports = [Stage.Transport.webSocket, .longPolling]
    static let kills = Extent.of(short: 5, full: 300)
    static let rate = 300

    var verdict: Verdict
    var exits: [ProcessExit]
    var complaints: [LogLine]
    var time: Duration

    static func begin() { _ = all }

    static let all = Together(transports, through: Soak.doors) { transport in
        try await Stage.with(.nginx()) { stage in
            let lives = try DaemonLives(
                try await stage.recipe(transport, portal: ["start: retained"], sinks: Soak.fileSink, level: "info"))
            try await stage.isSubscribed(try lives.begin())
            let start = ContinuousClock.now
            try await stage.sandbox.loadSteadily(rate: rate)
            var random = Soak.random(transport.rawValue)
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...1_000, using: &random)))
            try lives.kill()
            try await lives.dieRepeatedly(kills - 1, longest: .milliseconds(2_500), random: &random)
            try lives.begin()
            try await stage.sandbox.stopLoad()
            let entries = try await stage.sandbox.ledger()
            try? await GrowingFile(lives.eventFile).hasLines(entries.count, within: .seconds(60))
            // Time for a line too many.
            try await Task.sleep(for: .seconds(1))
            try await lives.stop()
            return KillRun(
                verdict: Verdict(EventFile(contentsOf: lives.eventFile), entries), exits: lives.exits,
                complaints: lives.log.filter { ["error", "critical"].contains($0.level) },
                time: start.duration(to: .now))
        }
    }
}

extension Soak {
    @Suite struct KillTests {
        @Test("A daemon that is killed at any moment writes every event once", arguments: KillRun.transports)
        func exactlyOnce(transport: Stage.Transport) async throws {
            Soak.begin()
            let run = try await KillRun.all.outcome(of: transport)
            figure(
                """
                B1 \(transport.rawValue): \(KillRun.kills) kills in \(run.time.text) at \(KillRun.rate)/s, \
                seed \(Soak.seed): \(run.verdict)
                """)
            #expect(run.verdict.isPerfect, "seed \(Soak.seed): \(run.verdict) \(run.verdict.gaps)")
            #expect(run.exits.count { $0.signal == SIGKILL } == KillRun.kills)
            #expect(run.exits.last?.code == 0)
            #expect(run.complaints.isEmpty, "\(run.complaints.prefix(5))")
        }
    }
}

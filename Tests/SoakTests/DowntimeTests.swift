import EndToEndSupport
import Foundation
import Testing

/// A daemon that is down for a while, and what it finds when it comes back.
struct DowntimeRun: Sendable {
    enum Absence: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case channelsEnded = "longer than the life of its channels"
        case killedChannelsEnded = "killed, longer than the life of its channels"
        case twoLives = "longer than two lives of its channels"
        case historyLimit = "more events than the history gives"
        case historyLimitKilled = "more events than the history gives, killed again before it was audited"
        case retention = "longer than the server keeps events"

        var testDescription: String { rawValue }

        /// Whether everything can still be had.
        var isRecoverable: Bool { self == .channelsEnded || self == .killedChannelsEnded }

        var sandbox: [String] {
            switch self {
            case .channelsEnded, .killedChannelsEnded, .twoLives: ["--channel-life", "\(DowntimeRun.life)"]
            case .historyLimit, .historyLimitKilled: ["--history-per-channel", "100", "--history-total", "200"]
            case .retention: ["--retention", "\(DowntimeRun.retention)"]
            }
        }

        /// What a gap record may say of it.
        var reasons: Set<String> {
            switch self {
            case .channelsEnded, .killedChannelsEnded: []
            case .twoLives: ["former-channels"]
            case .historyLimit, .historyLimitKilled: ["history-limit"]
            case .retention: ["retention"]
            }
        }

        /// The daemon knows by its clock only how long it was away: its first life is a day earlier.
        var firstLife: [String: String] {
            get async throws { self == .retention ? try await ShiftedClock.environment(shift: -90_000) : [:] }
        }

        /// How long the daemon is down; the channels have had so much of their life before.
        var downtime: Duration {
            switch self {
            case .channelsEnded, .killedChannelsEnded: .seconds(DowntimeRun.life)
            case .twoLives: .seconds(DowntimeRun.life * 2 + 1)
            case .historyLimit, .historyLimitKilled: .seconds(4)
            case .retention: .seconds(DowntimeRun.retention + 2)
            }
        }
    }

    struct Part: Hashable, Sendable, CustomTestStringConvertible {
        var absence: Absence
        var transport: Stage.Transport

        var testDescription: String { "\(transport.rawValue): down \(absence.rawValue)" }
    }

    static let life = Extent.of(short: 7, full: 60)
    static let retention = Extent.of(short: 4, full: 30)
    static let rate = 100
    static let parts = Absence.allCases.flatMap { absence in
        (Extent.isFull || absence == .channelsEnded ? [Stage.Transport.webSocket, .longPolling] : [.webSocket])
            .map { Part(absence: absence, transport: $0) }
    }

    var verdict: Verdict
    /// Events of the last lines before and the first line after the absence.
    var lastBefore: String?
    var firstAfter: String?
    var complaints: [LogLine]

    static func begin() { _ = all }

    static let all = Together(parts, through: Soak.doors) { part in
        try await Stage.with(sandbox: part.absence.sandbox) { stage in
            let lives = try DaemonLives(
                try await stage.recipe(
                    part.transport, portal: ["start: retained", "refresh_margin: 10s"], sinks: Soak.fileSink,
                    level: "info"))
            try await stage.isSubscribed(try lives.begin(environment: try await part.absence.firstLife))
            try await stage.sandbox.loadSteadily(rate: rate)
            let file = GrowingFile(lives.eventFile)
            try await file.hasLines(rate * 2, within: .seconds(20))
            if part.absence == .killedChannelsEnded { try lives.kill() } else { try await lives.stop() }
            let before = EventFile(contentsOf: lives.eventFile)
            try await Task.sleep(for: part.absence.downtime)
            if part.absence == .retention {
                // What came while it was down is to be gone, all of it.
                try await stage.sandbox.stopLoad()
                try await Task.sleep(for: .seconds(retention + 1))
            }
            var daemon = try lives.begin()
            if part.absence == .historyLimitKilled {
                try await file.hasLines(before.lines.count + 1, within: .seconds(20))
                try lives.kill()
                daemon = try lives.begin()
            }
            // Under load a poll is answered as soon as it is there, and none is seen waiting.
            try await eventually(within: .seconds(30), "the daemon subscribes\n\(daemon.process.errorOutput)") {
                [daemon] in
                try daemon.mustRun()
                if file.lineCount > before.lines.count { return true }
                return try await stage.sandbox.connectionCount() > 0
            }
            try await Task.sleep(for: .seconds(1))
            try await stage.sandbox.stopLoad()
            try await stage.sandbox.load(count: rate, rate: rate)
            try await stage.sandbox.loadIsDone(within: .seconds(30))
            let published = try await stage.published()
            let last = published.last?.mid
            let patience = part.absence.isRecoverable ? 30 : 15
            try? await eventually(within: .seconds(patience), "the last event is there") { [daemon] in
                try daemon.mustRun()
                let lines = EventFile(contentsOf: lives.eventFile).lines
                try await Task.sleep(for: .milliseconds(200))
                return lines.contains { $0.mid == last }
                    && (!part.absence.isRecoverable || lines.count >= published.count)
            }
            // Time for audits, and for a line too many.
            try await Task.sleep(for: .seconds(part.absence.isRecoverable ? 1 : 7))
            try await lives.stop()
            let after = EventFile(contentsOf: lives.eventFile)
            return DowntimeRun(
                verdict: Verdict(after, published),
                lastBefore: before.lines.last { !$0.isGap }?.mid,
                firstAfter: after.lines.dropFirst(before.lines.count).lazy.filter { !$0.isGap }.compactMap(\.mid).min(),
                complaints: lives.log.filter { ["error", "critical"].contains($0.level) })
        }
    }
}

extension Soak {
    @Suite struct DowntimeTests {
        @Test(
            "After an absence the old channels are drained, and nothing is missing",
            arguments: DowntimeRun.parts.filter(\.absence.isRecoverable))
        func drained(part: DowntimeRun.Part) async throws {
            Soak.begin()
            let run = try await DowntimeRun.all.outcome(of: part)
            figure("B5 \(part.testDescription): \(run.verdict)")
            #expect(run.verdict.isPerfect, "\(run.verdict) \(run.verdict.gaps)")
            #expect(run.complaints.isEmpty, "\(run.complaints)")
        }

        @Test(
            "What the server no longer gives is written down, between the last event before and the first after",
            arguments: DowntimeRun.parts.filter { !$0.absence.isRecoverable })
        func told(part: DowntimeRun.Part) async throws {
            Soak.begin()
            let run = try await DowntimeRun.all.outcome(of: part)
            figure(
                """
                B5 \(part.testDescription): \(run.verdict); silently missing \(run.verdict.silentlyMissing), \
                gaps \(run.verdict.gaps.map(\.reason))
                """)
            #expect(run.verdict.comparison.missing > 0, "the absence was too short to lose anything")
            #expect(run.verdict.isHonest, "\(run.verdict), silently missing \(run.verdict.silentlyMissing)")
            let before = try #require(run.lastBefore)
            let after = try #require(run.firstAfter)
            for gap in run.verdict.gaps {
                #expect(part.absence.reasons.contains(gap.reason), "\(gap)")
                #expect(gap.after ?? "" >= before, "\(gap) begins before the last event of the file, \(before)")
                #expect(gap.after ?? "" < gap.before ?? "~", "\(gap) is empty")
            }
            // No gap ends behind the events that came, unless it is one channel's own.
            #expect(run.verdict.gaps.contains { $0.before ?? "~" >= after })
        }
    }
}

import EndToEndSupport
import Foundation
import Testing

/// A push server whose store is gone: what it had not sent is nowhere any more, and ids begin anew.
struct StoreLossRun: Sendable {
    enum Loss: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case newGeneration = "killed, its store empty, with a new generation of ids"
        case sameGeneration = "its store emptied, ids from 1 under the same generation"
        case older = "its store put back to an earlier state, ids given again"

        var testDescription: String { rawValue }
    }

    var verdict: Verdict
    /// Published before the loss, and in no line.
    var missingBefore: Int
    /// The same of what was published after it.
    var missingAfter: Int
    var complaints: [LogLine]

    static func begin() { _ = all }

    static let all = Together(Loss.allCases, through: Soak.doors) { loss in
        try await Stage.with(keepsStore: true) { stage in
            let daemon = try await stage.daemon(
                portal: ["start: retained", "audit: { interval: 10s, lag: 10s }"], sinks: Soak.fileSink, level: "info")
            try await stage.isSubscribed(daemon)
            try await stage.sandbox.load(count: 300, rate: 150)
            try await stage.sandbox.loadIsDone(within: .seconds(30))
            try await daemon.hasWritten(300, within: .seconds(30))
            let before = try await stage.sandbox.ledger()
            switch loss {
            case .newGeneration:
                try await stage.sandbox.rememberSecrets()
                stage.sandbox.kill9()
                try await stage.sandbox.restart(sameStore: false)
            case .sameGeneration: try await stage.sandbox.loseStore()
            case .older: try await stage.sandbox.counterBack(by: 100)
            }
            try await stage.isSubscribed(daemon, within: .seconds(40))
            try await stage.sandbox.load(count: 300, rate: 150)
            try await stage.sandbox.loadIsDone(within: .seconds(30))
            try? await daemon.hasWritten(600, within: .seconds(20))
            try await Task.sleep(for: .seconds(1))
            try await daemon.stop()
            let file = EventFile(contentsOf: daemon.eventFile)
            let all = try await stage.sandbox.ledger()
            let written = Set(file.lines.compactMap(\.key))
            func missing(_ part: some Sequence<SandboxProcess.Published>) -> Int {
                part.count { entry in entry.number.map { !written.contains("\($0)") } ?? false }
            }
            return StoreLossRun(
                verdict: Verdict(file, all), missingBefore: missing(before),
                missingAfter: missing(all.dropFirst(before.count)),
                complaints: daemon.log.filter(\.isTrouble))
        }
    }
}

extension Soak {
    @Suite struct StoreLossTests {
        @Test(
            "A server that has lost its store loses no event that it gets afterwards",
            arguments: StoreLossRun.Loss.allCases)
        func storeLost(loss: StoreLossRun.Loss) async throws {
            Soak.begin()
            let run = try await StoreLossRun.all.outcome(of: loss)
            figure(
                """
                B4 \(loss.rawValue): missing of those before \(run.missingBefore), of those after \(run.missingAfter), \
                gaps \(run.verdict.gaps.map(\.reason)), complaints \(run.complaints.map(\.message))
                """)
            #expect(run.missingBefore == 0 && run.missingAfter == 0)
            #expect(run.verdict.comparison.torn == 0 && run.verdict.sequenceBreaks == 0)
            // Whether something was lost that had not been sent, nobody can know: it has to be said.
            #expect(!run.verdict.gaps.isEmpty || !run.complaints.isEmpty)
        }
    }
}

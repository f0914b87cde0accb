import EndToEndSupport
import Foundation
import Testing

/// WebSocket that does not get through: from the start, or later, and back again.
struct FallbackRun: Sendable {
    enum Blockade: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case page = "a proxy's page"
        case drop = "a connection that ends without a word"
        case close = "a close right after the handshake"

        var testDescription: String { rawValue }
    }

    struct Part: Hashable, Sendable, CustomTestStringConvertible {
        var blockade: Blockade
        var isLater: Bool

        var testDescription: String { "\(isLater ? "later" : "from the start"): \(blockade.rawValue)" }
    }

    /// In full with the times that the daemon has by default; shortened by its settings otherwise.
    static let settings =
        Extent.isFull ? [] : ["max_backoff: 1s", "websocket_trial: 1s", "audit: { interval: 10s, lag: 10s }"]
    static let rate = 50
    static let parts =
        Extent.isFull
        ? Blockade.allCases.flatMap { [Part(blockade: $0, isLater: false), Part(blockade: $0, isLater: true)] }
        : [Part(blockade: .page, isLater: false), Part(blockade: .drop, isLater: true)]

    var verdict: Verdict
    /// As the log tells them.
    var transports: [String]
    /// Of one subscriber at the same time.
    var mostPolls: Int
    var toPolling: Duration
    /// Nil where the way back takes half a day.
    var back: Duration?
    var exit: ProcessExit

    static func begin() { _ = all }

    static let all = Together(parts, through: Soak.doors) { part in
        try await Stage.with(.nginx()) { stage in
            if !part.isLater { try await part.blockade.begin(on: stage) }
            let start = ContinuousClock.now
            let daemon = try await stage.daemon(
                .automatic, portal: settings + ["start: retained"], sinks: Soak.fileSink, level: "info")
            if part.isLater { try await stage.isSubscribed(daemon) }
            try await stage.sandbox.loadSteadily(rate: rate)
            if part.isLater {
                try await daemon.hasWritten(rate, within: .seconds(20))
                try await part.blockade.begin(on: stage)
                try await stage.sandbox.fault("cut")
            }
            try await eventually(within: .seconds(Extent.of(short: 30, full: 300)), "long polling") {
                try daemon.mustRun()
                return daemon.subscriptions.last == "long-polling"
            }
            let toPolling = start.duration(to: .now)
            var back: Duration?
            if part.isLater {
                try await part.blockade.end(on: stage)
                let open = ContinuousClock.now
                // A trial after some time, and its proof of half a minute.
                try await eventually(within: .seconds(Extent.of(short: 60, full: 900)), "WebSocket again") {
                    try daemon.mustRun()
                    return daemon.subscriptions.last == "websocket"
                }
                back = open.duration(to: .now)
            }
            try await Task.sleep(for: .seconds(2))
            try await stage.sandbox.stopLoad()
            let published = try await stage.sandbox.ledger()
            try? await daemon.hasWritten(published.count, within: .seconds(30))
            try await Task.sleep(for: .seconds(1))
            let exit = try await daemon.stop()
            return FallbackRun(
                verdict: Verdict(EventFile(contentsOf: daemon.eventFile), published),
                transports: daemon.subscriptions, mostPolls: try await stage.sandbox.polls().highest,
                toPolling: toPolling, back: back, exit: exit)
        }
    }
}

extension FallbackRun.Blockade {
    fileprivate func begin(on stage: Stage) async throws {
        switch self {
        case .page: try await stage.sandbox.blockUpgrades(.status(403))
        case .drop: try await stage.sandbox.blockUpgrades(.drop)
        case .close:
            try await stage.sandbox.fault("reject-after-accept", ["code": 1008, "reason": "", "count": 1_000_000])
        }
    }

    fileprivate func end(on stage: Stage) async throws { try await stage.sandbox.fault("clear") }
}

extension DaemonProcess {
    /// The transports of its subscriptions, one after the other.
    fileprivate var subscriptions: [String] {
        log.filter { $0.message == "subscribed" }.compactMap { $0.fields["transport"] }
    }
}

extension Soak {
    @Suite struct FallbackTests {
        @Test(
            "Where WebSocket does not get through, long polling does, one poll at a time", arguments: FallbackRun.parts)
        func fallsBack(part: FallbackRun.Part) async throws {
            Soak.begin()
            let run = try await FallbackRun.all.outcome(of: part)
            let back = run.back.map { ", back \($0.text) after the way is free" } ?? ""
            figure(
                """
                B6 \(part.testDescription): \(run.transports.joined(separator: ", ")); to long polling \
                \(run.toPolling.text)\(back); most polls at a time \(run.mostPolls); \(run.verdict)
                """)
            #expect(run.verdict.isPerfect, "\(run.verdict) \(run.verdict.gaps)")
            #expect(run.mostPolls == 1)
            #expect(run.transports == (part.isLater ? ["websocket", "long-polling", "websocket"] : ["long-polling"]))
            #expect(run.exit.code == 0)
        }
    }
}

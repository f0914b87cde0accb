import EndToEndSupport
import Foundation
import TestRandom
import Testing

/// A daemon that is stopped again and again while events come.
struct TerminationRun: Sendable {
    enum Way: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case webSocket = "WebSocket"
        case longPolling = "long polling"
        /// Beside a file a pipe and a webhook that hang; the second signal ends it.
        case hanging = "hanging sinks, second signal"

        var testDescription: String { rawValue }
        var transport: Stage.Transport { self == .longPolling ? .longPolling : .webSocket }
        var stops: Int {
            switch self {
            case .webSocket: Extent.of(short: 6, full: 100)
            case .longPolling: Extent.of(short: 4, full: 100)
            case .hanging: Extent.of(short: 4, full: 20)
            }
        }
    }

    static let rate = 300

    var verdict: Verdict
    var exits: [ProcessExit]
    var signals: [Int32]
    /// From the signal to the end; of the hanging ones from the second signal.
    var times: Distribution
    var saidStopping: Int
    var complaints: [LogLine]
    var time: Duration

    static func begin() { _ = all }

    static let all = Together(Way.allCases, through: Soak.doors) { way in
        try await Stage.with { stage in
            let pipe = try StuckPipe()
            let webhook = try SilentServer()
            let hanging = [
                "terminal: { stdout: {} }", "app: { webhook: { url: \"http://127.0.0.1:\(webhook.port)/\" } }",
            ]
            var recipe = try await stage.recipe(
                way.transport, portal: ["start: retained"], sinks: Soak.fileSink + (way == .hanging ? hanging : []),
                level: "info")
            if way == .hanging { recipe.outputPath = pipe.path }
            let lives = try DaemonLives(recipe)
            try await stage.isSubscribed(try lives.begin())
            let start = ContinuousClock.now
            try await stage.sandbox.loadSteadily(rate: rate)
            // From then on the portal has a position.
            try await GrowingFile(lives.eventFile).hasLines(20, within: .seconds(20))
            if way == .hanging {
                try await eventually(within: .seconds(60), "the pipe is full") { pipe.waitingBytes > 60_000 }
            }
            var random = Soak.random("termination \(way.rawValue)")
            var (times, signals, saidStopping) = ([Double](), [Int32](), 0)
            for round in 0..<way.stops {
                // A third within the first moments of its life.
                let most = Int.random(in: 0..<3, using: &random) == 0 ? 150 : 1_500
                try await listens(lives)
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...most, using: &random)))
                let daemon = try lives.current()
                let signal = round % 4 == 3 ? SIGINT : SIGTERM
                signals.append(signal)
                daemon.process.signal(signal)
                if way == .hanging {
                    try await eventually(within: .seconds(30), "it says that it stops") {
                        daemon.notify.has("STOPPING=1")
                    }
                    try await Task.sleep(for: .milliseconds(Int.random(in: 0...2_000, using: &random)))
                    try daemon.mustRun()
                    daemon.process.signal(signal)
                }
                let begin = ContinuousClock.now
                _ = try await lives.ended(within: .seconds(60))
                times.append(begin.duration(to: .now).inSeconds)
                if daemon.notify.has("STOPPING=1") { saidStopping += 1 }
                try lives.begin()
            }
            try await stage.sandbox.stopLoad()
            let entries = try await stage.sandbox.ledger()
            try? await GrowingFile(lives.eventFile).hasLines(entries.count, within: .seconds(60))
            // Time for a line too many.
            try await Task.sleep(for: .seconds(1))
            try await lives.stop(within: .seconds(45))
            return TerminationRun(
                verdict: Verdict(EventFile(contentsOf: lives.eventFile), entries), exits: lives.exits,
                signals: signals, times: Distribution(times), saidStopping: saidStopping,
                complaints: lives.log.filter { ["error", "critical"].contains($0.level) },
                time: start.duration(to: .now))
        }
    }

    /// Before that a signal ends it as it ends any program.
    private static func listens(_ lives: DaemonLives) async throws {
        let daemon = try lives.current()
        try await eventually(within: .seconds(30), "it has begun\n\(daemon.process.errorOutput)") {
            try daemon.mustRun()
            return daemon.notify.value(of: "STATUS") != nil
        }
    }
}

extension Soak {
    @Suite struct TerminationTests {
        @Test("SIGTERM at any moment: exit 0, soon, and after the next start every event stands in the file once")
        func drains() async throws {
            Soak.begin()
            for way in [TerminationRun.Way.webSocket, .longPolling] {
                let run = try await TerminationRun.all.outcome(of: way)
                figure(
                    """
                    D5 \(way.rawValue): \(way.stops) stops in \(run.time.text) at \(TerminationRun.rate)/s, seed \
                    \(Soak.seed): \(run.verdict); signal to exit \(run.times.milliseconds)
                    """)
                #expect(run.verdict.isPerfect, "seed \(Soak.seed): \(run.verdict) \(run.verdict.gaps)")
                #expect(run.exits.count == way.stops + 1)
                #expect(run.exits.allSatisfy { $0.code == 0 }, "\(run.exits.filter { $0.code != 0 })")
                #expect(run.saidStopping == way.stops)
                #expect(run.times.most < 10)
                #expect(run.complaints.isEmpty, "\(run.complaints.prefix(5))")
            }
        }

        @Test(
            "A second signal ends a daemon whose sinks hang at once, by that signal, and the file has every event once")
        func secondSignal() async throws {
            Soak.begin()
            let way = TerminationRun.Way.hanging
            let run = try await TerminationRun.all.outcome(of: way)
            figure(
                """
                D5 \(way.rawValue): \(way.stops) times in \(run.time.text) at \(TerminationRun.rate)/s, seed \
                \(Soak.seed): \(run.verdict); second signal to end \(run.times.milliseconds)
                """)
            #expect(run.verdict.isPerfect, "seed \(Soak.seed): \(run.verdict) \(run.verdict.gaps)")
            #expect(run.exits.prefix(way.stops).map(\.signal) == run.signals)
            // The last one drains: within what systemd grants.
            #expect(run.exits.last?.code == 0)
            #expect(run.times.most < 2)
            #expect(run.complaints.isEmpty, "\(run.complaints.prefix(5))")
        }
    }
}

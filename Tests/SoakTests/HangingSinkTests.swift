import EndToEndSupport
import Foundation
import Testing

/// Sinks that stand still beside one that works.
struct HangingSinkRun: Sendable {
    static let rate = 300
    static let seconds = Extent.of(short: 10, full: 600)

    var verdict: Verdict
    /// From before the first event on.
    var growth: Int
    var resident: Int
    var pongs: SandboxProcess.PongFigures
    var upgrades: Int
    var losses: Int
    var requests: Int
    var waitingInPipe: Int
    var stopped: Duration
    var exit: ProcessExit

    static func begin() { _ = all }

    static let all = Together([Stage.Transport.automatic, .webSocket], through: Soak.doors) { transport in
        try await Stage.with { stage in
            let pipe = try StuckPipe()
            let webhook = try SilentServer()
            // Without a setting audits are long polls; else they are WebSockets, and a history is one message of it.
            var recipe = try await stage.recipe(
                transport, portal: ["start: retained"],
                sinks: Soak.fileSink + [
                    "terminal: { stdout: {} }", "app: { webhook: { url: \"http://127.0.0.1:\(webhook.port)/\" } }",
                ], level: "info")
            recipe.outputPath = pipe.path
            let daemon = try DaemonProcess(recipe)
            // What it needs to start is given back when it is ready.
            try await daemon.ready()
            try await Task.sleep(for: .seconds(1))
            let memory = MemorySeries(of: daemon.process.pid)
            try await Task.sleep(for: .milliseconds(300))
            try await stage.sandbox.measurePongs(every: 0.2)
            try await stage.sandbox.load(count: rate * seconds, rate: rate)
            try await Task.sleep(for: .seconds(seconds))
            try await stage.sandbox.loadIsDone(within: .seconds(30))
            let published = try await stage.sandbox.ledger()
            try? await daemon.hasWritten(published.count, within: .seconds(30))
            let pongs = try await stage.sandbox.pongs()
            let upgrades = try await stage.sandbox.upgrades()
            let growth = memory.growth(after: .milliseconds(200))
            let resident = memory.most()
            let waiting = pipe.waitingBytes
            let start = ContinuousClock.now
            let exit = try await daemon.stop(within: .seconds(60))
            return HangingSinkRun(
                verdict: Verdict(EventFile(contentsOf: daemon.eventFile), published), growth: growth,
                resident: resident,
                pongs: pongs, upgrades: upgrades.accepted,
                losses: daemon.log.count { $0.message == "not connected to the push server" },
                requests: webhook.connectionCount, waitingInPipe: waiting, stopped: start.duration(to: .now),
                exit: exit)
        }
    }
}

extension Soak {
    @Suite struct HangingSinkTests {
        @Test(
            "Sinks that hang cost no memory, no connection, no pong and no line of the sink that works",
            arguments: [Stage.Transport.automatic, .webSocket])
        func hangs(transport: Stage.Transport) async throws {
            Soak.begin()
            let run = try await HangingSinkRun.all.outcome(of: transport)
            figure(
                """
                B8 \(transport.rawValue): stuck pipe (\(run.waitingInPipe) bytes in it) and silent webhook (\(run.requests) connections) for \
                \(HangingSinkRun.seconds) s at \(HangingSinkRun.rate)/s: \(run.verdict); grown by \
                \(run.growth >> 10) KiB to \(run.resident >> 20) MiB, \(run.pongs.count) pongs p50 \
                \(run.pongs.p50) ms, p99 \(run.pongs.p99) ms, most \(run.pongs.highest) ms; handshakes \
                \(run.upgrades), losses \(run.losses), SIGTERM to exit \(run.stopped.text)
                """)
            #expect(run.verdict.isPerfect, "\(run.verdict) \(run.verdict.gaps)")
            #expect(run.waitingInPipe > 32_768 && run.requests > 0, "the sinks hang")
            // Audits by WebSocket are read ahead, by a window for each connection, and held whole they would be 70 MB.
            let isDefault = transport == .automatic
            #expect(run.growth < (isDefault ? 16 : 48) << 20)
            #expect(run.pongs.count > HangingSinkRun.seconds * 3)
            if Extent.isFull, isDefault { #expect(run.pongs.p99 < 50) }
            #expect(run.losses == 0)
            #expect(run.exit.code == 0)
            #expect(run.stopped < .seconds(45), "systemd would kill it")
        }
    }
}

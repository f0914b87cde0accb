import EndToEndSupport
import Foundation
import Testing

/// Daemons whose channels live for seconds, under load on both channels.
struct RotationRun: Sendable {
    struct Part: Hashable, Sendable {
        var transport: Stage.Transport
        var number: Int
    }

    /// Several stages side by side, since a portal is not asked more often than every five seconds.
    static let transports = [Stage.Transport.webSocket, .longPolling]
    static let stages = Extent.of(short: 2, full: 4)
    static let wanted = Extent.of(short: 3, full: 125)
    static let life = 6
    static let rate = 200
    static let parts = transports.flatMap { transport in
        (0..<stages).map { Part(transport: transport, number: $0) }
    }

    var verdict: Verdict
    var switches: Int
    var exit: ProcessExit
    /// Unix seconds at which channels ended.
    var ends: [Double]

    static func begin() { _ = all }

    static let all = Together(parts, through: Soak.doors) { part in
        try await Stage.with(sandbox: ["--channel-life", "\(life)"]) { stage in
            let daemon = try await stage.daemon(
                part.transport, portal: ["refresh_margin: 10s", "start: retained"], sinks: Soak.fileSink, level: "info")
            try await stage.isSubscribed(daemon)
            try await stage.sandbox.loadSteadily(rate: rate)
            let message = "switched to new channels"
            // Twice the time that they take.
            try? await eventually(within: .seconds(wanted * life * 3), "\(wanted) rotations") {
                try daemon.mustRun()
                try await Task.sleep(for: .seconds(1))
                return daemon.log.count { $0.message == message } >= wanted
            }
            try await stage.sandbox.stopLoad()
            // Service commands are no events.
            let numbers = try await stage.published()
            try? await daemon.hasWritten(numbers.count, within: .seconds(30))
            try await Task.sleep(for: .seconds(1))
            let exit = try await daemon.stop()
            return RotationRun(
                verdict: Verdict(EventFile(contentsOf: daemon.eventFile), numbers),
                switches: daemon.log.count { $0.message == message }, exit: exit,
                ends: try await stage.sandbox.calls().flatMap(\.ends))
        }
    }

    /// Delays of the events published within four seconds of a change of channels, and of all others.
    var delays: (near: [Double], else: [Double]) {
        let seconds = Set(ends.flatMap { end in (0...4).map { Int(end) + $0 } })
        let ordered = ends.sorted()
        var near: [Double] = []
        var others: [Double] = []
        for event in verdict.delays {
            let isNear =
                seconds.contains(Int(event.publishedAt))
                && ordered.contains { (0...4).contains(event.publishedAt - $0) }
            if isNear { near.append(event.delay) } else { others.append(event.delay) }
        }
        return (near, others)
    }
}

extension Soak {
    @Suite struct RotationTests {
        @Test("Channels that end again and again lose nothing and double nothing", arguments: RotationRun.transports)
        func lossless(transport: Stage.Transport) async throws {
            Soak.begin()
            var runs: [RotationRun] = []
            for part in RotationRun.parts where part.transport == transport {
                runs.append(try await RotationRun.all.outcome(of: part))
            }
            for run in runs {
                #expect(run.verdict.isPerfect, "\(run.verdict) \(run.verdict.gaps)")
                #expect(run.switches >= RotationRun.wanted)
                #expect(run.exit.code == 0, "\(run.exit)")
            }
            let delays = runs.map(\.delays)
            let near = Distribution(delays.flatMap(\.near))
            let others = Distribution(delays.flatMap(\.else))
            let added = (near.percentile(99) - others.percentile(99)) * 1_000
            figure(
                """
                B2 \(transport.rawValue): \(runs.reduce(0) { $0 + $1.switches }) rotations at \(RotationRun.rate)/s: \
                \(runs.map { "\($0.verdict)" }.joined(separator: "; ")); published to received near a rotation \
                \(near.milliseconds), else \(others.milliseconds), added p99 \(Int(added)) ms
                """)
        }
    }
}

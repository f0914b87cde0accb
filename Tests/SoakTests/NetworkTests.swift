import EndToEndSupport
import Foundation
import Testing

/// What happens to the line or to the push server while events come.
struct NetworkRun: Sendable {
    enum Fault: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case reset = "RST"
        case finished = "FIN"
        case halfOpen = "half-open"
        case refused = "RST, and new connections are refused for some seconds"
        case slow = "20 KB/s with 100 ms"
        case byteByByte = "one byte at a time"
        case serverRestart = "the server closes and restarts with its store"
        case serverKilled = "the server is killed with its store"

        var testDescription: String { rawValue }

        /// Events a second. A slow line takes its time for 500 bytes, twice through two channels' worth of audits.
        var rate: Int { self == .slow ? 10 : 100 }
    }

    struct Part: Hashable, Sendable, CustomTestStringConvertible {
        var fault: Fault
        var transport: Stage.Transport

        var testDescription: String { "\(transport.rawValue): \(fault.rawValue)" }
    }

    /// The short form leaves out what takes most of a minute, and what is nearly the same.
    static let parts =
        Extent.isFull
        ? [Stage.Transport.webSocket, .longPolling].flatMap { transport in
            Fault.allCases.map { Part(fault: $0, transport: transport) }
        }
        : [
            Part(fault: .byteByByte, transport: .webSocket), Part(fault: .slow, transport: .webSocket),
            Part(fault: .finished, transport: .longPolling), Part(fault: .serverKilled, transport: .webSocket),
            Part(fault: .serverKilled, transport: .longPolling),
        ]

    var verdict: Verdict
    /// From the fault to the first connection after it.
    var reconnected: Duration?
    var exit: ProcessExit

    static func begin() { _ = all }

    static let all = Together(parts, through: Soak.doors) { part in
        try await Stage.with(.nginx(), keepsStore: true) { stage in
            let daemon = try await stage.daemon(
                part.transport, portal: ["start: retained"], sinks: Soak.fileSink, level: "info")
            try await stage.isSubscribed(daemon)
            try await stage.sandbox.loadSteadily(rate: part.fault.rate)
            try await daemon.hasWritten(part.fault.rate * 2, within: .seconds(20))
            let reconnected = try await part.fault.happen(on: stage)
            try await Task.sleep(for: .seconds(Extent.of(short: 3, full: 30)))
            try await stage.sandbox.stopLoad()
            let published = try await stage.published()
            try? await daemon.hasWritten(published.count, within: .seconds(Extent.of(short: 40, full: 120)))
            try await Task.sleep(for: .seconds(1))
            stage.relay?.behaviour = .whole
            let exit = try await daemon.stop()
            return NetworkRun(
                verdict: Verdict(EventFile(contentsOf: daemon.eventFile), published), reconnected: reconnected,
                exit: exit)
        }
    }
}

extension NetworkRun.Fault {
    /// Returns how long it took until the daemon had a new connection, where there is to be one.
    fileprivate func happen(on stage: Stage) async throws -> Duration? {
        guard let relay = stage.relay else { return nil }
        let start = ContinuousClock.now
        let before = relay.acceptedConnections
        switch self {
        case .reset: try await relay.cut(.reset)
        case .finished: try await relay.cut(.finish)
        case .halfOpen: relay.set(.halfOpen, for: .standing)
        case .refused:
            relay.set(.refusing, for: .new)
            try await relay.cut(.reset)
            try await Task.sleep(for: .seconds(3))
            relay.behaviour = .whole
        case .slow:
            relay.behaviour = .slow(bytesPerSecond: 20_000, delay: .milliseconds(100))
            return nil
        case .byteByByte:
            relay.behaviour = .byteByByte
            return nil
        case .serverRestart:
            try await stage.sandbox.stopLoad()
            try await stage.sandbox.service("server_restart")
            try await stage.sandbox.fault("close", ["code": 1012, "reason": "restart"])
            return try await restart(stage, since: start)
        case .serverKilled:
            return try await restart(stage, since: start)
        }
        try await eventually(within: .seconds(120), "\(rawValue): a new connection") {
            relay.acceptedConnections > before
        }
        return start.duration(to: .now)
    }

    /// The connection to nginx may stand all the time, so that the new server's own count tells.
    private func restart(_ stage: Stage, since start: ContinuousClock.Instant) async throws -> Duration {
        try await stage.sandbox.rememberSecrets()
        stage.sandbox.kill9()
        try await Task.sleep(for: .milliseconds(500))
        try await stage.sandbox.restart(sameStore: true)
        try await stage.sandbox.loadSteadily(rate: rate)
        try await eventually(within: .seconds(120), "\(rawValue): a new connection") {
            try await stage.sandbox.connectionCount() > 0
        }
        return start.duration(to: .now)
    }
}

extension Soak {
    @Suite struct NetworkTests {
        @Test("Whatever the line or the server does, what the server holds arrives once", arguments: NetworkRun.parts)
        func lossless(part: NetworkRun.Part) async throws {
            Soak.begin()
            let run = try await NetworkRun.all.outcome(of: part)
            let time = run.reconnected.map { ", connected anew after \($0.text)" } ?? ""
            figure("B4 \(part.testDescription): \(run.verdict)\(time)")
            #expect(run.verdict.isPerfect, "\(run.verdict) \(run.verdict.gaps)")
            #expect(run.exit.code == 0)
            if [.reset, .finished].contains(part.fault) {
                #expect(try #require(run.reconnected) < .seconds(10), "nothing is to be waited for")
            }
            if part.fault == .halfOpen { #expect(try #require(run.reconnected) <= .seconds(45)) }
        }
    }
}

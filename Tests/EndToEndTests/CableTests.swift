import EndToEndSupport
import Foundation
import Testing

/// What happens to a daemon's connection while events come in.
private enum Cut: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case dropped = "the server drops the socket"
    case pollDropped = "the server drops the poll"
    case goingAway = "the server closes with 1001"
    case rejected = "the server drops the socket, then accepts and closes with 4010"
    case reset = "the cable ends in RST"
    case finished = "the cable ends in FIN"
    case pollReset = "the cable of a poll ends in RST"
    case pollFinished = "the cable of a poll ends in FIN"
    case proxyRestarted = "nginx is killed and started again"
    case frozen = "the server keeps the socket and falls silent"

    var testDescription: String { rawValue }

    /// The silence is noticed by the daemon's own pings only, after three quarters of a minute.
    static let now = allCases.filter { Extent.isFull || $0 != .frozen }

    /// The HTTP library itself repeats a request whose kept connection has ended before the answer began.
    var isTold: Bool { ![.pollReset, .pollFinished].contains(self) }

    var transport: Stage.Transport {
        [.pollDropped, .pollReset, .pollFinished].contains(self) ? .longPolling : .webSocket
    }

    /// Events a second. So few for polls that one waits for the next event most of the time, and can be cut.
    var rate: Int { transport == .webSocket ? 100 : 20 }

    func happen(on stage: Stage) async throws {
        switch self {
        case .dropped: #expect(try await stage.sandbox.fault("cut") == 1)
        case .pollDropped:
            try await eventually(within: .seconds(30), "a poll waits and is cut") {
                try await stage.sandbox.fault("cut") == 1
            }
        case .goingAway: #expect(try await stage.sandbox.fault("close", ["code": 1001, "reason": "going away"]) >= 1)
        case .rejected:
            try await stage.sandbox.fault("reject-after-accept", ["code": 4010, "reason": "Wrong Channel Id"])
            try await stage.sandbox.fault("cut")
        case .reset, .pollReset: try await stage.relay?.cut(.reset)
        case .finished, .pollFinished: try await stage.relay?.cut(.finish)
        case .proxyRestarted: try await stage.restartNginx()
        case .frozen: #expect(try await stage.sandbox.fault("freeze") == 1)
        }
    }
}

private struct CutOutcome: Sendable {
    var comparison: EventFile.Comparison
    var losses: [LogLine]
    /// TCP connections made, the portal's included.
    var connections: Int
    var exit: ProcessExit

    static let seconds = Extent.of(short: 5, full: 30)
    static let all = Together(Cut.now) { cut in
        try await Stage.with(.nginx()) { stage in
            let daemon = try await stage.daemon(cut.transport)
            try await stage.isSubscribed(daemon)
            let count = cut.rate * seconds
            try await stage.sandbox.load(count: count, rate: cut.rate)
            try await daemon.hasWritten(count / 4, within: .seconds(30))
            try await cut.happen(on: stage)
            try await stage.sandbox.loadIsDone(within: .seconds(seconds + 30))
            try? await daemon.hasWritten(count, within: .seconds(120))
            // Time for a line too many.
            try await Task.sleep(for: .seconds(1))
            let exit = try await daemon.stop()
            let published = try await stage.published()
            let file = EventFile(contentsOf: daemon.eventFile)
            let connections = stage.relay?.acceptedConnections ?? 0
            let told = ["not connected to the push server", "the push server does not answer pings: connecting anew"]
            return CutOutcome(
                comparison: file.compared(with: published.map { "\($0.number ?? 0)" }),
                losses: daemon.log.filter { told.contains($0.message) }, connections: connections, exit: exit)
        }
    }
}

extension EndToEnd {
    @Suite struct CableTests {
        @Test("A connection is lost under load, and no event with it", arguments: Cut.now)
        private func lossless(cut: Cut) async throws {
            let outcome = try await CutOutcome.all.outcome(of: cut)
            #expect(outcome.comparison.isComplete, "\(outcome.comparison)")
            #expect(outcome.comparison.published == cut.rate * CutOutcome.seconds)
            #expect(cut.isTold ? !outcome.losses.isEmpty : outcome.connections > 1, "the loss shows")
            #expect(outcome.losses.allSatisfy { !$0.cause.isEmpty || $0.fields["silent_for_s"] != nil })
            #expect(outcome.exit.code == 0)
            let waits =
                outcome.losses.isEmpty
                ? "none" : outcome.losses.compactMap { $0.fields["retry_in_s"] }.joined(separator: " s, ") + " s"
            figure("cut: \(cut.rawValue): \(outcome.comparison); waits \(waits)")
        }
    }
}

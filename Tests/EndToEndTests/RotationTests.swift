import EndToEndSupport
import Foundation
import Testing

/// A daemon that lives through many short lives of its channels, under load.
private struct Rotation: Sendable {
    static let life = Extent.of(short: 16, full: 20)
    static let seconds = Extent.of(short: 40, full: 300)
    /// The least that the settings allow.
    static let margin = 10.0
    static let rate = 100

    var comparison: EventFile.Comparison
    var calls: [SandboxProcess.Call]
    var exit: ProcessExit
    var switches: Int

    static let transports = [Stage.Transport.webSocket, .longPolling]
    static let all = Together(transports) { transport in
        try await Stage.with(sandbox: ["--channel-life", "\(life)"]) { stage in
            let daemon = try await stage.daemon(transport, portal: ["refresh_margin: 10s"])
            try await stage.isSubscribed(daemon)
            let count = rate * seconds
            try await stage.sandbox.load(count: count, rate: rate)
            try await stage.sandbox.loadIsDone(within: .seconds(seconds + 30))
            try? await daemon.hasWritten(count, within: .seconds(20))
            let exit = try await daemon.stop()
            let published = try await stage.published()
            let file = EventFile(contentsOf: daemon.eventFile)
            return Rotation(
                comparison: file.compared(with: published.map { "\($0.number ?? 0)" }),
                calls: try await stage.sandbox.calls(), exit: exit,
                switches: daemon.log.filter { $0.message == "switched to new channels" }.count)
        }
    }

    /// Calls whose answers named the same channels, in order of time.
    var lives: [(end: Double, calls: [SandboxProcess.Call])] {
        var lives: [(end: Double, calls: [SandboxProcess.Call])] = []
        for call in calls {
            let end = call.ends.min() ?? 0
            if lives.last?.end == end { lives[lives.count - 1].calls.append(call) } else { lives.append((end, [call])) }
        }
        return lives
    }
}

extension EndToEnd {
    @Suite struct RotationTests {
        @Test("Channels that live for seconds: nothing is lost, nothing comes twice", arguments: Rotation.transports)
        func lossless(transport: Stage.Transport) async throws {
            let rotation = try await Rotation.all.outcome(of: transport)
            #expect(rotation.comparison.isComplete, "\(rotation.comparison)")
            #expect(rotation.comparison.published == Rotation.rate * Rotation.seconds)
            #expect(rotation.switches == rotation.lives.count - 1)
            #expect(rotation.exit.code == 0)
            figure(
                """
                A12 \(transport.rawValue), life \(Rotation.life) s, \(Rotation.rate)/s for \(Rotation.seconds) s: \
                \(rotation.comparison); rotations \(rotation.switches), REST calls \(rotation.calls.count)
                """)
        }

        @Test(
            "Each life of the channels is asked for once before its end and once after it, past the cache",
            arguments: Rotation.transports)
        func calls(transport: Stage.Transport) async throws {
            let rotation = try await Rotation.all.outcome(of: transport)
            #expect(rotation.calls.allSatisfy { $0.method == "pull.application.config.get" && $0.status == 200 })
            #expect(rotation.calls.allSatisfy { $0.cache == "N" })
            let lives = rotation.lives
            #expect(lives.count >= Rotation.seconds / (Rotation.life + 3))
            // The first call of a life is the one after the end of the life before; the other is the one before its
            // own end. The last life is cut off by the end of the test.
            #expect(
                lives.dropLast().allSatisfy { $0.calls.count == 2 } && lives.last?.calls.count ?? 0 <= 2,
                "\(lives.map { "\($0.calls.map { $0.time - lives[0].calls[0].time }) end \($0.end)" })")
            for (life, next) in zip(lives, lives.dropFirst()) {
                let before = try #require(life.calls.last).time
                // At the margin, or a little later when the last call was less than five seconds ago.
                #expect((life.end - Rotation.margin - 1...life.end - 4).contains(before), "\(before) for \(life.end)")
                let after = try #require(next.calls.first).time
                #expect((life.end...life.end + 10.5).contains(after), "\(after) for \(life.end)")
            }
        }
    }
}

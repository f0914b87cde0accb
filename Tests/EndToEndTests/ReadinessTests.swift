import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    @Suite struct ReadinessTests {
        @Test("READY=1 comes only when the portal has answered, and the status says what it waits for")
        func afterConfiguration() async throws {
            try await Stage.with { stage in
                try await stage.sandbox.fault("config-error", ["vector": "C13-text", "count": 1_000])
                let daemon = try await stage.daemon()
                try await eventually(within: .seconds(30), "two attempts have failed\n\(daemon.process.errorOutput)") {
                    daemon.log.filter(\.isTrouble).count >= 2
                }
                #expect(!daemon.notify.has("READY=1"))
                #expect(daemon.notify.value(of: "STATUS")?.contains("0 of 1 portals live") == true)
                #expect(daemon.notify.value(of: "STATUS")?.contains("acme") == true)
                try await stage.sandbox.fault("clear")
                try await daemon.ready()
                #expect(daemon.notify.value(of: "STATUS") == "1 of 1 portals live")
                try await daemon.stop()
            }
        }

        @Test("A server that accepts connections and says nothing is not taken for a subscription")
        func silentServer() async throws {
            try await Stage.with { stage in
                let token = try await stage.sandbox.accessToken()
                // Its sockets still listen: the kernel accepts for it.
                stage.sandbox.process.signal(SIGSTOP)
                let daemon = try await stage.daemon(token: token)
                try await Task.sleep(for: .seconds(7))
                #expect(!daemon.notify.has("READY=1"))
                stage.sandbox.process.signal(SIGCONT)
                try await daemon.ready()
                try await daemon.stop()
            }
        }

        @Test("A connection that is accepted and then closed with 4010 is no subscription")
        func rejectedAfterAccept() async throws {
            try await Stage.with { stage in
                try await stage.sandbox.fault(
                    "reject-after-accept", ["code": 4010, "reason": "Wrong Channel Id", "count": 1_000])
                let daemon = try await stage.daemon()
                try await eventually(within: .seconds(30), "the refusal is told\n\(daemon.process.errorOutput)") {
                    daemon.log.contains { $0.message == "not connected to the push server" }
                }
                try await Task.sleep(for: .seconds(2))
                #expect(!daemon.notify.has("READY=1"))
                #expect(daemon.notify.value(of: "STATUS")?.contains("0 of 1 portals live") == true)
                try await daemon.stop()
            }
        }

        @Test(
            "Without an event READY=1 waits for the proof by time; an event is the proof at once",
            arguments: [Stage.Transport.webSocket, .longPolling], [false, true])
        func proof(transport: Stage.Transport, withEvent: Bool) async throws {
            try await Stage.with { stage in
                let daemon = try await stage.daemon(transport)
                try await stage.isSubscribed(daemon)
                let start = ContinuousClock.now
                #expect(!daemon.notify.has("READY=1"))
                if withEvent { try await stage.sandbox.load(count: 1, rate: 0) }
                try await daemon.ready()
                let time = start.duration(to: .now)
                figure("A14 \(transport.rawValue), \(withEvent ? "an event" : "silence"): READY after \(time.text)")
                if withEvent { #expect(time < .seconds(4.5)) } else { #expect(time > .seconds(3)) }
                try await daemon.stop()
            }
        }

        @Test(
            "SIGTERM in the middle of a load: STOPPING=1, exit 0, and the file is whole up to its last line",
            arguments: [Stage.Transport.webSocket, .longPolling])
        func termination(transport: Stage.Transport) async throws {
            try await Stage.with { stage in
                let daemon = try await stage.daemon(transport)
                try await stage.isSubscribed(daemon)
                try await stage.sandbox.load(count: 100_000, rate: 1_000)
                try await daemon.hasWritten(500, within: .seconds(20))
                let start = ContinuousClock.now
                let exit = try await daemon.stop()
                figure("A14 \(transport.rawValue): SIGTERM to exit \(start.duration(to: .now).text)")
                #expect(exit.code == 0)
                #expect(daemon.notify.has("STOPPING=1"))
                let order = daemon.notify.messages
                let ready = try #require(order.firstIndex(of: "READY=1"))
                #expect(ready < (order.firstIndex(of: "STOPPING=1") ?? 0))
                for path in [daemon.eventFile, daemon.process.outputPath] {
                    let lines = EventFile(contentsOf: path)
                    let written = lines.lines.count
                    // Whatever it has taken it has delivered: the lines are the first events, without a hole.
                    let comparison = lines.compared(with: (1...max(written, 1)).map { "\($0)" })
                    #expect(comparison.isComplete && written >= 500, "\(path): \(comparison)")
                }
            }
        }
    }
}

import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    /// The admin endpoint of a running daemon, and `pulld status`.
    @Suite struct AdminTests {
        private func object(_ text: String) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        }

        private func status(_ arguments: [String]) async throws -> (code: Int32?, output: String, errors: String) {
            let child = try PulldProgram.start(["status"] + arguments)
            let exit = try await child.exit(within: .seconds(90))
            return (exit.code, child.output, child.errorOutput)
        }

        private func drained(_ daemon: DaemonProcess, _ sink: String = "log") async throws -> MetricSamples {
            var last = MetricSamples("")
            try await eventually(within: .seconds(30), "the sink is done and says so\n\(last.text)") {
                last = try await daemon.metrics()
                return last["pulld_sink_pending_events{sink=\"\(sink)\"}"] == 0
            }
            return last
        }

        @Test(
            "A daemon tells how it is over a socket of its owner alone; counts add up, and no secret is in any answer")
        func report() async throws {
            try await Stage.with { stage in
                let daemon = try await stage.daemon()
                try await daemon.ready()
                try await stage.sandbox.load(count: 500, rate: 0)
                try await daemon.hasWritten(500, within: .seconds(20))
                let metrics = try await drained(daemon)
                let attributes = try FileManager.default.attributesOfItem(atPath: daemon.adminSocket)
                #expect(attributes[.posixPermissions] as? Int == 0o600)

                #expect(metrics.imbalance(ofPortal: "acme") == 0)
                #expect(metrics.imbalance(ofSink: "log") == 0)
                #expect(metrics["pulld_portal_journaled_messages_total{portal=\"acme\"}"] == 500)
                #expect(metrics["pulld_sink_delivered_events_total{sink=\"log\"}"] == 500)
                #expect(metrics["pulld_ready"] == 1)
                #expect(metrics["pulld_portal_connected{portal=\"acme\",transport=\"websocket\"}"] == 1)
                let path = try daemon.directory.write(metrics.text, to: "metrics")
                let check = try await CommandLineTool.result(of: "/bin/sh", ["-c", "promtool check metrics < \(path)"])
                #expect(check.code == 0 && check.errorOutput.isEmpty, "\(check)")

                let answer = try await daemon.admin("/status")
                let report = try object(answer.body)
                #expect(report["ready"] as? Bool == true)
                let portal = try #require((report["portals"] as? [[String: Any]])?.first)
                #expect(portal["state"] as? String == "live" && portal["transport"] as? String == "websocket")
                #expect((portal["last_contact_age_s"] as? Double ?? 99) < 60)
                #expect((portal["channels"] as? [Any])?.count == 2)
                #expect((portal["messages"] as? [String: Int])?["journaled"] == 500)
                #expect(try await daemon.admin("/healthz").status == 200)
                #expect(try await daemon.admin("/readyz").body == "1 of 1 portals live\n")
                #expect(try await daemon.admin("/nothing").status == 404)

                let secrets = try await stage.sandbox.secrets()
                #expect(secrets.count > 5)
                for path in ["/", "/healthz", "/readyz", "/status", "/metrics", "/nothing"] {
                    let body = try await daemon.admin(path).body
                    #expect(!secrets.contains { $0.utf8.count >= 8 && body.contains($0) }, "\(path)")
                }
                try await daemon.stop()
                #expect(!FileManager.default.fileExists(atPath: daemon.adminSocket))
            }
        }

        @Test("Ready is said when it is so, and taken back when it is not; alive it is all the time")
        func readiness() async throws {
            try await Stage.with(.nginx()) { stage in
                try await stage.sandbox.fault("config-error", ["vector": "C13-text", "count": 1_000])
                let daemon = try await stage.daemon()
                try await eventually(within: .seconds(30), "the endpoint is there\n\(daemon.process.errorOutput)") {
                    try daemon.mustRun()
                    guard let answer = try? await daemon.admin("/readyz") else { return false }
                    return answer.status == 503 && answer.body.hasPrefix("0 of 1 portals live; acme: ")
                }
                #expect(try await daemon.admin("/healthz").status == 200)
                let before = try await status(["--admin", daemon.adminSocket])
                #expect(before.code == 69 && before.output.contains("not ready") && before.output.contains("waiting"))

                async let waited = status(["--admin", daemon.adminSocket, "--wait", "ready", "--timeout", "60s"])
                try await stage.sandbox.fault("clear")
                try await daemon.ready()
                #expect(try await daemon.admin("/readyz").status == 200)
                let after = try await waited
                #expect(after.code == 0 && after.output.contains("acme    live   websocket"), "\(after)")

                stage.nginx?.kill()
                try await eventually(within: .seconds(30), "the loss is told") {
                    try await daemon.admin("/readyz").status == 503
                }
                #expect(try await daemon.admin("/healthz").status == 200)
                #expect(try await daemon.metrics()["pulld_portal_live{portal=\"acme\"}"] == 0)
                try await daemon.stop()
            }
        }

        @Test("pulld status finds the daemon by its configuration file, and tells when none is there")
        func verb() async throws {
            try await Stage.with { stage in
                let recipe = try await stage.recipe(top: ["state: $DIRECTORY/state"])
                let daemon = try DaemonProcess(recipe)
                try await daemon.ready()
                let file = daemon.directory.file("pulld.yaml")
                let screen = try await status(["--config", file])
                #expect(screen.code == 0)
                #expect(
                    screen.output.hasPrefix("pulld 0.1.0  ready  1 of 1 portals live\npid \(daemon.process.pid), up "))
                #expect(!screen.output.contains("\u{1B}"))
                let json = try await status(["--config", file, "--json"])
                #expect(try object(json.output)["pid"] as? Int == Int(daemon.process.pid))
                try await daemon.stop()
                let gone = try await status(["--config", file])
                #expect(gone.code == 69 && gone.errors.contains("is pulld running?"), "\(gone)")
            }
        }

        @Test("A blocked sink says since when and why; what it has not had is pending, nothing is lost in the counts")
        func blocked() async throws {
            try await Stage.with { stage in
                let port = try LoopbackPort.free()
                let daemon = try await stage.daemon(sinks: [
                    "log: { file: { path: $DIRECTORY/events.ndjson } }",
                    "app: { webhook: { url: \"http://127.0.0.1:\(port)/hook\" } }",
                ])
                try await daemon.ready()
                try await stage.sandbox.load(count: 20, rate: 0)
                try await daemon.hasWritten(20, within: .seconds(20))
                try await eventually(within: .seconds(30), "the blockade is told") {
                    try await daemon.metrics()["pulld_sink_blocked{sink=\"app\"}"] == 1
                }
                let metrics = try await drained(daemon)
                #expect(metrics["pulld_sink_pending_events{sink=\"app\"}"] == 20)
                #expect(metrics["pulld_sink_blockades_total{sink=\"app\"}"] == 1)
                #expect(metrics["pulld_sink_oldest_pending_timestamp_seconds{sink=\"app\"}"] != nil)
                #expect(metrics.imbalance(ofSink: "app") == 0 && metrics.imbalance(ofSink: "log") == 0)
                let screen = try await status(["--admin", daemon.adminSocket])
                #expect(screen.output.contains("unreachable") && screen.output.contains("blocked for"), "\(screen)")
                try await daemon.stop()
            }
        }

        @Test("Heartbeats come back and are timed; sinks do not get them, and the counts say so")
        func heartbeat() async throws {
            try await Stage.with { stage in
                let daemon = try await stage.daemon(portal: ["heartbeat: 10s"])
                try await daemon.ready()
                try await eventually(within: .seconds(40), "two heartbeats are back\n\(daemon.process.errorOutput)") {
                    try await daemon.metrics()["pulld_portal_heartbeats_returned_total{portal=\"acme\"}"] ?? 0 >= 2
                }
                try await stage.sandbox.load(count: 3, rate: 0)
                try await daemon.hasWritten(3, within: .seconds(20))
                let metrics = try await drained(daemon)
                let trip = try #require(metrics["pulld_portal_heartbeat_round_trip_seconds{portal=\"acme\"}"])
                figure("heartbeat round trip \(Int(trip * 1000)) ms")
                #expect(trip > 0 && trip < 10)
                #expect(metrics["pulld_portal_heartbeats_lost_total{portal=\"acme\"}"] == 0)
                #expect(metrics["pulld_portal_heartbeat_interval_seconds{portal=\"acme\"}"] == 10)
                #expect(metrics["pulld_sink_filtered_events_total{sink=\"log\"}"] ?? 0 >= 2)
                #expect(metrics["pulld_sink_delivered_events_total{sink=\"log\"}"] == 3)
                #expect(metrics.imbalance(ofSink: "log") == 0 && metrics.imbalance(ofPortal: "acme") == 0)
                #expect(DaemonProcess.lineCount(of: daemon.eventFile) == 3)
                try await daemon.stop()
            }
        }

        @Test(
            "No counter that goes on over restarts goes back by a crash, and each scrape adds up",
            .timeLimit(.minutes(2)))
        func crash() async throws {
            try await Stage.with { stage in
                let recipe = try await stage.recipe()
                var daemon = try DaemonProcess(recipe)
                let directory = daemon.directory
                try await daemon.ready()
                try await stage.sandbox.load(count: 6_000, rate: 1_000)
                var before = MetricSamples("")
                var scrapes = 0
                let series = [
                    "pulld_portal_received_messages_total{portal=\"acme\"}",
                    "pulld_portal_journaled_messages_total{portal=\"acme\"}",
                    "pulld_sink_delivered_events_total{sink=\"log\"}",
                    "pulld_sink_journaled_events_total{sink=\"log\"}", "pulld_journal_records_total",
                ]
                func look() async throws {
                    guard let now = try? await daemon.metrics() else { return }
                    for name in series {
                        // A portal's counts are there once its session has read them, and not before.
                        if let new = now[name], let old = before[name] { #expect(new >= old, "\(name)") }
                    }
                    for sink in ["log", "terminal"] { #expect(now.imbalance(ofSink: sink) ?? 0 == 0) }
                    #expect(now.imbalance(ofPortal: "acme") ?? 0 == 0)
                    if series.allSatisfy({ now[$0] != nil }) {
                        before = now
                        scrapes += 1
                    }
                }
                for life in 1...4 {
                    for _ in 0..<40 {
                        try await look()
                        try await Task.sleep(for: .milliseconds(25))
                    }
                    if life == 4 { break }
                    daemon.process.signal(SIGKILL)
                    _ = try await daemon.process.exit(within: .seconds(30))
                    daemon = try DaemonProcess(recipe, directory: directory)
                    try await eventually(within: .seconds(30), "it is back") { (try? await daemon.metrics()) != nil }
                }
                try await daemon.hasWritten(6_000, within: .seconds(40))
                let last = try await drained(daemon)
                #expect(last["pulld_portal_journaled_messages_total{portal=\"acme\"}"] == 6_000)
                #expect(last["pulld_sink_delivered_events_total{sink=\"log\"}"] == 6_000)
                #expect(scrapes > 100)
                figure("counters over 3 kills -9: \(scrapes) scrapes, none went back, each added up")
                try await daemon.stop()
            }
        }

        @Test("An address that is somebody's ends the start with 73 and says whose fault it is")
        func inUse() async throws {
            try await Stage.with { stage in
                let first = try await stage.daemon()
                try await first.ready()
                let recipe = try await stage.recipe(top: ["admin: { listen: \(first.adminSocket) }"])
                let second = try DaemonProcess(recipe)
                let exit = try await second.process.exit(within: .seconds(20))
                #expect(exit.code == 73)
                #expect(second.process.errorOutput.contains("admin.listen: another process listens on "))
                #expect(try await first.admin("/healthz").status == 200)
                try await first.stop()
            }
        }
    }
}

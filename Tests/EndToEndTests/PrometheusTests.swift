import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    /// With the Prometheus of Debian.
    @Suite struct PrometheusTests {
        private static let rules = Repository.path("config/prometheus-rules.yaml")

        @Test("promtool finds nothing to say of the alert rules")
        func rules() async throws {
            let result = try await CommandLineTool.result(of: "/usr/bin/promtool", ["check", "rules", Self.rules])
            #expect(result.code == 0 && result.errorOutput.isEmpty, "\(result)")
            #expect(!result.output.contains("FAILED"))
        }

        @Test("Each alert comes when it should, and none comes without a reason")
        func alerts() async throws {
            let directory = try ScratchDirectory()
            let text = try String(
                contentsOfFile: Repository.path("Tests/PrometheusRules/alerts.yaml"), encoding: .utf8)
            let file = try directory.write(
                text.replacingOccurrences(of: "$RULES", with: Self.rules), to: "alerts.yaml")
            let result = try await CommandLineTool.result(of: "/usr/bin/promtool", ["test", "rules", file])
            #expect(result.code == 0, "\(result.output)\n\(result.errorOutput)")
        }

        @Test("A Prometheus scrapes the daemon, and conservation is computed from the metrics alone, exactly")
        func conservation() async throws {
            try await Stage.with { stage in
                let port = try LoopbackPort.free()
                let receiver = try WebhookReceiver()
                let recipe = try await stage.recipe(
                    sinks: [
                        "log: { file: { path: $DIRECTORY/events.ndjson } }",
                        "app: { webhook: { url: \"http://127.0.0.1:\(receiver.port)/\" } }",
                        "some: { file: { path: $DIRECTORY/some.ndjson }, exclude: [ \"*/sandbox.*\" ] }",
                    ],
                    top: ["admin: { listen: 127.0.0.1:\(port) }"])
                let daemon = try DaemonProcess(recipe)
                let prometheus = try await PrometheusServer(target: port, rules: Self.rules)
                try await daemon.ready()
                let start = Date.now
                let count = 6_000
                try await stage.sandbox.load(count: count, rate: 600)
                try await daemon.hasWritten(count, within: .seconds(60))
                let delivered = "sum(pulld_sink_delivered_events_total + pulld_sink_filtered_events_total)"
                try await eventually(within: .seconds(60), "Prometheus has seen it all") {
                    try await prometheus.query(delivered).first?.value == Double(3 * count)
                }
                #expect(try await prometheus.query("up").map(\.value) == [1])
                let laws = [
                    "pulld_portal_received_messages_total - pulld_portal_journaled_messages_total"
                        + " - pulld_portal_duplicate_messages_total - pulld_portal_service_messages_total",
                    "pulld_sink_journaled_events_total - pulld_sink_delivered_events_total"
                        + " - pulld_sink_filtered_events_total - pulld_sink_dead_events - pulld_sink_pending_events",
                ]
                for (law, series) in zip(laws, [1, 3]) {
                    #expect(try await prometheus.query(law).map(\.value) == Array(repeating: 0, count: series))
                    // At each second of the load, too.
                    let values = try await prometheus.values(of: law, from: start, to: .now)
                    #expect(values.count > 8 * series && values.allSatisfy { $0 == 0 })
                    figure("D6 \(values.count) values of a law of conservation, all 0")
                }
                let journaled = try await prometheus.query("pulld_portal_journaled_messages_total")
                #expect(journaled.map(\.value) == [Double(count)])
                #expect(journaled.first?.labels["portal"] == "acme")
                let all = try await prometheus.query(
                    "sum(pulld_portal_journaled_messages_total + pulld_portal_gap_records_total)"
                        + " - sum(pulld_journal_records_total)")
                #expect(all.map(\.value) == [0])
                let rules = try await prometheus.rules()
                #expect(rules.count > 10 && rules.allSatisfy { $0.health == "ok" }, "\(rules)")
                #expect(try await prometheus.query("ALERTS{alertstate=\"firing\"}").map(\.labels) == [])
                try await daemon.stop()
                _ = try await prometheus.process.terminate(within: .seconds(20))
            }
        }
    }
}

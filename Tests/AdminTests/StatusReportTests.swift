import Admin
import EndToEndSupport
import JSONText
import Testing

@Suite struct StatusReportTests {
    @Test("What the JSON says is the report again")
    func roundTrip() throws {
        let json = StatusReport.sample.json.serialized()
        let report = try #require(JSONValue.parse(json).flatMap(StatusReport.init(json:)))
        #expect(report == .sample)
    }

    @Test("A report of a daemon that has just begun has its members too")
    func bare() throws {
        var report = StatusReport(
            version: "0.1.0", pid: 1, startedAt: 1_795_000_000, now: 1_795_000_000, isReady: false, summary: "starting")
        report.portals = [StatusReport.Portal(name: "acme")]
        report.sinks = [StatusReport.Sink(name: "log")]
        #expect(StatusReport(json: report.json) == report)
        #expect(report.json["portals"]?.array?[0]["last_contact"] == nil)
        #expect(report.json["sinks"]?.array?[0]["blocked"] == nil)
    }

    @Test("What is no report is none", arguments: ["{}", "[]", "7", #"{"version":"1","ready":true,"now":"soon"}"#])
    func noReport(text: String) throws {
        #expect(StatusReport(json: try #require(JSONValue.parse(Array(text.utf8)))) == nil)
    }

    @Test("A moment is RFC 3339 in whole seconds, an age is in seconds beside it")
    func moments() {
        let json = StatusReport.sample.json
        #expect(json["started_at"]?.string == "2026-11-18T11:06:40Z")
        #expect(json["portals"]?.array?[0]["last_contact"]?.string == "2026-11-18T12:06:38Z")
        #expect(json["portals"]?.array?[0]["last_contact_age_s"] == .number("1.25"))
    }

    @Test("Counts beyond what a Double holds are exact")
    func exactness() {
        var report = StatusReport.sample
        report.sinks[0].journaled = UInt64.max
        #expect(StatusReport(json: report.json)?.sinks[0].journaled == UInt64.max)
        #expect(report.metrics.contains("pulld_sink_journaled_events_total{sink=\"app\"} 18446744073709551615\n"))
    }

    @Test("promtool finds nothing to say of the metrics")
    func promtool() async throws {
        for report in [StatusReport.sample, Self.odd] {
            let file = try ScratchDirectory()
            let path = try file.write(report.metrics, to: "metrics")
            let result = try await CommandLineTool.result(
                of: "/bin/sh", ["-c", "promtool check metrics < \(path)"])
            #expect(result.code == 0 && result.output.isEmpty && result.errorOutput.isEmpty, "\(result)")
        }
    }

    @Test(
        "The age of the last heartbeat counts from the first that was sent until one is back, and is none before",
        arguments: [(nil, nil, nil), (100, nil, "100.0"), (100, 160, "160.0")] as [(Double?, Double?, String?)])
    func heartbeatAge(firstSent: Double?, lastReturn: Double?, value: String?) {
        var report = StatusReport.sample
        report.portals[0].heartbeat?.firstSent = firstSent
        report.portals[0].heartbeat?.lastReturn = lastReturn
        let name = "pulld_portal_heartbeat_last_return_timestamp_seconds{"
        let line = report.metrics.split(separator: "\n").first { $0.hasPrefix(name) }
        #expect(line.map { String($0.split(separator: " ").last ?? "") } == value)
    }

    /// Names and words that nobody should have, and numbers that need not be there.
    private static var odd: StatusReport {
        var report = StatusReport(
            version: "a\"b\\c\nd", pid: 1, startedAt: 0, now: .nan, isReady: false, summary: "")
        report.portals = [StatusReport.Portal(name: "x\"} 1\ny")]
        report.portals[0].lastContact = .infinity
        return report
    }

    @Test("Label values are escaped, so that no name can end a line or add a sample")
    func escaping() {
        let text = Self.odd.metrics
        #expect(text.contains(#"pulld_build_info{version="a\"b\\c\nd"} 1"# + "\n"))
        #expect(text.contains(#"pulld_portal_live{portal="x\"} 1\ny"} 0"# + "\n"))
        #expect(
            text.split(separator: "\n").allSatisfy {
                $0.hasPrefix("#") || $0.hasPrefix("pulld_") || $0.hasPrefix("process_")
            })
    }

    @Test("Both laws of conservation can be computed from the metrics of one scrape")
    func conservation() {
        let text = StatusReport.sample.metrics
        func value(_ name: String) -> Int? {
            text.split(separator: "\n").first { $0.hasPrefix(name + "{") }?.split(separator: " ").last.flatMap {
                Int($0)
            }
        }
        func sum(_ prefix: String, _ names: [String]) -> Int { names.reduce(0) { $0 + (value(prefix + $1) ?? -1000) } }
        #expect(
            value("pulld_portal_received_messages_total")
                == sum(
                    "pulld_portal_",
                    ["journaled_messages_total", "duplicate_messages_total", "service_messages_total"]))
        #expect(
            value("pulld_sink_journaled_events_total")
                == sum(
                    "pulld_sink_", ["delivered_events_total", "filtered_events_total", "dead_events", "pending_events"])
        )
    }
}

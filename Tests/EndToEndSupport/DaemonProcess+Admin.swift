import Foundation

/// What a daemon says of itself.
extension DaemonProcess {
    /// Where it listens unless its settings say otherwise.
    public var adminSocket: String { statePath + "/admin.sock" }

    /// An answer of its admin endpoint, which is kept for the search for secrets.
    public func admin(_ path: String) async throws -> RawExchange.Answer {
        let answer = try await RawExchange.get(path, socket: adminSocket)
        let file = try OutputCollector.shared.newFiles(for: "admin").output
        try Data(answer.body.utf8).write(to: URL(fileURLWithPath: file))
        return answer
    }

    public func metrics() async throws -> MetricSamples {
        MetricSamples(try await admin("/metrics").body)
    }
}

/// The samples of a scrape.
public struct MetricSamples: Sendable {
    public let text: String
    private let samples: [String: Double]

    public init(_ text: String) {
        self.text = text
        var samples: [String: Double] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let blank = line.lastIndex(of: " ") else { continue }
            samples[String(line[..<blank])] = Double(line[line.index(after: blank)...])
        }
        self.samples = samples
    }

    /// Of a series by its whole name: `pulld_sink_pending_events{sink="log"}`.
    public subscript(series: String) -> Double? { samples[series] }

    /// `received - journaled - duplicates - service` of a portal.
    public func imbalance(ofPortal portal: String) -> Double? {
        difference(
            "pulld_portal_", "{portal=\"\(portal)\"}", "received_messages_total",
            [
                "journaled_messages_total", "duplicate_messages_total", "service_messages_total",
            ])
    }

    /// `journaled - delivered - filtered - dead - pending` of a sink.
    public func imbalance(ofSink sink: String) -> Double? {
        difference(
            "pulld_sink_", "{sink=\"\(sink)\"}", "journaled_events_total",
            [
                "delivered_events_total", "filtered_events_total", "dead_events", "pending_events",
            ])
    }

    private func difference(_ prefix: String, _ labels: String, _ whole: String, _ parts: [String]) -> Double? {
        var difference = samples[prefix + whole + labels]
        for part in parts {
            difference = difference.flatMap { left in samples[prefix + part + labels].map { left - $0 } }
        }
        return difference
    }
}

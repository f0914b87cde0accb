import Foundation

/// A Prometheus of the test's own that scrapes one target every second.
public final class PrometheusServer: Sendable {
    public let port: UInt16
    public let process: ChildProcess
    private let directory: ScratchDirectory

    /// - Parameters:
    ///   - target: the port on 127.0.0.1 that is scraped.
    ///   - rules: absolute path of a file of rules.
    public init(target: UInt16, rules: String) async throws {
        directory = try ScratchDirectory()
        port = try LoopbackPort.free()
        let file = try directory.write(
            """
            global: { scrape_interval: 1s, evaluation_interval: 1s }
            rule_files: [ "\(rules)" ]
            scrape_configs:
              - job_name: pulld
                static_configs: [ { targets: [ "127.0.0.1:\(target)" ] } ]
            """, to: "prometheus.yml")
        process = try ChildProcess(
            "/usr/bin/prometheus",
            [
                "--config.file=\(file)", "--storage.tsdb.path=\(try directory.directory("data"))",
                "--web.listen-address=127.0.0.1:\(port)",
            ])
        try await eventually(within: .seconds(30), "Prometheus is ready\n\(process.errorOutput)") {
            (try? await LoopbackHTTP.request("GET", port: port, path: "/-/ready"))?.status == 200
        }
    }

    /// The samples of an instant vector.
    public func query(_ expression: String) async throws -> [(labels: [String: String], value: Double)] {
        let result = try await ask("query?query=" + Self.escaped(expression))
        return (result["result"] as? [[String: Any]] ?? []).map { sample in
            let value = (sample["value"] as? [Any])?.last as? String
            return (sample["metric"] as? [String: String] ?? [:], value.flatMap { Double($0) } ?? .nan)
        }
    }

    /// All values of all series, second by second.
    public func values(of expression: String, from start: Date, to end: Date) async throws -> [Double] {
        let range = "&start=\(start.timeIntervalSince1970)&end=\(end.timeIntervalSince1970)&step=1"
        let result = try await ask("query_range?query=" + Self.escaped(expression) + range)
        return (result["result"] as? [[String: Any]] ?? []).flatMap { series in
            (series["values"] as? [[Any]] ?? []).compactMap { ($0.last as? String).flatMap { Double($0) } }
        }
    }

    /// Of the rules: name and how its last evaluation went.
    public func rules() async throws -> [(name: String, health: String)] {
        let groups = try await ask("rules")["groups"] as? [[String: Any]] ?? []
        return groups.flatMap { $0["rules"] as? [[String: Any]] ?? [] }.map {
            ($0["name"] as? String ?? "", $0["health"] as? String ?? "")
        }
    }

    private func ask(_ path: String) async throws -> [String: Any] {
        // By HTTP/1.0 nothing comes in chunks.
        let answer = try await RawExchange.exchange(port: port, "GET /api/v1/\(path) HTTP/1.0\r\n\r\n")
        let text = answer.range(of: "\r\n\r\n").map { answer[$0.upperBound...] } ?? ""
        let body = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        guard body?["status"] as? String == "success", let data = body?["data"] as? [String: Any] else {
            throw LoopbackHTTP.Failure(description: "\(path): \(text)")
        }
        return data
    }

    private static func escaped(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}

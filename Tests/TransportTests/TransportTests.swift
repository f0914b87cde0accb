import EndToEndSupport
import Foundation
import Secrets
import Testing
import WebSocket

@testable import Transport

/// One after the other: several measure times, or count what the process has open.
@Suite("Transport", .serialized)
enum TransportTests {
    /// Gives `body` a transport and shuts it down afterwards, whatever happens.
    static func withTransport<T>(_ body: (Transport) async throws -> T) async throws -> T {
        let transport = Transport(userAgent: "pulld-test/1")
        do {
            let result = try await body(transport)
            await transport.shutdown()
            return result
        } catch {
            await transport.shutdown()
            throw error
        }
    }

    /// The error of an operation that has to fail.
    static func failure<T>(_ operation: () async throws(TransportError) -> T) async -> TransportError? {
        do {
            _ = try await operation()
            Issue.record("it succeeded")
            return nil
        } catch {
            return error
        }
    }

    static func get(_ url: String, timeout: Duration = .seconds(20), network: NetworkOptions = direct) -> HTTPRequest {
        HTTPRequest(method: .get, url: Secret(url), timeout: timeout, network: network)
    }

    /// No proxy, whatever the environment says.
    static let direct = NetworkOptions(proxy: "")

    static func socket(_ url: String, network: NetworkOptions = direct) -> WebSocketRequest {
        WebSocketRequest(url: Secret(url), network: network)
    }

    static func took(_ body: () async throws -> Void) async rethrows -> Duration {
        try await ContinuousClock().measure(body)
    }

    static func descriptorCount() -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
    }

    /// The status files of transports' threads, found by their name.
    private static func loopThreads() -> [String] {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
        return tasks.compactMap { try? String(contentsOfFile: "/proc/self/task/\($0)/status", encoding: .utf8) }
            .filter { $0.hasPrefix("Name:\ttransport\n") }
    }

    static func loopThreadCount() -> Int { loopThreads().count }

    /// How often the loops have gone to sleep so far.
    static func loopSleeps() -> Int {
        loopThreads().reduce(0) { sum, status in
            let line = status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches:") }
            return sum + (line?.split(separator: "\t").last.flatMap { Int($0) } ?? 0)
        }
    }

    /// Whole messages as text, in order, until `count` bytes or the end.
    static func receiveText(_ connection: WebSocketConnection, messages count: Int) async -> [String] {
        var texts: [String] = []
        while texts.count < count, let batches = await connection.receive() {
            for batch in batches {
                texts += batch.messages.map { String(decoding: batch.bytes[$0.start..<$0.end], as: UTF8.self) }
            }
        }
        return texts
    }
}

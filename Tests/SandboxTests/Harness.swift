import Events
import Foundation
import JSONText
import Sandbox
import Synchronization
import Testing

/// A running sandbox and the calls that tests make.
struct Harness: Sendable {
    var sandbox: Sandbox
    var port: UInt16

    var http: HTTPClient { HTTPClient(port: port) }

    /// Runs `body` against a sandbox of its own, and stops it afterwards.
    static func run(
        _ change: (inout SandboxOptions) -> Void = { _ in }, clock: TestClock? = nil,
        _ body: @escaping @Sendable (Harness) async throws -> Void
    ) async throws {
        var options = clock.map { clock in SandboxOptions { clock.now } } ?? SandboxOptions()
        change(&options)
        let sandbox = Sandbox(options)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sandbox.run() }
            let port = try await sandbox.waitUntilListening()
            try await body(Harness(sandbox: sandbox, port: port))
            group.cancelAll()
        }
    }

    /// Calls a method with the token of `user`.
    func call(_ method: String, _ parameters: String = "{}", user: Int = 1) async throws -> Answer {
        let token = sandbox.credentials[user - 1].accessToken
        let inner = parameters.dropFirst().dropLast()
        return try await http.post(
            "/rest/\(method).json", "{\(inner)\(inner.isEmpty ? "" : ",")\"auth\":\"\(token)\"}")
    }

    func config(user: Int = 1) async throws -> JSONValue {
        try #require(try await call("pull.application.config.get", user: user).json["result"])
    }

    /// `priv/shared` of a config, percent-encoded.
    func channelList(user: Int = 1) async throws -> String {
        let channels = try #require(try await config(user: user)["channels"])
        let ids = ["private", "shared"].compactMap { channels[$0]?["id"]?.string }
        return Self.encode(ids.joined(separator: "/"))
    }

    func subscribe(
        _ channels: String? = nil, _ more: String = "", path: String = "/subws/"
    ) async throws -> SocketClient {
        let list: String
        if let channels { list = channels } else { list = try await channelList() }
        return try await SocketClient(port: port, target: "\(path)?CHANNEL_ID=\(list)\(more)&revision=19")
    }

    /// The registered connections, as soon as there are `count`.
    func connections(_ count: Int) async throws -> [ConnectionInfo] {
        try await eventually { sandbox.connections.count == count }
        return sandbox.connections
    }

    func fault(_ order: String) async throws -> Answer {
        try await http.post("/sandbox/fault", order)
    }

    static func encode(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    }
}

/// Waits for a condition, thirty seconds at most.
func eventually(_ condition: @Sendable () async throws -> Bool) async throws {
    let limit = ContinuousClock.now.advanced(by: .seconds(30))
    while try await !condition() {
        try #require(ContinuousClock.now < limit, "the condition did not come true")
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// A portal's clock that only the test moves.
final class TestClock: Sendable {
    private let time = Mutex(1_700_000_000.0)

    var now: Double { time.withLock { $0 } }

    func advance(by seconds: Double) {
        time.withLock { $0 += seconds }
    }
}

/// The `text` members of the envelopes of one unit, and their ids.
func envelopes(_ unit: String) -> [(mid: String, text: JSONValue)] {
    unit.components(separatedBy: "#!NGINXNME!#").filter { !$0.isEmpty }.compactMap { piece in
        let json = JSONValue.parse(Array(piece.replacingOccurrences(of: "#!NGINXNMS!#", with: "").utf8))
        guard let mid = json?["mid"]?.string, let text = json?["text"] else { return nil }
        return (mid, text)
    }
}

extension SocketClient {
    /// The messages of the next frame.
    func messages() async throws -> [(mid: String, text: JSONValue)] {
        envelopes(try #require(try await frame()).text)
    }
}

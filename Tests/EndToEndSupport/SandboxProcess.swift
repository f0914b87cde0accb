import Foundation
import Synchronization

/// `pulld sandbox` in a process of its own, with the test's hand on its control interface.
public final class SandboxProcess: Sendable {
    private struct Life: Sendable {
        var process: ChildProcess
        /// When it was known to listen, Unix seconds.
        var start: Double
    }

    public let port: UInt16
    private let arguments: [String]
    /// Holds the store file, if there is one.
    private let directory: ScratchDirectory?
    private let life: Mutex<Life>

    /// Starts it and returns when it accepts connections.
    ///
    /// - Parameter keepsStore: messages, the counter, channels, tokens and the ledger outlive `kill9()`.
    public init(_ arguments: [String] = [], keepsStore: Bool = false) async throws {
        let directory = keepsStore ? try ScratchDirectory() : nil
        let store = directory.map { ["--store", $0.file("sandbox.store")] } ?? []
        let process = try PulldProgram.start(["sandbox"] + arguments + store)
        port = try await Self.port(of: process)
        self.arguments = arguments + store
        self.directory = directory
        life = Mutex(Life(process: process, start: Self.now))
    }

    /// The process that runs, or ran last.
    public var process: ChildProcess { life.withLock { $0.process } }

    private static var now: Double { Date().timeIntervalSince1970 }

    private static func port(of process: ChildProcess) async throws -> UInt16 {
        var port: UInt16?
        try await eventually(within: .seconds(60), "the sandbox listens\n\(process.errorOutput)") {
            if process.exit != nil {
                throw CommandLineTool.Failure(description: "pulld sandbox ended: \(process.errorOutput)")
            }
            port = process.output.split(separator: "\n").first?.split(separator: ":").last.flatMap { UInt16($0) }
            return port != nil
        }
        return port ?? 0
    }

    // MARK: Death and return

    /// Ends the process at once, connections and all.
    public func kill9() { process.kill() }

    /// Starts it again on the same port and returns when it accepts connections. It has to be made with `keepsStore`
    /// or `--store`.
    ///
    /// - Parameter sameStore: false: the push server begins empty, with a new generation of ids; the portal has its channels
    ///   and tokens still.
    public func restart(sameStore: Bool) async throws {
        guard arguments.contains("--store") else {
            throw CommandLineTool.Failure(description: "a sandbox without a store does not come back")
        }
        kill9()
        if !sameStore {
            // A generation is a second of the clock.
            let start = life.withLock { $0.start }
            try await eventually(within: .seconds(30), "the next second") { Self.now.rounded(.down) > start }
        }
        let again = arguments + ["--port", "\(port)"] + (sameStore ? [] : ["--forget-messages"])
        let process = try PulldProgram.start(["sandbox"] + again)
        life.withLock { $0.process = process }
        _ = try await Self.port(of: process)
        life.withLock { $0.start = Self.now }
    }

    // MARK: Orders

    /// Sends an order and returns the answer's object.
    @discardableResult
    public func order(_ name: String, _ members: [String: any Sendable]) async throws -> [String: Any] {
        let body = try JSONSerialization.data(withJSONObject: members)
        return try await object("POST", name, body) as? [String: Any] ?? [:]
    }

    @discardableResult
    public func fault(_ kind: String, _ members: [String: any Sendable] = [:]) async throws -> Int {
        let answer = try await order("fault", members.merging(["kind": kind]) { $1 })
        return answer["connections"] as? Int ?? 0
    }

    /// Starts the load generator: numbered events.
    ///
    /// - Parameters:
    ///   - rate: events a second; 0: as fast as it goes.
    ///   - channel: `shared`, `private`, `both` in turn, or `doubled`.
    ///   - size: bytes of a body.
    ///   - forAllUsers: to everybody's private channel in turn, instead of to user 1's.
    public func load(
        count: Int, rate: Int, channel: String = "both", size: Int = 400, forAllUsers: Bool = false
    ) async throws {
        try await order(
            "load",
            ["count": count, "rate": rate, "channel": channel, "size": size, "user": forAllUsers ? "all" : "1"])
    }

    /// Numbered events without an end, on both channels in turn, until `stopLoad()`.
    public func loadSteadily(rate: Int) async throws {
        try await load(count: 100_000_000, rate: rate)
    }

    /// Ends the running load; what was published until then is in the ledger.
    public func stopLoad() async throws { try await order("stop-load", [:]) }

    /// Waits for the end of a load.
    public func loadIsDone(within limit: Duration) async throws {
        try await eventually(within: limit, "the sandbox has published its load") {
            let progress = try await object("GET", "load") as? [String: Any]
            return progress?["done"] as? Bool == true
        }
    }

    // MARK: Questions

    public struct Published: Sendable, Hashable {
        public var mid: String
        public var number: Int?
        /// SHA-256 of the body, lower-case hex.
        public var sha256: String
        /// Microseconds since 1970.
        public var at: Int64
        /// Ids of the channels.
        public var channels: [String]
    }

    /// Every event of the load generator and every other message published, oldest first.
    public func ledger() async throws -> [Published] {
        let text = try await answer("GET", "ledger?limit=100000000").body
        return text.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let entry = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any],
                let mid = entry["mid"] as? String, let hash = entry["sha256"] as? String
            else { return nil }
            return Published(
                mid: mid, number: entry["n"] as? Int, sha256: hash, at: (entry["at"] as? NSNumber)?.int64Value ?? 0,
                channels: entry["channels"] as? [String] ?? [])
        }
    }

    public struct Call: Sendable, Hashable {
        /// Unix seconds.
        public var time: Double
        public var method: String
        /// Whose token it was.
        public var user: Int?
        public var cache: String?
        public var status: Int
        /// Ends of the channels in the answer, Unix seconds.
        public var ends: [Double]
    }

    /// Every REST and token request that the portal has answered, oldest first.
    public func calls() async throws -> [Call] {
        let list = try await object("GET", "calls") as? [[String: Any]] ?? []
        return list.map { call in
            Call(
                time: call["time"] as? Double ?? 0, method: call["method"] as? String ?? "",
                user: call["user"] as? Int, cache: call["cache"] as? String, status: call["status"] as? Int ?? 0,
                ends: call["ends"] as? [Double] ?? [])
        }
    }

    /// Standing WebSockets and waiting polls.
    public func connectionCount() async throws -> Int {
        (try await object("GET", "connections") as? [Any])?.count ?? 0
    }

    /// User 1's. It is remembered for the search for leaks, as every secret of the sandbox's is by `rememberSecrets()`.
    public func accessToken() async throws -> String {
        guard let token = try await accessTokens().first else {
            throw LoopbackHTTP.Failure(description: "the sandbox has no access token")
        }
        return token
    }

    /// Those of all users, in order, from user 1 on. They are remembered, too.
    public func accessTokens() async throws -> [String] {
        let credentials = try await object("GET", "credentials") as? [String: Any]
        let tokens = (credentials?["users"] as? [[String: Any]] ?? []).compactMap { $0["access_token"] as? String }
        for token in tokens { OutputCollector.shared.remember(secret: token) }
        return tokens
    }

    /// Hands every secret issued until now to the collector, for its search.
    ///
    /// - Returns: how many these are.
    @discardableResult
    public func rememberSecrets() async throws -> Int {
        let secrets = try await secrets()
        for secret in secrets { OutputCollector.shared.remember(secret: secret) }
        return secrets.count
    }

    /// Tokens, channel ids, signatures, keys, webhook codes.
    public func secrets() async throws -> [String] {
        try await object("GET", "secrets") as? [String] ?? []
    }

    func object(_ method: String, _ name: String, _ body: Data? = nil) async throws -> Any {
        try JSONSerialization.jsonObject(with: try await answer(method, name, body).body)
    }

    private func answer(_ method: String, _ name: String, _ body: Data? = nil) async throws -> LoopbackHTTP.Answer {
        let answer = try await LoopbackHTTP.request(method, port: port, path: "/sandbox/\(name)", body: body)
        guard answer.status == 200 else {
            throw LoopbackHTTP.Failure(description: "\(method) /sandbox/\(name): status \(answer.status)")
        }
        return answer
    }
}

import Foundation

/// `pulld sandbox` in a process of its own, with the test's hand on its control interface.
public final class SandboxProcess: Sendable {
    public let process: ChildProcess
    public let port: UInt16

    /// Starts it and returns when it accepts connections.
    public init(_ arguments: [String] = []) async throws {
        let process = try PulldProgram.start(["sandbox"] + arguments)
        self.process = process
        var port: UInt16?
        try await eventually(within: .seconds(20), "the sandbox listens\n\(process.errorOutput)") {
            if process.exit != nil {
                throw CommandLineTool.Failure(description: "pulld sandbox ended: \(process.errorOutput)")
            }
            port = process.output.split(separator: "\n").first?.split(separator: ":").last.flatMap { UInt16($0) }
            return port != nil
        }
        self.port = port ?? 0
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

    /// Starts the load generator: numbered events of 400 bytes.
    ///
    /// - Parameters:
    ///   - rate: events a second.
    ///   - channel: `shared`, `private`, `both` in turn, or `doubled`.
    public func load(count: Int, rate: Int, channel: String = "both") async throws {
        try await order("load", ["count": count, "rate": rate, "channel": channel])
    }

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
    }

    /// Every event of the load generator and every other message published, oldest first.
    public func ledger() async throws -> [Published] {
        let text = try await answer("GET", "ledger?limit=1000000").body
        return text.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let entry = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any],
                let mid = entry["mid"] as? String, let hash = entry["sha256"] as? String
            else { return nil }
            return Published(mid: mid, number: entry["n"] as? Int, sha256: hash)
        }
    }

    public struct Call: Sendable, Hashable {
        /// Unix seconds.
        public var time: Double
        public var method: String
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
                cache: call["cache"] as? String, status: call["status"] as? Int ?? 0,
                ends: call["ends"] as? [Double] ?? [])
        }
    }

    /// Standing WebSockets and waiting polls.
    public func connectionCount() async throws -> Int {
        (try await object("GET", "connections") as? [Any])?.count ?? 0
    }

    /// User 1's. It is remembered for the search for leaks, as every secret of the sandbox's is by `rememberSecrets()`.
    public func accessToken() async throws -> String {
        let credentials = try await object("GET", "credentials") as? [String: Any]
        let users = credentials?["users"] as? [[String: Any]]
        guard let token = users?.first?["access_token"] as? String else {
            throw LoopbackHTTP.Failure(description: "the sandbox has no access token")
        }
        OutputCollector.shared.remember(secret: token)
        return token
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

    private func object(_ method: String, _ name: String, _ body: Data? = nil) async throws -> Any {
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

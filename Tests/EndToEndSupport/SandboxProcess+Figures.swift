/// What the sandbox has measured since its start or `resetFigures()`.
extension SandboxProcess {
    /// How often each hole really struck.
    public struct HoleFigures: Sendable, Hashable {
        public var droppedAtPing: Int
        public var racedSubscriptions: Int
        public var lostInRace: Int
        public var heldBack: Int
        public var overtaken: Int
    }

    public func holes() async throws -> HoleFigures {
        let figures = try await figures("holes")
        return HoleFigures(
            droppedAtPing: figures.integer("dropped_at_ping"),
            racedSubscriptions: figures.integer("raced_subscriptions"), lostInRace: figures.integer("lost_in_race"),
            heldBack: figures.integer("held_back"), overtaken: figures.integer("overtaken"))
    }

    /// From the server's pings to the client's pongs, milliseconds.
    public struct PongFigures: Sendable, Hashable {
        public var count: Int
        public var p50: Double
        public var p99: Double
        public var highest: Double
    }

    public func pongs() async throws -> PongFigures {
        let figures = try await figures("pongs")
        return PongFigures(
            count: figures.integer("count"), p50: figures.decimal("p50"), p99: figures.decimal("p99"),
            highest: figures.decimal("max"))
    }

    /// Long polls. `highest`: most at a time of one set of channels.
    public struct PollFigures: Sendable, Hashable {
        public var current: Int
        public var highest: Int
        public var total: Int
    }

    public func polls() async throws -> PollFigures {
        let figures = try await figures("polls")
        return PollFigures(
            current: figures.integer("current"), highest: figures.integer("highest"), total: figures.integer("total"))
    }

    /// WebSocket handshakes, and WebSockets that stand.
    public struct UpgradeFigures: Sendable, Hashable {
        public var accepted: Int
        public var refused: Int
        public var open: Int
    }

    public func upgrades() async throws -> UpgradeFigures {
        let figures = try await figures("upgrades")
        return UpgradeFigures(
            accepted: figures.integer("accepted"), refused: figures.integer("refused"), open: figures.integer("open"))
    }

    /// Ids of the WebSockets that stand: one that is connected anew has another.
    public func webSocketIDs() async throws -> Set<Int> {
        let list = try await object("GET", "connections") as? [[String: Any]] ?? []
        return Set(list.filter { $0["transport"] as? String == "websocket" }.compactMap { $0["id"] as? Int })
    }

    /// REST calls. `refused`: by the leaky bucket.
    public struct RateFigures: Sendable, Hashable {
        public var calls: Int
        public var highestInSecond: Int
        public var highestInTenSeconds: Int
        public var refused: Int
        public var tokenRequests: Int
    }

    public func restRate() async throws -> RateFigures {
        let figures = try await figures("rest-rate")
        return RateFigures(
            calls: figures.integer("calls"), highestInSecond: figures.integer("highest_1s"),
            highestInTenSeconds: figures.integer("highest_10s"), refused: figures.integer("refused"),
            tokenRequests: figures.integer("token_requests"))
    }

    /// What a client on a version 5 server has acknowledged, oldest first.
    public func acknowledgements() async throws -> [String] {
        let list = try await object("GET", "acknowledgements") as? [[String: Any]] ?? []
        return list.compactMap { $0["mid"] as? String }
    }

    /// Begins all but the acknowledgements anew.
    public func resetFigures() async throws { try await order("reset", [:]) }

    private struct Figures {
        var members: [String: Any]

        func integer(_ name: String) -> Int { members[name] as? Int ?? 0 }
        func decimal(_ name: String) -> Double { members[name] as? Double ?? 0 }
    }

    private func figures(_ name: String) async throws -> Figures {
        Figures(members: try await object("GET", name) as? [String: Any] ?? [:])
    }
}

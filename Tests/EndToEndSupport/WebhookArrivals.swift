import Foundation

/// What a receiver has got, told apart by `webhook-id`: what came for the first time, and what came again.
public struct WebhookArrivals: Sendable {
    public struct Event: Sendable {
        public var id: String
        public var line: EventFile.Line
        /// Unix seconds.
        public var receivedAt: Double
    }

    /// Each event at its first arrival, in order.
    public var first: [Event] = []
    /// Requests with an id that had come before, by the daemon's life that they came in.
    public var repeats: [Int]
    /// Ids that came again with another body.
    public var contradictions = 0
    /// Bodies that are no event's line, and no gap record's.
    public var foreign = 0

    /// - Parameter lives: how many requests there were at the end of each life of the daemon but the last.
    public init(_ requests: some Collection<WebhookReceiver.Request>, lives ends: [Int] = []) {
        repeats = Array(repeating: 0, count: ends.count + 1)
        var bodies: [String: Data] = [:]
        var life = 0
        for (index, request) in requests.enumerated() {
            while life < ends.count, index >= ends[life] { life += 1 }
            let id = request.headers["webhook-id"] ?? ""
            if let known = bodies[id] {
                repeats[life] += 1
                if known != request.body { contradictions += 1 }
                continue
            }
            bodies[id] = request.body
            guard let line = EventFile(data: request.body + Data("\n".utf8)).lines.first, line.mid != nil || line.isGap
            else {
                foreign += 1
                continue
            }
            first.append(Event(id: id, line: line, receivedAt: request.receivedAt))
        }
    }

    public var duplicates: Int { repeats.reduce(0, +) }

    /// The load generator's numbers, as text.
    public var keys: [String] { first.map { $0.line.key ?? "" } }

    /// The journal's numbers of a portal's events; nil: of all.
    public func sequences(of portal: String? = nil) -> [Int] {
        first.filter { portal == nil || $0.line.portal == portal }.map { $0.line.sequence ?? 0 }
    }
}

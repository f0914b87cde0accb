public import Events
public import Sandbox

/// One event as it came out of the daemon.
public struct Arrival: Hashable, Sendable {
    public var id: MessageID?
    /// SHA-256 of the body, lower-case hex.
    public var bodyHash: String

    public init(id: MessageID?, bodyHash: String) {
        self.id = id
        self.bodyHash = bodyHash
    }
}

/// The books of both sides, compared. `received = published - lost + duplicated`.
public struct DemoResult: Hashable, Sendable {
    public var published: Int
    public var received: Int
    /// Published, and not received with the same id and the same bytes.
    public var lost: Int
    /// Received beyond what was published: a second time, or never published at all.
    public var duplicated: Int

    public var isComplete: Bool { lost == 0 && duplicated == 0 }

    public init(ledger: [LedgerEntry], arrivals: [Arrival]) {
        var expected = Set(ledger.map { Arrival(id: $0.id, bodyHash: $0.bodyHash) })
        published = expected.count
        received = arrivals.count
        duplicated = 0
        for arrival in arrivals where expected.remove(arrival) == nil { duplicated += 1 }
        lost = expected.count
    }
}

extension DemoResult: CustomStringConvertible {
    public var description: String {
        "published \(published)  received \(received)  lost \(lost)  duplicated \(duplicated)"
    }
}

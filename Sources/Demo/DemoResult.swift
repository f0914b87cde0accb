public import Events

/// What tells an event from all others, on the portal's side and on this one.
public struct EventFingerprint: Hashable, Sendable {
    /// Nil when it came without one.
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

    public init(published: Set<EventFingerprint>, received: [EventFingerprint]) {
        self.published = published.count
        self.received = received.count
        var missing = published
        duplicated = 0
        for event in received where missing.remove(event) == nil { duplicated += 1 }
        lost = missing.count
    }
}

extension DemoResult: CustomStringConvertible {
    public var description: String {
        "published \(published)  received \(received)  lost \(lost)  duplicated \(duplicated)"
    }
}

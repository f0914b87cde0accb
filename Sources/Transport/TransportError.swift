/// Why bytes did not get there and back. Holds no secret: no URL with its query, no header, no body.
public struct TransportError: Error, Hashable, Sendable {
    /// How far it got.
    public enum Stage: String, Sendable {
        case dns
        case connect
        case proxy
        case tls
        case http
        case upgrade
        case `protocol`
        /// Given up by this program: cancelled or shut down.
        case cancelled
    }

    public var stage: Stage
    /// For people: what happened, without secrets.
    public var message: String
    /// For people: what to look at or change. Empty when there is nothing to say.
    public var cure: String
    /// It took longer than allowed.
    public var isTimeout: Bool
    /// Bytes of the answer that arrived before it broke (long polls use them).
    public var partialBody: [UInt8]
    /// For an upgrade that was answered by HTTP: the status, else nil.
    public var status: Int?
    /// For an upgrade that was answered by HTTP: the beginning of the body or the status text.
    public var answer: String
    /// `Retry-After` in seconds, if the answer had it.
    public var retryAfter: Int?

    public init(
        stage: Stage, message: String, cure: String = "", isTimeout: Bool = false, partialBody: [UInt8] = [],
        status: Int? = nil, answer: String = "", retryAfter: Int? = nil
    ) {
        self.stage = stage
        self.message = message
        self.cure = cure
        self.isTimeout = isTimeout
        self.partialBody = partialBody
        self.status = status
        self.answer = answer
        self.retryAfter = retryAfter
    }
}

extension TransportError: CustomStringConvertible, CustomDebugStringConvertible {
    public var description: String {
        cure.isEmpty ? "\(stage.rawValue): \(message)" : "\(stage.rawValue): \(message) (\(cure))"
    }

    /// The same: bytes of an answer are not for logs.
    public var debugDescription: String { description }
}

/// Why bytes did not get there and back. Holds no secret: no URL with its query, no header, no body.
public struct TransportError: Error, Hashable, Sendable {
    /// How far it got. Before `http` nothing of the request was sent.
    public enum Stage: String, Sendable {
        case dns
        case connect
        case proxy
        case tls
        /// With `isTimeout`: no answer in time. With a status: an answer that did not come to its end. With neither, but
        /// with `isRequestSent`: the connection ended without an answer.
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
    /// At least the beginning of an HTTP request was sent: the server may have acted on it.
    public var isRequestSent: Bool
    /// `NetworkOptions.destination` kept it from being connected to: nothing was sent, and trying again changes nothing
    /// unless the name leads elsewhere.
    public var isForbiddenDestination: Bool
    /// Bytes of the answer that arrived before it broke (long polls use them).
    public var partialBody: [UInt8]
    /// The status of the answer, if its head arrived; of a proxy's answer for the stage `proxy`.
    public var status: Int?
    /// For an upgrade that was answered by HTTP: the beginning of the body or the status text.
    public var answer: String
    /// `Retry-After` in seconds, if the answer had it.
    public var retryAfter: Int?

    public init(
        stage: Stage, message: String, cure: String = "", isTimeout: Bool = false, isRequestSent: Bool = false,
        isForbiddenDestination: Bool = false, partialBody: [UInt8] = [], status: Int? = nil, answer: String = "",
        retryAfter: Int? = nil
    ) {
        self.stage = stage
        self.message = message
        self.cure = cure
        self.isTimeout = isTimeout
        self.isRequestSent = isRequestSent
        self.isForbiddenDestination = isForbiddenDestination
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

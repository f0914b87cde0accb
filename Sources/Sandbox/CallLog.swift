import JSONText
import Synchronization

/// One REST or token request that the portal answered.
public struct RESTCall: Sendable {
    /// Unix seconds by the portal's clock.
    public var time: Double
    /// `oauth` for a request at the token endpoint.
    public var method: String
    public var user: Int?
    /// As sent.
    public var cache: String?
    public var status: Int
    /// The error code of the answer.
    public var error: String?
    /// Ends of the channels that the answer named, Unix seconds.
    public var ends: [Double]

    var json: JSONValue {
        .object([
            ("time", .decimal(time)),
            ("method", .string(method)),
            ("user", user.map { .integer($0) } ?? .null),
            ("cache", cache.map { .string($0) } ?? .null),
            ("status", .integer(status)),
            ("error", error.map { .string($0) } ?? .null),
            ("ends", .array(ends.map { .decimal($0) })),
        ])
    }
}

/// All requests so far, oldest first.
final class CallLog: Sendable {
    private let calls = Mutex<[RESTCall]>([])

    func record(_ call: RESTCall) {
        calls.withLock { $0.append(call) }
    }

    var all: [RESTCall] { calls.withLock { $0 } }
}

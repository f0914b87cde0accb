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
    private struct State {
        var calls: [RESTCall] = []
        /// Where the rate begins.
        var mark = 0
    }

    private let state = Mutex(State())

    func record(_ call: RESTCall) {
        state.withLock { $0.calls.append(call) }
    }

    var all: [RESTCall] { state.withLock { $0.calls } }

    /// Of the calls since the start or the last reset.
    var rate: RESTRate { RESTRate(state.withLock { Array($0.calls.dropFirst($0.mark)) }) }

    func resetRate() {
        state.withLock { $0.mark = $0.calls.count }
    }
}

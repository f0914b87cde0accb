import Synchronization
public import Timing

/// How often a portal may be asked. The cloud keeps a leaky bucket for each portal and source address, shared by all
/// programs on that address: one more a request, two less a second, refusal above 50 (on the largest tariff 250, five less
/// a second). Whoever would be refused waits here instead.
public struct RequestLimit: Hashable, Sendable {
    /// Requests that may follow each other at once; at least 1.
    public var burst: Int
    /// Above 0.
    public var perSecond: Double

    /// The cloud's usual limit, with a fifth left to other programs on this address.
    public static let cloud = RequestLimit(burst: 40, perSecond: 1.6)

    public init(burst: Int, perSecond: Double) {
        self.burst = max(1, burst)
        self.perSecond = max(0.001, perSecond)
    }
}

/// The buckets of one process, one for each portal's host. Requests are let through in the order of their asking.
public final class RequestBudget: Sendable {
    private let time: TimeSource
    /// When each host's bucket will be empty, on the monotonic clock.
    private let emptyAt = Mutex<[String: Duration]>([:])

    public init(time: TimeSource = .system) {
        self.time = time
    }

    /// Takes a place in the bucket of `host`.
    ///
    /// - Returns: how long the caller has to wait before its request; zero most of the time.
    func reserve(_ host: String, _ limit: RequestLimit) -> Duration {
        let now = time.now().monotonic
        let leak = Duration.seconds(1 / limit.perSecond)
        return emptyAt.withLock { emptyAt in
            let empty = max(emptyAt[host] ?? now, now)
            emptyAt[host] = empty + leak
            // Full with `burst` requests in it: this one may go when the bucket has leaked that far.
            return max(.zero, empty - now - leak * (limit.burst - 1))
        }
    }
}

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
    /// What a server makes of it that refuses again and again: each refusal halves burst and rate down to this.
    var leastPerSecond: Double

    /// The cloud's usual limit, with a fifth left to other programs on this address.
    public static let cloud = RequestLimit(burst: 40, perSecond: 1.6)

    /// An authorisation server is asked for all portals of this machine, and after a night's downtime by all of them at
    /// once. The vendor names no limit for it, so it is found out: what it refuses makes this slower, down to what a
    /// portal takes.
    static let authorisationServer = RequestLimit(burst: 50, perSecond: 10, leastPerSecond: 1.25)

    public init(burst: Int, perSecond: Double) {
        self.init(burst: burst, perSecond: perSecond, leastPerSecond: perSecond)
    }

    private init(burst: Int, perSecond: Double, leastPerSecond: Double) {
        self.burst = max(1, burst)
        self.perSecond = max(0.001, perSecond)
        self.leastPerSecond = max(0.001, leastPerSecond)
    }

    fileprivate func slowed(by factor: Double) -> RequestLimit {
        RequestLimit(
            burst: Int(Double(burst) / factor), perSecond: perSecond / factor, leastPerSecond: leastPerSecond)
    }
}

/// The buckets of one process, one for each host. Requests are let through in the order of their asking, and
/// where the server has refused one as one too many, none for a while.
public final class RequestBudget: Sendable {
    private struct Bucket {
        /// When it will be empty, on the monotonic clock.
        var emptyAt: Duration
        /// None before.
        var pausedUntil: Duration
        var refusals = 0
        var pause = Backoff.queryLimit
        /// How much slower than the limit it goes since the server has refused: 1, 2, 4, …
        var slowness = 1.0
        /// Begin of the time after which it goes faster again.
        var easesFrom = Duration.zero

        mutating func ease(at now: Duration) {
            while slowness > 1, now - easesFrom >= RequestBudget.easing {
                slowness = max(1, slowness / 2)
                easesFrom += RequestBudget.easing
            }
        }
    }

    /// As long without a refusal, and twice as much is asked.
    private static let easing = Duration.seconds(60)

    private let time: TimeSource
    private let wait: @Sendable (Duration) async -> Void
    private let random: @Sendable () -> Double
    private let buckets = Mutex<[String: Bucket]>([:])

    /// - Parameters:
    ///   - wait: returns after that long, or when the task is cancelled.
    ///   - random: between 0 and 1, for the length of pauses.
    public init(
        time: TimeSource = .system,
        wait: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) },
        random: @escaping @Sendable () -> Double = { Double.random(in: 0...1) }
    ) {
        self.time = time
        self.wait = wait
        self.random = random
    }

    /// Returns when a request may be made to `host`, or when the task is cancelled.
    func enter(_ host: String, _ limit: RequestLimit) async {
        while true {
            let before = refusals(host)
            let place = reserve(host, limit)
            if place > .zero { await wait(place) }
            // Refused meanwhile: whoever has waited in the line would come all at once.
            if Task.isCancelled || refusals(host) == before { return }
        }
    }

    /// Takes a place in the bucket of `host`.
    ///
    /// - Returns: how long the caller has to wait before its request; zero most of the time.
    func reserve(_ host: String, _ limit: RequestLimit) -> Duration {
        let now = time.now().monotonic
        return buckets.withLock { buckets in
            var bucket = buckets[host] ?? Bucket(emptyAt: now, pausedUntil: now)
            bucket.ease(at: now)
            let limit = limit.slowed(by: bucket.slowness)
            let leak = Duration.seconds(1 / limit.perSecond)
            let empty = max(bucket.emptyAt, now)
            bucket.emptyAt = empty + leak
            buckets[host] = bucket
            // Full with `burst` requests in it: this one may go when the bucket has leaked that far.
            return max(.zero, bucket.pausedUntil - now, empty - now - leak * (limit.burst - 1))
        }
    }

    /// The server has refused a request as one too many: its bucket is full, and for 1 s, or 10 s doubling to 60 s if it
    /// goes on, nothing is asked. All who wait in the line begin anew, at its end.
    func refused(_ host: String, _ limit: RequestLimit) {
        let now = time.now().monotonic
        buckets.withLock { buckets in
            var bucket = buckets[host] ?? Bucket(emptyAt: now, pausedUntil: now)
            // Others that were under way are refused for the same reason.
            guard now >= bucket.pausedUntil else { return }
            bucket.pausedUntil = now + bucket.pause.next(random: random())
            bucket.ease(at: now)
            bucket.slowness = min(bucket.slowness * 2, max(1, limit.perSecond / limit.leastPerSecond))
            bucket.easesFrom = bucket.pausedUntil
            let limit = limit.slowed(by: bucket.slowness)
            // Without the places of those who wait, for they take others.
            bucket.emptyAt = max(now + Duration.seconds(1 / limit.perSecond) * limit.burst, bucket.pausedUntil)
            bucket.refusals += 1
            buckets[host] = bucket
        }
    }

    /// The server has answered.
    func served(_ host: String) {
        let now = time.now().monotonic
        buckets.withLock { buckets in
            // What was under way at the refusal says nothing about it.
            if let until = buckets[host]?.pausedUntil, now >= until { buckets[host]?.pause.reset() }
        }
    }

    private func refusals(_ host: String) -> Int {
        buckets.withLock { $0[host]?.refusals ?? 0 }
    }
}

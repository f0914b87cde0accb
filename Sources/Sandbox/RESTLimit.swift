import Synchronization

/// The portal's leaky bucket: a call adds one, two leak out a second, and above fifty calls are refused.
final class RESTLimit: Sendable {
    static let size = 50.0
    static let leakPerSecond = 2.0

    private struct Bucket {
        var level = 0.0
        var time: Double
    }

    private let rule: SandboxOptions.RESTLimitRule
    private let buckets = Mutex<[String: Bucket]>([:])

    init(_ rule: SandboxOptions.RESTLimitRule) {
        self.rule = rule
    }

    /// Whether a call is let through. A refused one adds nothing.
    ///
    /// - Parameters:
    ///   - source: the caller's address.
    ///   - user: whose credential it is; nil if it is nobody's.
    ///   - now: Unix seconds.
    func admits(source: String, user: Int?, now: Double) -> Bool {
        let key: String
        switch rule {
        case .off: return true
        case .portal: key = source
        case .user: key = "\(source) \(user ?? 0)"
        }
        return buckets.withLock { buckets in
            var bucket = buckets[key] ?? Bucket(time: now)
            bucket.level = max(0, bucket.level - max(0, now - bucket.time) * Self.leakPerSecond)
            bucket.time = now
            let isAdmitted = bucket.level + 1 <= Self.size
            if isAdmitted { bucket.level += 1 }
            buckets[key] = bucket
            return isAdmitted
        }
    }
}

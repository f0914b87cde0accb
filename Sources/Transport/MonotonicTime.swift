import Glibc

/// Nanoseconds of the monotonic clock, for deadlines on the loop.
enum MonotonicTime {
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

extension Duration {
    /// Longer waits are cut: three weeks, which libcurl's and the kernel's milliseconds in 32 bits still hold.
    private var bounded: (seconds: Int64, attoseconds: Int64) {
        let (seconds, attoseconds) = components
        return seconds < 0 || attoseconds < 0 ? (0, 0) : (min(seconds, 21 * 86_400), attoseconds)
    }

    /// Whole milliseconds, at least 1, as libcurl takes them (where 0 means "no limit").
    var positiveMilliseconds: Int {
        let (seconds, attoseconds) = bounded
        return max(1, Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
    }

    var nanoseconds: Int64 {
        let (seconds, attoseconds) = bounded
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

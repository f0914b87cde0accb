/// At most so many events a second, evenly: one that is late does not let the next ones come sooner.
public struct RateLimit: Hashable, Sendable {
    public static let cure = "write events a second, 50/s, from 0.01/s to 100000/s"

    private let interval: Duration
    /// When the next one may go, by the monotonic clock; nil: the first one may go at once.
    private var next: Duration?

    /// `50/s`, `0.5/s`, or the number alone. Nil for anything else.
    public init?(_ text: String) {
        let number = text.hasSuffix("/s") ? text.dropLast(2) : text[...]
        guard number.utf8.allSatisfy({ 0x30...0x39 ~= $0 || $0 == 0x2E }), let rate = Double(number),
            0.01...100_000 ~= rate
        else { return nil }
        interval = .seconds(1 / rate)
    }

    /// How long to wait before the next event, which is then counted as gone.
    mutating func wait(at now: Duration) -> Duration {
        let start = max(next ?? now, now)
        next = start + interval
        return start - now
    }
}

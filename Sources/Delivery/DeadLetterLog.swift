import Journal
import Logging

/// Warns of events that a sink gave up: of the first at once, of others as a number, now and then.
struct DeadLetterLog {
    private var isSilentUntil: Duration?
    private var untold = 0

    private static let silence = Duration.seconds(10)

    /// Whether the letter is to be told by itself.
    mutating func tells(now: Duration) -> Bool {
        if let isSilentUntil, now < isSilentUntil {
            untold += 1
            return false
        }
        isSilentUntil = now + Self.silence
        return true
    }

    /// How many have not been told, when it is time to say so; nil while it is not, or for none.
    mutating func takeUntold(now: Duration, isEnd: Bool = false) -> Int? {
        guard untold > 0, isEnd || now >= isSilentUntil ?? now else { return nil }
        defer { untold = 0 }
        isSilentUntil = now + Self.silence
        return untold
    }
}

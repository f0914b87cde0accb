import Timing

/// How soon the next poll follows an answer. Servers hold a poll until there is something, and are asked again at once. What
/// answers at once that there is nothing, as proxies and servers without that do, must not be asked as fast as the network
/// allows.
struct PollPace {
    /// Whatever is answered sooner was not held.
    private static var shortestHold: Duration { .seconds(1) }

    /// The longest step is how late a message may come from a server that holds nothing.
    private var backoff = Backoff.doubling(from: .seconds(1), to: .seconds(10), jitter: 0...0.2)

    /// An answer has brought something. Seconds to wait.
    mutating func news() -> Double {
        backoff.reset()
        return 0
    }

    /// An answer has brought nothing. Seconds to wait.
    /// - Parameters:
    ///   - held: from the beginning of the poll to its answer.
    ///   - random: between 0 and 1.
    mutating func nothing(after held: Duration, random: Double) -> Double {
        guard held < Self.shortestHold else { return news() }
        return backoff.next(random: random).inSeconds
    }
}

import Synchronization

/// How long clients took to answer the server's pings, over all connections.
final class PongMeter: Sendable {
    /// Milliseconds.
    struct Figures: Sendable {
        var count = 0
        var median = 0.0
        var p99 = 0.0
        var highest = 0.0
    }

    private let delays = Mutex<[Double]>([])

    func record(_ delay: Duration) {
        delays.withLock { $0.append(delay / .milliseconds(1)) }
    }

    func reset() { delays.withLock { $0 = [] } }

    var figures: Figures {
        let sorted = delays.withLock { $0 }.sorted()
        guard let highest = sorted.last else { return Figures() }
        // Nearest rank.
        func quantile(_ part: Double) -> Double { sorted[max(0, Int((Double(sorted.count) * part).rounded(.up)) - 1)] }
        return Figures(count: sorted.count, median: quantile(0.5), p99: quantile(0.99), highest: highest)
    }
}

extension Backoff {
    /// From `first`, doubling, to `longest`, and so on for ever.
    public static func doubling(from first: Duration, to longest: Duration, jitter: ClosedRange<Double>) -> Backoff {
        var steps: [Step] = []
        var wait = first
        while wait < longest, wait > Duration.zero, steps.count < 64 {
            steps.append(Step(wait, jitter: jitter))
            wait = wait * 2
        }
        steps.append(Step(longest, jitter: jitter))
        return Backoff(steps: steps)
    }

    /// Push connections, by the vendor's table for its own clients: 0.1 to 0.5 s after the loss of a working
    /// connection, then 15 s, 45 s, 45 s, then `maximum`, each up to a fifth longer. After 24 hours of failure every
    /// hour, unless the operator wanted less than ten minutes. No step is longer than `maximum`.
    public static func connection(maximum: Duration = .seconds(600)) -> Backoff {
        let maximum = max(maximum, .seconds(1))
        let jitter = 0.0...0.2
        var steps = [Step(.milliseconds(100), .milliseconds(500))]
        for wait in [Duration.seconds(15), .seconds(45), .seconds(45), maximum] {
            steps.append(Step(min(wait, maximum), jitter: jitter))
        }
        guard maximum >= .seconds(600) else { return Backoff(steps: steps) }
        let hourly = Step(max(maximum, .seconds(3600)), jitter: jitter)
        return Backoff(steps: steps, longWait: LongWait(after: .seconds(86_400), step: hourly))
    }

    /// REST calls that failed for reasons that pass: 1 s, doubling to 5 min, ± 10 %.
    public static let rest = doubling(from: .seconds(1), to: .seconds(300), jitter: -0.1...0.1)

    /// The portal refused because of too many requests: 1 s, 10 s, doubling to 60 s.
    public static let queryLimit = Backoff(
        steps: [1, 10, 20, 40, 60].map { Step(.seconds($0), jitter: 0...0.2) })

    /// The portal or the authorisation server reports a fault of its own: 5 s, doubling to 5 min.
    public static let serverFault = doubling(from: .seconds(5), to: .seconds(300), jitter: 0...0.2)
}

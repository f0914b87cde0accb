/// How long to wait after the first, second, third… failure in a row. Pure: it holds no clock and no timer, and
/// randomness is given to it.
public struct Backoff: Hashable, Sendable {
    /// One row of a schedule: a wait drawn evenly between two bounds.
    public struct Step: Hashable, Sendable {
        public var shortest: Duration
        public var longest: Duration

        public init(_ shortest: Duration, _ longest: Duration) {
            self.shortest = min(shortest, longest)
            self.longest = max(shortest, longest)
        }

        /// `wait`, changed by a random part of it; `0...0.2` means up to a fifth longer.
        public init(_ wait: Duration, jitter: ClosedRange<Double>) {
            self.init(wait * (1 + jitter.lowerBound), wait * (1 + jitter.upperBound))
        }

        func draw(_ random: Double) -> Duration {
            shortest + (longest - shortest) * random
        }
    }

    /// What follows when failures have lasted for a long time.
    public struct LongWait: Hashable, Sendable {
        /// Sum of all waits after which it begins.
        public var after: Duration
        public var step: Step

        public init(after: Duration, step: Step) {
            self.after = after
            self.step = step
        }
    }

    /// One a failure; the last is repeated. Never empty.
    public let steps: [Step]
    public let longWait: LongWait?
    /// Failures in a row so far.
    public private(set) var failures = 0
    /// Sum of the waits given out since the last success.
    public private(set) var waited = Duration.zero

    /// An empty list of steps stands for no wait at all.
    public init(steps: [Step], longWait: LongWait? = nil) {
        self.steps = steps.isEmpty ? [Step(.zero, .zero)] : steps
        self.longWait = longWait
    }

    /// Counts a failure and gives the wait that follows it.
    public mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        next(random: Double.random(in: 0...1, using: &generator))
    }

    /// The same with a random number between 0 and 1 of the caller's.
    public mutating func next(random: Double) -> Duration {
        var step = steps[min(failures, steps.count - 1)]
        if let longWait, waited >= longWait.after { step = longWait.step }
        let wait = step.draw(random.isFinite ? min(1, max(0, random)) : 1)
        if failures < Int.max { failures += 1 }
        // Far above every `longWait.after`, far below what a Duration can hold.
        waited = min(waited + wait, .seconds(1_000_000_000))
        return wait
    }

    /// Back to the first step: something worked.
    public mutating func reset() {
        failures = 0
        waited = .zero
    }
}

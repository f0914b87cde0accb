public import Timing

/// Time and chance for deliveries: the system's, or a test's.
public struct DeliveryClock: Sendable {
    public var time: TimeSource
    /// Throws when the task is cancelled.
    public var sleep: @Sendable (Duration) async throws -> Void
    /// Between 0 and 1.
    public var random: @Sendable () -> Double

    public init(
        time: TimeSource, sleep: @escaping @Sendable (Duration) async throws -> Void,
        random: @escaping @Sendable () -> Double
    ) {
        self.time = time
        self.sleep = sleep
        self.random = random
    }

    public static let system = DeliveryClock(
        time: .system,
        sleep: { try await Task.sleep(for: $0) },
        random: { Double.random(in: 0...1) })
}

import Timing

/// The result of `work`, or nil when it takes longer; it is cancelled then. What does not heed cancellation holds this up.
nonisolated func within<Value: Sendable>(
    _ limit: Duration, _ work: @escaping @Sendable () async -> Value
) async -> Value? {
    await withTaskGroup(of: Value?.self) { group in
        group.addTask { await work() }
        group.addTask {
            try? await Task.sleep(for: limit)
            return nil
        }
        defer { group.cancelAll() }
        return await group.next() ?? nil
    }
}

/// How long something takes, on the monotonic clock.
struct Stopwatch {
    private let start = TimeSource.system.now().monotonic

    var elapsed: Duration { TimeSource.system.now().monotonic - start }
}

/// A condition that did not come true in time.
public struct NotInTime: Error, CustomStringConvertible {
    public let description: String
}

/// Waits until `condition` holds, asking every 10 ms, and throws `NotInTime` with the sentence when the limit has passed.
///
/// - Parameters:
///   - limit: by the monotonic clock. Generous limits cost nothing where the condition comes true.
///   - what: says what should have happened: "the daemon is ready".
public func eventually(
    within limit: Duration, _ what: @autoclosure () -> String, condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: limit)
    while true {
        if try await condition() { return }
        guard clock.now < deadline else { throw NotInTime(description: "not within \(limit): \(what())") }
        try await clock.sleep(for: .milliseconds(10))
    }
}

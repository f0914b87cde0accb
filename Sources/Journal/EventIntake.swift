public import Events

/// Where received events go. Subscription knows this and nothing behind it.
public protocol EventIntake: Sendable {
    /// Takes the events of one received unit and gives them their sequence numbers. Returns when they are held; waits
    /// while the window is full, which is how intake pauses.
    func append(_ batch: EventBatch) async throws
}

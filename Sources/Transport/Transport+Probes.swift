extension Transport {
    /// Calls `answered` once, on the loop's thread, after what that has to do already. It must not block.
    public nonisolated func probeLoop(_ answered: @escaping @Sendable () -> Void) {
        post(answered)
    }
}

public import Events

/// The journal as the receiving side knows it: where received events go, and what a session must remember over a restart.
/// Subscription knows this and nothing behind it.
public protocol EventIntake: Sendable {
    /// Takes what one received unit brought, to be committed in one transaction with everything that stands in the entry.
    /// Entries are committed in the order of the calls. Returns as soon as the entry is held; waits while the window of
    /// what is not yet on disk is full, which is how intake pauses.
    ///
    /// - Throws: `JournalError.finished` once the journal is closing; `CancellationError` when the task is cancelled while
    ///   it waits, and then nothing of the entry was taken.
    func append(_ entry: JournalEntry) async throws

    /// Returns when everything appended before the call is on disk.
    ///
    /// - Throws: as `append`.
    func committed() async throws

    /// What is known of a portal from earlier runs; an empty record for one that is new. Reads the disk: for starts only.
    func record(of portal: String) throws(JournalError) -> PortalRecord

    /// Messages of `portal` received in the last 26 hours whose id is above `id`, any order, at most `limit` of them:
    /// the highest ones. Reads the disk.
    func seen(above id: MessageID, portal: String, limit: Int) throws(JournalError) -> [SeenMark]

    /// The marks of `portal` that have this id, of the last 26 hours. Reads the disk: some ten microseconds.
    func seen(_ id: MessageID, portal: String) throws(JournalError) -> [SeenMark]
}

import Journal

/// The way of one session's entries to the journal: one after the other, in the order in which they were made, and none
/// any more after one that was not taken. State only; `Session+Intake` moves it.
struct JournalFeed {
    /// How long an entry may wait before intake counts as paused.
    static let patience = Duration.seconds(1)

    /// Made by other things than received units; the next one takes them along.
    var waiting: [JournalEntry] = []
    var isBusy = false
    var turns: [CheckedContinuation<Void, Never>] = []
    /// Since when the journal has not taken the entry given to it.
    var since: Duration?
    /// When to look whether it still has not.
    var looksAt: Duration?
    var isPaused = false
    /// Why nothing is taken any more.
    var failure: (any Error)?
    /// Unix seconds.
    var contactStoredAt: Double?
}

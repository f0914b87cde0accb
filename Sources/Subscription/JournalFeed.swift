import Journal
import Timing

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
    /// Fired when intake goes on; nil while it is not paused.
    private(set) var resumption: OneShotSignal?
    /// The entry that is being given to the journal.
    var appending: Task<Void, any Error>?
    /// What the journal does not take at once is given up.
    var isEnding = false {
        didSet { if isEnding { appending?.cancel() } }
    }
    /// Why nothing is taken any more.
    var failure: (any Error)?
    /// Unix seconds.
    var contactStoredAt: Double?

    var isPaused: Bool { resumption != nil }

    mutating func pause() {
        resumption = resumption ?? OneShotSignal()
    }

    mutating func goOn() {
        resumption?.fire()
        resumption = nil
    }
}

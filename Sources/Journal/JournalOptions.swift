/// What a journal is allowed.
public struct JournalOptions: Sendable {
    /// How long events are kept that every sink is done with, for looking at them again.
    public var keep: Duration = .seconds(86_400)
    /// In bytes, of the database's pages in use. While there is more, the oldest events go: first those that every sink
    /// is done with, then the others, whose place a gap record takes.
    /// Dead letters do not go for it; they take a quarter at most.
    public var size: UInt64 = 1 << 30
    /// False: nothing is synchronised with the disk, for runs whose journal dies with them.
    public var isDurable = true
    /// In bytes: how much may be held that is not yet on disk before `append` waits. A third as much of what is on disk stays
    /// in memory for readers that are a little behind.
    public var window = 4 * 1024 * 1024
    /// The first pause after a failed transaction; it doubles up to `longestRetryDelay`.
    public var retryDelay: Duration = .milliseconds(250)
    public var longestRetryDelay: Duration = .seconds(5)
    /// How long a cursor that was committed waits for a transaction to go with.
    public var cursorDelay: Duration = .milliseconds(200)
    /// How long `close()` waits for a disk that fails. What is not committed then is not lost: the stored position is
    /// from before it, and the server sends it again.
    public var closePatience: Duration = .seconds(5)
    /// How long another process may keep the file locked before it is told as trouble. Those that decide on dead letters
    /// write for moments.
    public var busyPatience: Duration = .seconds(30)
    /// Told when counts that are to be stored do not add up; a fault of the program's. Debug builds stop.
    public var onFault: @Sendable (String) -> Void = { assertionFailure($0) }

    public init() {}
}

/// Why a journal that runs does not get on. Nothing is lost by it: what was taken stays held, and is tried again.
public struct JournalTrouble: Hashable, Sendable {
    public var code: JournalError.Code
    /// For people.
    public var message: String
    /// For people: what to look at or change.
    public var cure: String

    public init(code: JournalError.Code, message: String, cure: String) {
        self.code = code
        self.message = message
        self.cure = cure
    }
}

/// What a journal has done since it was opened, and how it stands.
public struct JournalCounts: Hashable, Sendable {
    /// Events taken.
    public var events: UInt64 = 0
    /// Their size in memory, in bytes.
    public var bytes: UInt64 = 0
    /// The last sequence number given.
    public var lastSequence: UInt64 = 0
    /// The last sequence number that is on disk.
    public var committedSequence: UInt64 = 0
    /// Not yet on disk, in bytes.
    public var heldBytes: UInt64 = 0
    /// On disk and in memory, for readers.
    public var memoryBytes: UInt64 = 0
    /// How many appends had to wait.
    public var pauses: UInt64 = 0
    /// Transactions.
    public var commits: UInt64 = 0
    /// Of the database's pages in use, in bytes, as of the last transaction.
    public var fileBytes: UInt64 = 0
    /// Events dropped because the journal was full, though some sink had not had them.
    public var dropped: UInt64 = 0
    /// Counts that did not add up when they were to be stored.
    public var faults: UInt64 = 0
    /// What keeps the journal from committing at present.
    public var trouble: JournalTrouble?

    public init() {}
}

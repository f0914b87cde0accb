import Journal

/// Dead letters that somebody asked for, on their way. The journal names one until it has been told what became of it;
/// it may be told between a look at it and the use of what was seen.
struct RetryRequests {
    private var underWay: Set<UInt64> = []
    private var endedSinceLook: Set<UInt64> = []

    /// The journal is about to be asked.
    mutating func beginLook() {
        endedSinceLook = []
    }

    /// Of the letters that the journal named, those to be sent now.
    mutating func new(_ letters: [DeadLetter]) -> [DeadLetter] {
        letters.filter { letter in
            !endedSinceLook.contains(letter.sequence) && underWay.insert(letter.sequence).inserted
        }
    }

    /// It has had its fate.
    mutating func ended(_ letter: DeadLetter) {
        underWay.remove(letter.sequence)
        endedSinceLook.insert(letter.sequence)
    }
}

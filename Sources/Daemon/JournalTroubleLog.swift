import Journal
import Logging

/// What the operator is told when the journal cannot be written, and when it can again.
struct JournalTroubleLog: Sendable {
    let logger: Logger
    let readiness: Readiness

    /// - Parameter trouble: nil: the journal is written again.
    func changed(to trouble: JournalTrouble?) {
        guard let trouble else {
            logger.notice("the journal is written again: intake goes on")
            return readiness.journal(isBlockedBy: nil)
        }
        logger.error(
            "the journal cannot be written: intake pauses",
            metadata: ["cause": "\(trouble.message)", "cure": "\(trouble.cure)"])
        readiness.journal(isBlockedBy: trouble.message)
    }
}

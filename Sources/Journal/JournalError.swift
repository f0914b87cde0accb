/// Why the journal cannot be had, or did not take something.
public struct JournalError: Error, Hashable, Sendable {
    public enum Code: String, Sendable {
        /// The process is stopping.
        case finished
        /// Another process uses the state directory.
        case locked
        /// There is no journal to look at.
        case missing
        /// This user may not use the files.
        case forbidden
        /// The directory or a file in it cannot be made or written.
        case cannotCreate = "cannot-create"
        /// Made by a newer version of the program.
        case newerSchema = "newer-schema"
        /// The file is no database, or a part of it is not what was written.
        case damaged
        case diskFull = "disk-full"
        case inputOutput = "input-output"
        /// SQLite does not do what the journal relies on.
        case system
    }

    public var code: Code
    /// For people: what happened, and where.
    public var message: String
    /// For people: what to look at or change. Empty when there is nothing to say.
    public var cure: String

    public init(code: Code, message: String, cure: String = "") {
        self.code = code
        self.message = message
        self.cure = cure
    }

    public static let finished = JournalError(
        code: .finished, message: "the journal takes no more events: the process is stopping")
}

extension JournalError: CustomStringConvertible {
    public var description: String { cure.isEmpty ? message : "\(message) (\(cure))" }
}

internal import CSQLite
import Glibc

/// What SQLite answered instead of success (https://www.sqlite.org/rescode.html).
struct SQLiteFailure: Error {
    /// The extended code.
    var code: Int32
    var text: String
    /// `errno` of the file operation that failed, 0 if none did.
    var systemError: Int32 = 0

    /// Found by the journal's own checks.
    static func damage(_ text: String) -> SQLiteFailure { SQLiteFailure(code: SQLITE_CORRUPT, text: text) }

    /// SQLite does not do what the journal relies on.
    static func refusal(_ text: String) -> SQLiteFailure { SQLiteFailure(code: SQLITE_ERROR, text: text) }

    /// The code without its extension.
    var primaryCode: Int32 { code & 0xFF }

    /// The file does not hold what SQLite wrote there.
    var isDamage: Bool {
        // A number that is there twice: the file has more than it says of itself.
        primaryCode == SQLITE_CORRUPT || primaryCode == SQLITE_NOTADB || primaryCode == SQLITE_CONSTRAINT
    }

    /// Another connection is writing.
    var isBusy: Bool { primaryCode == SQLITE_BUSY }

    /// A file operation failed: what the kernel's cache and SQLite's hold need not be what is on the disk.
    var isInputOutput: Bool { primaryCode == SQLITE_IOERR }

    /// The same for people.
    ///
    /// - Parameter path: of the database.
    func error(path: String) -> JournalError {
        let reason = systemError == 0 ? text : "\(text): \(String(cString: strerror(systemError)))"
        switch primaryCode {
        case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_CONSTRAINT:
            return .damaged("\(path) is damaged: \(reason)", path: path)
        case SQLITE_FULL:
            return diskFull(path)
        case SQLITE_IOERR where systemError == ENOSPC || systemError == EDQUOT:
            return diskFull(path)
        case SQLITE_IOERR:
            return JournalError(
                code: .inputOutput, message: "the disk does not do its work for \(path): \(reason)",
                cure: "look at the kernel's log (dmesg) and at the disk")
        case SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH:
            return JournalError(
                code: .cannotCreate, message: "\(path) cannot be written: \(reason)",
                cure: "give the user that pulld runs as write permission for the file and its directory")
        case SQLITE_BUSY, SQLITE_LOCKED:
            return JournalError(
                code: .locked, message: "another process has locked \(path): \(reason)",
                cure: "end the program that has the database open for writing")
        default:
            return JournalError(code: .system, message: "SQLite refused to work on \(path): \(reason) (code \(code))")
        }
    }

    /// The same for somebody who looks at a journal beside its daemon.
    func viewError(path: String) -> JournalError {
        switch primaryCode {
        case SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH:
            .forbidden(path, systemError == 0 ? text : "\(text): \(String(cString: strerror(systemError)))")
        default: error(path: path)
        }
    }

    private func diskFull(_ path: String) -> JournalError {
        JournalError(
            code: .diskFull, message: "there is no room left for \(path)",
            cure: "make room on its file system; pulld goes on by itself")
    }
}

extension JournalError {
    /// Also who only reads needs the files beside the database: the write-ahead log's index is kept up by every reader
    /// (https://www.sqlite.org/wal.html#read_only_databases).
    static func forbidden(_ path: String, _ reason: String) -> JournalError {
        JournalError(
            code: .forbidden, message: "\(path) and its -wal and -shm cannot be used by this user: \(reason)",
            cure: "run the command as the user that pulld runs as, for instance with sudo -u")
    }

    /// Nothing can be trusted that such a file says; what to do about it is always the same.
    static func damaged(_ message: String, path: String) -> JournalError {
        JournalError(
            code: .damaged, message: message,
            cure:
                "move \(path) and its -wal away: pulld starts with a new one and asks the server for what it still holds"
        )
    }
}

import Glibc

/// Why a delivery did not succeed. Holds nothing of the events.
public struct SinkError: Error, Hashable, Sendable {
    public enum Code: String, Sendable {
        /// No room on the disk, or the quota is used up.
        case diskFull = "disk-full"
        case inputOutput = "input-output"
        /// Nobody will read what is written any more.
        case closed
        case permission
        case missing
        /// The reader takes nothing at present.
        case stalled
        /// The webhook could not be reached, or did not answer in time.
        case unreachable
        /// The webhook answered with another status than 2xx.
        case refused
        /// The webhook asked for no more events.
        case unwanted
        /// The journal cannot be read at present.
        case journal
        case system
        /// Not delivered because the process is stopping. Not a fault of the sink's.
        case stopped
    }

    public var code: Code
    /// For people: what happened.
    public var message: String
    /// For people: what to look at or change. Empty when there is nothing to say.
    public var cure: String

    public init(code: Code, message: String, cure: String = "") {
        self.code = code
        self.message = message
        self.cure = cure
    }

    /// What a failed system call on `place` means.
    public init(errno number: Int32, place: String) {
        let message = "\(place): \(String(cString: strerror(number)))"
        switch number {
        case ENOSPC, EDQUOT:
            self.init(code: .diskFull, message: message, cure: "free some room; delivery goes on by itself")
        case EIO:
            self.init(code: .inputOutput, message: message, cure: "look at the disk or the mount")
        case EPIPE:
            self.init(code: .closed, message: message, cure: "start its reader again")
        case ENXIO:
            self.init(code: .closed, message: "\(place): nobody reads this pipe", cure: "start its reader first")
        case EACCES, EPERM, EROFS:
            self.init(code: .permission, message: message, cure: "let the user that pulld runs as write there")
        case ENOENT, ENOTDIR:
            self.init(code: .missing, message: message, cure: "create the directory")
        default:
            self.init(code: .system, message: message)
        }
    }

    static let stopped = SinkError(code: .stopped, message: "the process is stopping")
}

extension SinkError: CustomStringConvertible {
    public var description: String {
        cure.isEmpty ? "\(code.rawValue): \(message)" : "\(code.rawValue): \(message) (\(cure))"
    }
}

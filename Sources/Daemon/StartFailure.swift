/// Why the daemon did not start or did not go on, with the exit code for it (sysexits(3)).
public struct StartFailure: Error, Sendable, CustomStringConvertible {
    public enum Code: Int32, Sendable {
        case internalFault = 70
        case cannotCreate = 73
        case inputOutput = 74
        case configuration = 78
    }

    public let code: Code
    /// For people, what to do about it included; several lines when there are several problems.
    public let description: String

    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}

public import Journal

/// Why the daemon did not start or did not go on, with the exit code for it (sysexits(3)).
public struct StartFailure: Error, Sendable, CustomStringConvertible {
    public enum Code: Int32, Sendable {
        case internalFault = 70
        case cannotCreate = 73
        case inputOutput = 74
        case temporary = 75
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

extension StartFailure {
    /// Several in one, with the code of the first; nil when there are none.
    init?(all failures: [StartFailure]) {
        guard let first = failures.first else { return nil }
        self.init(first.code, failures.map(\.description).joined(separator: "\n"))
    }

    public static let noStateDirectory = StartFailure(
        .configuration, "there is no state directory: write state: /PATH into the configuration file, or set HOME")

    /// What the journal's fault means for the process.
    public init(_ error: JournalError) {
        let code: Code =
            switch error.code {
            case .locked, .missing, .forbidden, .cannotCreate, .newerSchema: .cannotCreate
            case .damaged, .inputOutput: .inputOutput
            case .diskFull: .temporary
            case .finished, .system: .internalFault
            }
        self.init(code, error.description)
    }
}

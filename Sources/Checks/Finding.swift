/// What a stage came to. Holds no secrets.
public struct Finding: Hashable, Sendable {
    public enum Outcome: Hashable, Sendable {
        case ok
        /// It works, and a person should look at it all the same.
        case warning
        case failed(CheckFailure)
        /// Not looked at: it makes no sense without another stage, or the settings leave it out.
        case skipped
    }

    public var subject = CheckSubject.whole
    public var stage: CheckStage
    public var outcome: Outcome
    /// Nil where a stage is judged by what another one has brought.
    public var duration: Duration?
    /// For people: what was found.
    public var detail: String
    /// For people: what to do about it. Empty when there is nothing to do.
    public var cure = ""

    public init(
        subject: CheckSubject = .whole, stage: CheckStage, outcome: Outcome, duration: Duration? = nil, detail: String,
        cure: String = ""
    ) {
        self.subject = subject
        self.stage = stage
        self.outcome = outcome
        self.duration = duration
        self.detail = detail
        self.cure = cure
    }

    public var hasFailed: Bool {
        if case .failed = outcome { true } else { false }
    }

    static func ok(_ stage: CheckStage, _ detail: String, took duration: Duration? = nil) -> Finding {
        Finding(stage: stage, outcome: .ok, duration: duration, detail: detail)
    }

    static func warning(
        _ stage: CheckStage, _ detail: String, cure: String, took duration: Duration? = nil
    ) -> Finding {
        Finding(stage: stage, outcome: .warning, duration: duration, detail: detail, cure: cure)
    }

    static func failed(
        _ stage: CheckStage, _ failure: CheckFailure, _ detail: String, cure: String, took duration: Duration? = nil
    ) -> Finding {
        Finding(stage: stage, outcome: .failed(failure), duration: duration, detail: detail, cure: cure)
    }

    static func skipped(_ stage: CheckStage, _ detail: String) -> Finding {
        Finding(stage: stage, outcome: .skipped, detail: detail)
    }
}

/// Whose fault a failure is, by the exit code that says so (sysexits(3)).
public enum CheckFailure: Int32, Hashable, Sendable {
    /// A portal, a push server or a sink cannot be used at present.
    case unavailable = 69
    case internalFault = 70
    /// A file or directory cannot be made or written.
    case cannotCreate = 73
    case inputOutput = 74
    /// No room on a disk.
    case temporary = 75
    /// An authorisation, a right or a scope is missing.
    case noPermission = 77
    case configuration = 78
}

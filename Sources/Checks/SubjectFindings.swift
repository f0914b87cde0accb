/// The findings of one subject, in order, handed on as they come.
struct SubjectFindings {
    let subject: CheckSubject
    private(set) var all: [Finding] = []
    private let tell: @Sendable (Finding) -> Void

    init(subject: CheckSubject, tell: @escaping @Sendable (Finding) -> Void = { _ in }) {
        self.subject = subject
        self.tell = tell
    }

    mutating func add(_ finding: Finding) {
        var finding = finding
        finding.subject = subject
        all.append(finding)
        tell(finding)
    }

    mutating func add(_ findings: [Finding]) {
        for finding in findings { add(finding) }
    }

    /// All that `stage` needs, and that was looked at, went well.
    func allows(_ stage: CheckStage) -> Bool { obstacle(to: stage) == nil }

    /// Adds those of `stages` that are not there yet as skipped.
    mutating func skipRest(of stages: [CheckStage]) {
        for stage in stages where !all.contains(where: { $0.stage == stage }) {
            // What a proxy needs may be one of the secrets.
            let cause = obstacle(to: stage) ?? all.first(where: \.hasFailed)?.stage
            add(.skipped(stage, cause.map { "needs \($0.title)" } ?? ""))
        }
    }

    /// The failed stage that `stage` waits for, perhaps by way of others. Of several ways to the same end all have to
    /// have failed.
    private func obstacle(to stage: CheckStage) -> CheckStage? {
        let obstacles = stage.needs.map { need -> CheckStage? in
            all.contains { $0.stage == need && $0.hasFailed } ? need : obstacle(to: need)
        }
        if stage == .event, obstacles.contains(nil) { return nil }
        return obstacles.compactMap(\.self).first
    }
}

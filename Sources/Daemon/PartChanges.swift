/// What a part of the daemon is made from, a portal's session or a sink's runner. Two that are equal make the same part.
protocol PartPlan: Equatable, Sendable {
    /// The operator's; no two plans of one kind have the same.
    var name: String { get }
}

/// What has to be done so that the parts that run become those that are wanted. Pure.
struct PartChanges: Hashable, Sendable {
    /// Run, and are not wanted any more.
    var removed: Set<String> = []
    /// Run, and are wanted otherwise.
    var changed: Set<String> = []
    /// Are wanted, and do not run.
    var added: Set<String> = []

    /// These end; all others run on as they are.
    var ending: Set<String> { removed.union(changed) }
    /// These begin, once all that end have ended: what one gives up, another may take.
    var beginning: Set<String> { added.union(changed) }
    var isEmpty: Bool { removed.isEmpty && changed.isEmpty && added.isEmpty }

    init<Plan: PartPlan>(from running: [Plan], to wanted: [Plan]) {
        let before = Dictionary(running.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for plan in wanted {
            guard let old = before[plan.name] else {
                added.insert(plan.name)
                continue
            }
            if old != plan { changed.insert(plan.name) }
        }
        removed = Set(before.keys).subtracting(wanted.map(\.name))
    }
}

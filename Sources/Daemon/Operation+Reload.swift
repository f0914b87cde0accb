import Logging
import Settings
import Timing

/// The settings are read again while everything runs.
extension Operation {
    /// What is new begins, what is gone ends, what is otherwise begins anew, and all else is not touched. A file that does
    /// not do as a whole changes nothing. In any case the sinks' files are opened anew.
    func reload() async {
        guard let load = surroundings.reload else { return sinks.reopen() }
        readiness.reloadBegins()
        var trouble: String?
        do {
            let settings = try load()
            let plans = try plans(settings)
            // The last thing that can fail.
            let change = try sinks.prepare(plans.sinks)
            surroundings.logThreshold?.level = Logger.Level(settings.log.level)
            tellFixed(settings)
            try await sinks.make(change)
            if Task.isCancelled { return }
            tell("sinks", change.changes)
            let portals = await portals.change(to: plans.portals)
            // The daemon stops, and nothing came of it.
            if Task.isCancelled { return }
            tell("portals", portals)
        } catch {
            trouble = refuse(error)
        }
        sinks.reopen()
        if !Task.isCancelled { readiness.reloadEnds(trouble: trouble) }
    }

    private func tell(_ kind: String, _ changes: PartChanges) {
        func list(_ names: Set<String>) -> Logger.MetadataValue { "\(names.sorted().joined(separator: " "))" }
        var metadata: Logger.Metadata = [:]
        if !changes.added.isEmpty { metadata["added"] = list(changes.added) }
        if !changes.removed.isEmpty { metadata["removed"] = list(changes.removed) }
        if !changes.changed.isEmpty { metadata["changed"] = list(changes.changed) }
        if metadata.isEmpty { return }
        metadata["kind"] = "\(kind)"
        logger.notice("settings taken over", metadata: metadata)
    }

    /// What holds until the process ends.
    private func tellFixed(_ new: Settings) {
        for name in settings.fixed(unlike: new, variable: surroundings.variable) {
            logger.warning(
                "a setting that cannot change while pulld runs is another now",
                metadata: ["setting": "\(name)", "cure": "restart pulld to take it over"])
        }
    }

    /// Says everything that is wrong. Returns what the status line says of it.
    private func refuse(_ error: any Error) -> String {
        let problems: [String] =
            switch error {
            case let error as SettingsError: error.problems.map(\.description)
            case let error as StartFailure: error.description.split(separator: "\n").map(String.init)
            default: ["\(error)"]
            }
        for problem in problems {
            logger.error("the settings are not taken over: the old ones hold", metadata: ["problem": "\(problem)"])
        }
        let more = problems.count > 1 ? " (and \(problems.count - 1) more)" : ""
        return "reload failed at \(MomentText.text(Moment.now().wall)): \(problems.first ?? "")\(more)"
    }
}

extension Settings {
    /// Names of settings that the running process does not take over, and that `other` has otherwise.
    func fixed(unlike other: Settings, variable: (String) -> String?) -> [String] {
        var names: [String] = []
        if stateDirectory(variable: variable) != other.stateDirectory(variable: variable) { names.append("state") }
        if journal != other.journal { names.append("journal") }
        if admin != other.admin { names.append("admin") }
        if log.format != other.log.format { names.append("log.format") }
        return names
    }
}

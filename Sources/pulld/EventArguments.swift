import ArgumentParser
import Glibc
import History
import Timing

/// Which events are meant, for verbs that choose from the journal.
struct EventArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Only events of this portal, by its name; repeatable.", valueName: "name"))
    var portal: [String] = []

    @Option(help: ArgumentHelp("Only events whose module matches, such as 'crm*'; repeatable.", valueName: "glob"))
    var module: [String] = []

    @Option(help: ArgumentHelp("Only events whose command matches; repeatable.", valueName: "glob"))
    var command: [String] = []

    func selection(gaps: EventSelection.GapRule) -> EventSelection {
        EventSelection(portals: portal, modules: module, commands: command, gaps: gaps)
    }

    /// A portal that was never heard of is a slip of the pen, more often than not.
    func unknownPortals(among known: [String]) -> String? {
        let unknown = portal.filter { !known.contains($0) }
        guard let first = unknown.first else { return nil }
        let list = known.isEmpty ? "it has none yet" : "it has \(known.sorted().prefix(20).joined(separator: ", "))"
        return "the journal has no portal \(first); \(list)"
    }
}

extension TimeArgument {
    static func argument(_ text: String) throws -> TimeArgument {
        let now = Int64(TimeSource.system.now().wall * 1_000_000)
        guard let value = TimeArgument(text, now: now) else { throw ValidationError("\(cure).") }
        return value
    }
}

extension SequenceRange {
    static func argument(_ text: String) throws -> SequenceRange {
        guard let value = SequenceRange(text) else { throw ValidationError("\(cure).") }
        return value
    }
}

extension MessageIDRange {
    static func argument(_ text: String) throws -> MessageIDRange {
        guard let value = MessageIDRange(text) else { throw ValidationError("\(cure).") }
        return value
    }
}

import ArgumentParser
import History
import Journal

/// Which dead letters are meant.
struct DeadArguments: ParsableArguments {
    @Argument(
        help: ArgumentHelp("Events' numbers, or ranges of them: 41, 41-60, 41-.", valueName: "number"),
        transform: SequenceRange.argument)
    var sequences: [SequenceRange] = []

    @Option(help: ArgumentHelp("Only those of this sink; repeatable.", valueName: "name"))
    var sink: [String] = []

    @Option(
        help: ArgumentHelp("Died then or later: so long ago (10m, 2h, 1d), or an RFC 3339 time.", valueName: "time"),
        transform: TimeArgument.argument)
    var since: TimeArgument?

    @Option(help: ArgumentHelp("Died before that.", valueName: "time"), transform: TimeArgument.argument)
    var until: TimeArgument?

    @OptionGroup var events: EventArguments
    @OptionGroup var journal: JournalArguments

    var selection: DeadSelection {
        var selection = events.selection(gaps: .unlessNamed)
        selection.since = since
        selection.until = until
        selection.sequences = sequences
        return DeadSelection(selection, sinks: Set(sink))
    }

    func numbers(in view: JournalView) throws -> DeadNumbers {
        var numbers = DeadNumbers()
        try view.visit(selection) { numbers.add($0) }
        return numbers
    }

    /// A number that was written and is not there is told, when everything else has been done.
    func checkNumbers(_ found: DeadNumbers) throws {
        let missing = found.missing(of: sequences)
        guard !missing.isEmpty else { return }
        let list = missing.prefix(20).map { "#\($0)" }.joined(separator: ", ")
        ExitCodes.say("no dead letter that matches has the number \(list); see pulld dead list")
        throw ExitCodes.dataError
    }
}

/// All of them are never meant by accident.
struct DeadExtent: ParsableArguments {
    @Flag(name: .customLong("all"), help: "All of them, when nothing else says which.")
    var isAll = false

    func check(_ choice: DeadArguments) throws {
        guard isAll || !choice.selection.isEverything else {
            throw ValidationError("say which: numbers, a filter such as --sink app, or --all.")
        }
    }
}

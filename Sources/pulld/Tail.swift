import ArgumentParser
import History

struct TailVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Show the events of the journal, the last ones and those that come.",
        discussion: """
            Reads the journal beside the daemon that writes it, or with none running. On a
            terminal events are lines for people; with --json, and when standard output is
            no terminal, they are the lines of a file sink: one JSON object each. Records
            of missing events (GAP) are shown with whatever module or command is asked for.

            Goes on over a restart of the daemon. Ends with 0 when its reader goes away
            (| head). Ctrl-C ends it by the signal, which shells call 130. Exit codes: 74
            the journal cannot be read, 77 no permission, 78 there is no journal.

            Examples:
              pulld tail -f
              pulld tail --since 2h --module crm --command 'deal.*'
              pulld tail --since '#1200' --json | jq .params
              pulld tail -f -n 0 --portal acme --grep '"DEAL_ID":"7"'
              pulld tail --gaps --since 1d
            """)

    @Option(
        help: ArgumentHelp("From so long ago (10m, 2h, 1d), an RFC 3339 time, or a number ('#41').", valueName: "time"),
        transform: TimeArgument.argument)
    var since: TimeArgument?

    @OptionGroup var events: EventArguments

    @Option(help: ArgumentHelp("Only events whose line holds this text.", valueName: "text"))
    var grep = ""

    @Flag(help: "Only the records of missing events.")
    var gaps = false

    @Option(
        name: .customShort("n"),
        help: ArgumentHelp("The last so many of these events; 10, or with --since all.", valueName: "number"))
    var count: Int?

    @Flag(name: [.customShort("f"), .customLong("follow")], help: "Go on with the events that come.")
    var follows = false

    @Flag(name: .customLong("json"), help: "JSON lines on a terminal too.")
    var isJSON = false

    @OptionGroup var journal: JournalArguments

    func validate() throws {
        guard 0...1_000_000 ~= count ?? 0 else { throw ValidationError("-n is from 0 to 1000000.") }
    }

    func run() async throws {
        try await ExitCodes.applyReading {
            let view = try journal.open()
            let portals = try view.portals()
            if let warning = events.unknownPortals(among: portals) { ExitCodes.say(warning) }
            var selection = events.selection(gaps: gaps ? .only : .always)
            selection.since = since
            selection.text = grep
            let output = TextOutput.standard
            let form: Tail.Form =
                isJSON || !output.isTerminal
                ? .lines
                : .people(TailView(isColoured: output.takesColours, width: output.columns, portals: portals))
            var tail = Tail(
                selection, of: view, count: count ?? (since == nil ? 10 : nil), follows: follows, form: form,
                note: ExitCodes.say)
            try await tail.run()
        }
    }
}

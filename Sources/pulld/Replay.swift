import ArgumentParser
import Daemon
import Delivery
import Dispatch
import Glibc
import History
import Settings
import Transport

struct ReplayVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Send events of the journal again, to a sink, to a program, or to standard output.",
        discussion: """
            In their order, one after the other, with the webhook-id that they have always
            had, a fresh timestamp and signature, and the header pulld-replay: 1. The
            daemon may run meanwhile; its own deliveries are not touched.

            An event that is not taken is tried 4 times, then told with its number, and
            the next one goes; a target that takes nothing at all ends the replay. The
            secret for --to URL is in PULLD_WEBHOOK_SECRET, or where --secret says. Exit
            codes: 64 usage, 75 not all were taken, 77 no permission, 78 no journal or no
            such sink, 130 interrupted.

            Examples:
              pulld replay --since 1h --to app
              pulld replay --since 2026-11-22T09:00:00Z --until 2026-11-22T10:00:00Z \\
                --to http://localhost:3000/hook --rate 50/s
              pulld replay --seq 41-60 --to app --dry-run
              pulld replay --module crm --since 1d > events.ndjson
            """)

    @Option(
        help: ArgumentHelp(
            "Received since then: 10m, 2h, 1d, an RFC 3339 time, or a number ('#41').", valueName: "time"),
        transform: TimeArgument.argument)
    var since: TimeArgument?

    @Option(help: ArgumentHelp("Received before that.", valueName: "time"), transform: TimeArgument.argument)
    var until: TimeArgument?

    @Option(
        help: ArgumentHelp("Numbers of events: 41, 41-60 or 41-; repeatable.", valueName: "numbers"),
        transform: SequenceRange.argument)
    var seq: [SequenceRange] = []

    @Option(
        help: ArgumentHelp("Positions of messages: MID, MID-MID or MID-.", valueName: "mid"),
        transform: MessageIDRange.argument)
    var mid: MessageIDRange?

    @OptionGroup var events: EventArguments

    @Option(
        help: ArgumentHelp("A sink of the configuration file, or a URL; standard output if left out.", valueName: "to"))
    var to: String?

    @Flag(help: "Let --to be the URL of another machine.")
    var allowRemote = false

    // Read as text: the parser would repeat a value that a transformation refuses, and it may be a secret.
    @Option(help: SecretArgument.help)
    var secret: String?

    @Flag(help: "Say what would be sent, and send nothing.")
    var dryRun = false

    @Option(
        help: ArgumentHelp("At most so many events a second.", valueName: "number/s"), transform: RateLimit.argument)
    var rate: RateLimit?

    @OptionGroup var journal: JournalArguments

    func validate() throws {
        _ = try secret.map(SecretArgument.argument)
        if let to, ReplayPlace.isAddress(to) {
            _ = try ReplayPlace.check(to, allowsRemote: allowRemote)
        } else if secret != nil {
            throw ValidationError("--secret goes with a URL; a sink of the file has its own.")
        }
    }

    func run() async throws {
        try await ExitCodes.applyReading {
            let place = try ReplayPlace(self)
            let view = try journal.open()
            if let warning = events.unknownPortals(among: try view.portals()) { ExitCodes.say(warning) }
            var selection = events.selection(gaps: .unlessNamed)
            (selection.since, selection.until, selection.sequences) = (since, until, seq)
            selection.ids = mid
            if let filter = place.filter { selection.sink = filter }
            let plan = try view.plan(of: selection)
            guard !dryRun else {
                try TextOutput.standard.write("would be sent to \(place.name): " + plan.text())
                return
            }
            guard plan.count > 0 else { return ExitCodes.say("no event matches") }
            let transport = Transport(userAgent: Product.userAgent)
            let ended: Result<ReplayOutcome, any Error>
            do {
                let replay = Replay(
                    plan, of: selection, from: view, to: try place.target(client: transport), rate: rate)
                ended = .success(try await run(replay, plan, printsEvents: place.printsEvents))
            } catch {
                ended = .failure(error)
            }
            await transport.shutdown()
            try finish(try ended.get())
        }
    }

    /// Ctrl-C ends it between two events, so that it can say how far it came.
    private func run(_ replay: Replay, _ plan: ReplayPlan, printsEvents: Bool) async throws -> ReplayOutcome {
        let output = TextOutput.error
        // Lines on the same terminal as the bar would be written over it.
        let isFree = !printsEvents || !TextOutput.standard.isTerminal
        var screen = ReplayScreen(total: plan.count, showsBar: output.isScreen && isFree, output: output)
        let work = Task { [screen] in
            var screen = screen
            let outcome = try await replay.run { screen.show($0) }
            return (outcome, screen)
        }
        let interruption = Interruption { work.cancel() }
        defer { interruption.end() }
        let outcome: ReplayOutcome
        (outcome, screen) = try await work.value
        if !printsEvents || outcome.failed > 0 || outcome.stop != nil || output.isTerminal { screen.end(outcome) }
        return outcome
    }

    private func finish(_ outcome: ReplayOutcome) throws {
        switch outcome.stop {
        case .cancelled: throw ExitCode(130)
        case .target: throw ExitCodes.temporary
        case nil: if outcome.failed > 0 { throw ExitCodes.temporary }
        }
    }
}

/// SIGINT and SIGTERM as a call, until ended.
struct Interruption {
    private let sources: [any DispatchSourceSignal]

    init(_ act: @escaping @Sendable () -> Void) {
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler(handler: act)
            source.activate()
            return source
        }
    }

    func end() {
        for source in sources { source.cancel() }
        for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
    }
}

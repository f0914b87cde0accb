import ArgumentParser
import Demo
import History

struct DemoVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "A portal in a box: sandbox and subscriber in one process, events on the terminal.",
        discussion: """
            Needs no portal, no account and no network. Events come in, the portal
            replaces its channels, a connection breaks; the last line compares what was
            published with what was received. Exit code 0 if nothing was lost or
            duplicated, else 70.

            Examples:
              pulld demo
              pulld demo --events 200 --rate 20
              pulld demo | tail -n 1
            """)

    @Option(help: "Number of events, at least \(DemoOptions.eventRange.lowerBound).")
    var events = DemoOptions().events

    @Option(help: ArgumentHelp("How fast they are published.", valueName: "events/s"))
    var rate = DemoOptions().rate

    @Option(help: "Decides what the invented events say.")
    var seed = DemoOptions().seed

    @Flag(name: .customLong("no-color"), help: "No colours, as with the environment variable NO_COLOR.")
    var isPlain = false

    func validate() throws {
        guard DemoOptions.eventRange.contains(events) else {
            throw ValidationError("--events is from \(DemoOptions.eventRange.lowerBound) to 100000.")
        }
        guard DemoOptions.rateRange.contains(rate) else { throw ValidationError("--rate is from 0.5 to 10000.") }
    }

    func run() async throws {
        var options = DemoOptions()
        options.events = events
        options.rate = rate
        options.seed = seed
        options.isColoured = !isPlain && TextOutput.standard.takesColours
        try await ExitCodes.apply {
            let result = try await Demo(options).run()
            guard result.isComplete else { throw ExitCodes.internalFault }
        }
    }
}

import ArgumentParser
import Daemon
import Logging
import Settings

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The daemon: subscribe to the portals of a configuration file and serve its sinks.",
        discussion: """
            Runs until SIGTERM or SIGINT. Events go to the sinks of the file, the
            program's own log goes to standard error.

            Example:
              pulld run --config /etc/pulld/pulld.yaml
            """)

    @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String

    func run() async throws {
        try await ExitCodes.apply {
            let settings = try Settings.load(path: config)
            try await Daemon(settings: settings, logger: .program(settings.log)).run()
        }
    }
}

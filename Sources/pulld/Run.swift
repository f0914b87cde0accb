import ArgumentParser
import Daemon
import Logging
import Settings

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The daemon: subscribe to the portals of a configuration file and serve its sinks.",
        discussion: """
            Runs until SIGTERM or SIGINT; a second one ends it at once. SIGHUP reads the
            file again. Events go to the sinks of the file, the program's own log goes to
            standard error.

            Example:
              pulld run --config /etc/pulld/pulld.yaml
            """)

    @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String

    func run() async throws {
        try await ExitCodes.apply {
            let settings = try Settings.load(path: config)
            let threshold = LogThreshold(settings.log)
            var surroundings = Daemon.Surroundings()
            surroundings.reload = { [config] in try Settings.load(path: config) }
            surroundings.logThreshold = threshold
            let logger = Logger.program(settings.log, threshold: threshold)
            try await Daemon(settings: settings, surroundings: surroundings, logger: logger).run()
        }
    }
}

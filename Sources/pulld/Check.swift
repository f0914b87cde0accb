import ArgumentParser
import Checks
import Daemon
import History
import Settings
import Transport

struct CheckVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Go through everything from the configuration file to a live event.",
        discussion: """
            One line a stage: the file, its secrets, the state directory, for each portal
            name, connection, TLS, token, scope, configuration, channels, clock, push
            server, WebSocket, long poll and a test event there and back, for each sink
            its target. What is not in order has a second line with what to do. A daemon
            may be running meanwhile. Run it as the user that the daemon runs as, with
            its environment. A webhook is connected to, and gets no event. Nothing is
            written, but for one thing: a token that has run out is renewed, and stored
            where the daemon finds it.

            The test event is application/pulld.check, in the private channel if the
            portal says whose it is, else in the shared one: a running daemon delivers it
            to its sinks. --no-event leaves it out.

            --offline stays on this machine: the file, whether its secrets can be read,
            the state directory, and the files of sinks. It takes a moment.

            --file-only reads the file and judges what stands in it, and looks at nothing
            else, neither secrets nor disks: before a running daemon is told to read it
            again, as ExecReload= of the service does.

            Exit codes: 0 in order, warnings or not; else the first failure's: 78 the
            file or a secret, 77 an authorisation, 69 a portal or a sink cannot be
            reached, 73, 74 and 75 the state directory or a file; 64 usage, 130
            interrupted.

            Examples:
              pulld check --config /etc/pulld/pulld.yaml
              pulld check --config pulld.yaml --offline
              pulld check --config pulld.yaml --file-only
              pulld check --config pulld.yaml --portal acme --json | jq .stages
            """)

    @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String

    @Flag(name: .customLong("offline"), help: "Only what is on this machine.")
    var isOffline = false

    @Flag(name: .customLong("file-only"), help: "Only what stands in the file.")
    var isOfFileOnly = false

    @Flag(name: .customLong("json"), help: "One JSON object instead of lines.")
    var isJSON = false

    @Option(help: ArgumentHelp("Only this portal, and the sinks that take its events; repeatable.", valueName: "name"))
    var portal: [String] = []

    @Flag(name: .customLong("no-event"), help: "Publish no test event.")
    var isWithoutEvent = false

    func validate() throws {
        if isOfFileOnly, isOffline || isWithoutEvent || !portal.isEmpty {
            throw ValidationError("--file-only goes without --offline, --portal and --no-event.")
        }
    }

    func run() async throws {
        TextOutput.surviveClosedPipes()
        let file = CheckedFile.read(config)
        var report = CheckReport(file: config, findings: file.findings)
        guard let settings = file.settings, !isOfFileOnly else {
            return try finish(report, CheckView(subjects: [.whole], isColoured: isColoured), shows: file.findings)
        }
        for name in portal where !settings.portals.contains(where: { $0.name == name }) {
            throw ValidationError("\(config) has no portal \(name).")
        }
        var options = Checker.Options()
        options.isOffline = isOffline
        options.portals = portal.isEmpty ? nil : Set(portal)
        options.sendsEvent = !isWithoutEvent
        let transport = Transport(userAgent: Product.userAgent)
        let checker = Checker(
            settings, options, state: state(of: settings), secrets: DaemonSurroundings(file: config).secrets,
            transport: transport)
        let view = CheckView(subjects: checker.subjects, isColoured: isColoured)
        file.findings.forEach { show($0, view) }
        let work = Task { await checker.run { show($0, view) } }
        let interruption = Interruption { work.cancel() }
        report.findings += await work.value
        interruption.end()
        await transport.shutdown()
        if work.isCancelled {
            ExitCodes.say("interrupted")
            throw ExitCode(130)
        }
        try finish(report, view, shows: [])
    }

    /// The daemon's, as far as it can be told from here: for another file of the system's the one of this user would be
    /// somebody else's.
    private func state(of settings: Settings) -> StatePlace? {
        let daemon = DaemonSurroundings(file: config)
        let isNamed = settings.state != nil || daemon.variable("STATE_DIRECTORY") != nil
        return daemon.stateDirectory(of: settings).map {
            StatePlace(directory: $0, isSure: isNamed || !config.hasPrefix("/etc/"))
        }
    }

    private var isColoured: Bool { TextOutput.standard.takesColours }

    /// A reader that has gone has its exit code all the same.
    private func show(_ finding: Finding, _ view: CheckView) {
        if !isJSON { try? TextOutput.standard.write(view.text(finding)) }
    }

    private func finish(_ report: CheckReport, _ view: CheckView, shows findings: [Finding]) throws {
        findings.forEach { show($0, view) }
        if isJSON {
            try? TextOutput.standard.write(report.json)
        } else {
            try? TextOutput.standard.write(view.text(report))
        }
        if report.exitCode != 0 { throw ExitCode(report.exitCode) }
    }
}

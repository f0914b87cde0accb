import Admin
import Addresses
import ArgumentParser
import Daemon
import History
import JSONText
import Settings
import Timing
import Transport

struct StatusVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "What the running daemon says of itself.",
        discussion: """
            Asks the daemon's admin endpoint: where its configuration file says, else in the
            usual place (/run/pulld/admin.sock of the service, admin.sock in the state
            directory of a daemon started by hand).

            Exit codes: 0 ready, 69 not ready or no daemon answers, 77 no permission (the
            socket is the service's own: use sudo), 78 there is no such endpoint.

            Examples:
              pulld status
              pulld status --json | jq '.portals[] | {name, state, last_contact_age_s}'
              pulld status --wait ready --timeout 2m && run-my-application
              pulld status --admin 127.0.0.1:9187
            """)

    enum Goal: String, ExpressibleByArgument {
        case ready
    }

    @OptionGroup var endpoint: AdminArguments

    @Flag(name: .customLong("json"), help: "The whole report as one JSON object.")
    var isJSON = false

    @Option(help: ArgumentHelp("Wait until the daemon is ready.", valueName: "ready"))
    var wait: Goal?

    @Option(
        help: ArgumentHelp("How long --wait waits at most: 500ms, 60s, 2m.", valueName: "duration"),
        transform: Self.duration)
    var timeout = Duration.seconds(60)

    private static func duration(_ text: String) throws -> Duration {
        guard let duration = Duration(settings: text) else {
            throw ValidationError("write a whole number and a unit (ms, s, m, h), such as 60s.")
        }
        return duration
    }

    func run() async throws {
        TextOutput.surviveClosedPipes()
        try await ExitCodes.apply {
            let client = try endpoint.client()
            let answer = await self.answer(of: client)
            await client.close()
            try show(answer)
        }
    }

    /// The last one, when it has to be waited for.
    private func answer(of client: AdminClient) async -> Result<StatusReport, AdminClient.Failure> {
        let deadline = Moment.now().monotonic + timeout
        while true {
            let answer = await client.status()
            guard wait == .ready, Moment.now().monotonic < deadline else { return answer }
            switch answer {
            case .success(let report) where report.isReady: return answer
            case .failure(let failure) where !failure.mayPass: return answer
            case .success, .failure: try? await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    private func show(_ answer: Result<StatusReport, AdminClient.Failure>) throws {
        switch answer {
        case .success(let report):
            let output = TextOutput.standard
            if isJSON {
                try? output.write(report.json.serialized() + [0x0A])
            } else {
                try? output.write(StatusScreen(report).text(isColoured: output.takesColours))
            }
            guard report.isReady else { throw ExitCodes.unavailable }
        case .failure(let failure):
            ExitCodes.say(failure.description)
            throw failure.isForbidden ? ExitCodes.noPermission : ExitCodes.unavailable
        }
    }
}

/// Where the daemon's admin endpoint is.
struct AdminArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's configuration file; \(ServiceDirectories.usualFile) if it is there.", valueName: "file"))
    var config: String?

    @Option(
        help: ArgumentHelp("The path of its socket, or 127.0.0.1:PORT, instead of the file's.", valueName: "address"),
        transform: Self.address)
    var admin: LocalAddress?

    private static func address(_ text: String) throws -> LocalAddress {
        do throws(LocalAddress.Fault) { return try LocalAddress(text) } catch {
            throw ValidationError(
                "it is the path of a socket or a loopback address with its port, such as 127.0.0.1:9187.")
        }
    }

    func client() throws -> AdminClient {
        AdminClient(places: try admin.map { [$0] } ?? places())
    }

    /// Where the daemon may be, the likeliest first.
    private func places() throws -> [LocalAddress] {
        let path = JournalArguments.file(config)
        let daemon = DaemonSurroundings(file: path)
        let settings = try path.map { try Settings.load(path: $0) } ?? Settings(portals: [], sinks: [])
        if settings.admin == .off {
            throw ExitCodes.Misconfiguration(description: "\(path ?? "the configuration"): admin is off")
        }
        var places: [LocalAddress] = []
        for runtime in [daemon.variable("RUNTIME_DIRECTORY"), daemon.service?.runtime, nil] {
            let place = settings.adminAddress { $0 == "RUNTIME_DIRECTORY" ? runtime : daemon.variable($0) }
            if let place, !places.contains(place) { places.append(place) }
        }
        return places
    }
}

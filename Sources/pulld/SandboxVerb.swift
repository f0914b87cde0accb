import Addresses
import ArgumentParser
import Sandbox

struct SandboxVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract: "The portal in a box alone: a portal and its push server, for your own tests.",
        discussion: """
            Serves on 127.0.0.1 until it is killed. Tokens: GET /sandbox/credentials.
            Events: POST /sandbox/publish or /sandbox/load. Faults: POST /sandbox/fault.
            What was published and asked: GET /sandbox/ledger, /sandbox/calls.

            Examples:
              pulld sandbox --port 8800
              curl -s http://127.0.0.1:8800/sandbox/credentials
              curl -s -d '{"count":100,"rate":10}' http://127.0.0.1:8800/sandbox/load
            """)

    @Option(help: "The port; 0 for any free one.")
    var port: UInt16 = 0

    @Option(help: ArgumentHelp("How long a channel lives.", valueName: "seconds"))
    var channelLife = 43_205.0

    @Option(help: "Version of the push server to play: 3 (text) or 4 (text and binary).")
    var serverVersion = 4

    @Option(help: "Number of users, each with tokens and a private channel.")
    var users = 1

    @Option(help: ArgumentHelp("Where clients reach it, if TLS stands in front.", valueName: "https://host:port"))
    var publicURL: String?

    @Option(help: "Newest messages a channel that history gives; all if left out.")
    var historyPerChannel: Int?

    @Option(help: "Newest messages in all that history gives; all if left out.")
    var historyTotal: Int?

    @Option(help: ArgumentHelp("Between two pings of the push server.", valueName: "seconds"))
    var pingInterval = 120.0

    @Flag(help: "Offer long polling only.")
    var noWebsocket = false

    func validate() throws {
        guard publicURL.map({ WebAddress(bare: $0)?.scheme == "https" }) ?? true else {
            throw ValidationError("--public-url is an https address; without TLS leave it out.")
        }
        guard serverVersion == 3 || serverVersion == 4 else {
            throw ValidationError("--server-version is 3 or 4.")
        }
        guard historyPerChannel ?? 0 >= 0, historyTotal ?? 0 >= 0 else {
            throw ValidationError("A history holds 0 messages or more.")
        }
        guard users > 0, channelLife > 0, pingInterval > 0 else {
            throw ValidationError("Numbers have to be above 0.")
        }
    }

    func run() async throws {
        var options = SandboxOptions()
        options.port = port
        options.channelLife = channelLife
        options.serverVersion = serverVersion
        options.users = users
        options.historyPerChannel = historyPerChannel
        options.historyTotal = historyTotal
        options.pingInterval = pingInterval
        options.isWebSocketEnabled = !noWebsocket
        if let publicURL {
            options.publicHTTPBase = publicURL
            options.publicWebSocketBase = "wss" + publicURL.dropFirst("https".count)
        }
        let sandbox = Sandbox(options)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await sandbox.run() }
                group.addTask {
                    let port = try await sandbox.waitUntilListening()
                    Terminal.line("sandbox listening on http://127.0.0.1:\(port)")
                }
                try await group.waitForAll()
            }
        } catch {
            ExitCodes.say("cannot listen on 127.0.0.1:\(port): \(error)")
            throw ExitCodes.inputOutput
        }
    }
}

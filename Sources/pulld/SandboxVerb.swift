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
            Figures: GET /sandbox/holes, pongs, polls, upgrades, rest-rate; POST /sandbox/reset.

            Examples:
              pulld sandbox --port 8800
              curl -s http://127.0.0.1:8800/sandbox/credentials
              curl -s -d '{"count":100,"rate":10}' http://127.0.0.1:8800/sandbox/load
            """)

    @Option(help: "The port; 0 for any free one.")
    var port: UInt16 = 0

    @Option(help: ArgumentHelp("How long a channel lives.", valueName: "seconds"))
    var channelLife = 43_205.0

    @Option(help: "Version of the push server to play: 3 (text), 4 (text and binary) or 5 (JSON-RPC, too).")
    var serverVersion = 4

    @Option(help: "Number of users, each with tokens and a private channel.")
    var users = 1

    @Option(help: ArgumentHelp("Where clients reach it, if TLS stands in front.", valueName: "https://host:port"))
    var publicURL: String?

    @Option(help: "Newest messages a channel that history gives; all if left out.")
    var historyPerChannel: Int?

    @Option(help: "Newest messages in all that history gives; all if left out.")
    var historyTotal: Int?

    @Option(help: ArgumentHelp("How long the push server keeps a message, a day at most.", valueName: "seconds"))
    var retention = 86_400.0

    @Option(
        help: ArgumentHelp(
            "Keep messages, the counter, channels and tokens in this file, over any end of the process.",
            valueName: "file"))
    var store: String?

    @Flag(help: "Begin with an empty push server and newer ids; take channels, tokens and the ledger from the file.")
    var forgetMessages = false

    @Option(help: "Refuse calls above 50, less 2 a second: off, portal (one count for all), or user (one for each).")
    var restLimit = SandboxOptions.RESTLimitRule.off

    @Option(help: "How a changed channel is announced: documented, older, deleted or newest.")
    var expireForm = SandboxOptions.ExpireForm.older

    @Option(help: "Seed of the random faults; another each time if left out.")
    var seed: UInt64?

    @Option(help: ArgumentHelp("How long a poll waits for a message.", valueName: "seconds"))
    var pollHold = 40.0

    @Option(help: ArgumentHelp("How long an access token works.", valueName: "seconds"))
    var tokenLife = 3_600.0

    @Option(help: ArgumentHelp("Between two pings of the push server.", valueName: "seconds"))
    var pingInterval = 120.0

    @Flag(help: "Offer long polling only.")
    var noWebsocket = false

    func validate() throws {
        guard publicURL.map({ WebAddress(bare: $0)?.scheme == "https" }) ?? true else {
            throw ValidationError("--public-url is an https address; without TLS leave it out.")
        }
        guard 3...5 ~= serverVersion else { throw ValidationError("--server-version is 3, 4 or 5.") }
        guard !forgetMessages || store != nil else { throw ValidationError("--forget-messages goes with --store.") }
        guard historyPerChannel ?? 0 >= 0, historyTotal ?? 0 >= 0 else {
            throw ValidationError("A history holds 0 messages or more.")
        }
        guard users > 0, [channelLife, pingInterval, retention, pollHold, tokenLife].allSatisfy({ $0 > 0 }) else {
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
        options.retention = retention
        options.storePath = store
        options.forgetsMessages = forgetMessages
        options.restLimit = restLimit
        options.expireForm = expireForm
        options.seed = seed
        options.pollHold = pollHold
        options.tokenLife = tokenLife
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
        } catch let failure as StoreFailure {
            ExitCodes.say("cannot use the store: \(failure)")
            throw ExitCodes.inputOutput
        } catch {
            ExitCodes.say("cannot listen on 127.0.0.1:\(port): \(error)")
            throw ExitCodes.inputOutput
        }
    }
}

extension SandboxOptions.RESTLimitRule: ExpressibleByArgument {}
extension SandboxOptions.ExpireForm: ExpressibleByArgument {}

import ArgumentParser
import Daemon
import JSONText
import Portal
import Secrets
import Settings
import Transport

struct Publish: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send an event through a portal, for whoever subscribes there.",
        discussion: """
            Into the application's shared channel, or with --user into users' private
            channels of the application (pull.application.event.add). The access token
            comes from the environment variable PULLD_ACCESS_TOKEN. The portal queues the
            event: that it has arrived is seen where it arrives.

            Exit codes: 64 usage, 65 the command or the params are not in order, 69 the
            portal cannot be reached, 77 it refuses the token, 78 there is no token.

            Examples:
              export PULLD_ACCESS_TOKEN=…
              pulld publish https://acme.bitrix24.com --command ping --user 1 --user 14
              pulld publish https://acme.bitrix24.com --command order.paid \\
                --params '{"id":7}'
            """)

    // Read as text: the parser would repeat a value that a transformation refuses, and it may be a secret.
    @Argument(help: ArgumentHelp("The portal, such as https://acme.bitrix24.com.", valueName: "portal-url"))
    var portalURL: String

    @Option(help: ArgumentHelp("The event's name.", valueName: "name"))
    var command: String

    @Option(help: ArgumentHelp("What it says: a JSON object.", valueName: "json"))
    var params = "{}"

    @Option(help: ArgumentHelp("Its module; the portal's default is application.", valueName: "name"))
    var module: String?

    @Option(
        help: ArgumentHelp(
            "Who gets it, by number; repeatable. All of the application's users if left out.", valueName: "id"))
    var user: [String] = []

    @OptionGroup var network: NetworkArguments

    func validate() throws {
        _ = try PortalAddress.argument(portalURL)
        guard user.allSatisfy({ Int($0).map { $0 > 0 } ?? false }) else {
            throw ValidationError("--user is the number of a user.")
        }
    }

    func run() async throws {
        try await ExitCodes.apply {
            guard let params = JSONValue.parse(Array(params.utf8)), params.object != nil else {
                ExitCodes.say("--params is not a JSON object; write it as '{\"id\":7}'")
                throw ExitCodes.dataError
            }
            let portal = try PortalAddress.argument(portalURL)
            let token = try Surroundings.secret(Surroundings.accessToken)
            var options = NetworkOptions(caFile: network.absoluteCAFile)
            options.proxy = try network.proxyAddress()
            let transport = Transport(userAgent: Product.userAgent)
            let sent: Result<Void, PortalError>
            do throws(PortalError) {
                let client = try PortalClient(
                    url: portal.origin, credential: .application(.fixed(accessToken: token)), http: transport,
                    network: options)
                try await client.publish(command: command, params: params, module: module, users: user)
                sent = .success(())
            } catch {
                sent = .failure(error)
            }
            await transport.shutdown()
            try sent.get()
            Terminal.line("queued by the portal: \(module ?? "application")/\(command)")
        }
    }
}

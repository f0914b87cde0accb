import Addresses
import ArgumentParser
import Daemon
import Delivery
import History
import Logging
import Settings
import Timing

struct Listen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Subscribe to a portal without a file, and print its events or forward them.",
        discussion: """
            Secrets come from the environment, never from arguments, which every user of
            the machine can see:

              PULLD_ACCESS_TOKEN    an application's access token: its own channels
              PULLD_WEBHOOK         or an incoming webhook's whole address: the user's
                                    own channels; PORTAL_URL may then be left out
              PULLD_WEBHOOK_SECRET  signs what --forward-to sends; --secret names another
                                    place for it
              PULLD_PROXY           a proxy's address with its password

            Events go to standard output, one JSON object a line; the program's own log
            to standard error. With --forward-to each delivery is a line: its time, the
            status of the answer, how long it took, and the event. These lines go to
            standard output, with --print to standard error. Runs until SIGTERM or
            SIGINT. Exit codes: 64 usage, 78 a secret is missing or wrong.

            Examples:
              export PULLD_ACCESS_TOKEN=…
              pulld listen https://acme.bitrix24.com
              pulld listen https://acme.bitrix24.com --forward-to http://localhost:3000/hook
              pulld listen https://acme.bitrix24.com --forward-to unix:/run/app.sock \
                --secret file:/run/secrets/hook --print
              PULLD_WEBHOOK=… pulld listen --include 'tasks/*' --exclude '*/comment*'
            """)

    // Read as text: the parser would repeat a value that a transformation refuses, and it may be a secret.
    @Argument(help: ArgumentHelp("The portal, such as https://acme.bitrix24.com.", valueName: "portal-url"))
    var portalURL: String?

    @Option(help: ArgumentHelp("A program on this machine; each event is one POST.", valueName: "url"))
    var forwardTo: String?

    @Option(help: SecretArgument.help)
    var secret: String?

    @Flag(
        name: .customLong("print"), help: "Print the events, beside forwarding them; without --forward-to the default.")
    var isPrinting = false

    @Option(
        help: ArgumentHelp("Channels, with commas between.", valueName: "private,shared"),
        transform: ChannelList.argument)
    var channels = ChannelList(channels: Set(PortalSettings.Channel.allCases))

    @Option(help: "How to connect.")
    var transport = PortalSettings.Transport.auto

    @OptionGroup var network: NetworkArguments

    @Option(help: ArgumentHelp("Only events whose module/command matches; repeatable.", valueName: "glob"))
    var include: [String] = []

    @Option(help: ArgumentHelp("Not these; wins over --include; repeatable.", valueName: "glob"))
    var exclude: [String] = []

    @Option(help: "What the program's own log holds at least.")
    var logLevel = LogSettings.Level.info

    func validate() throws {
        _ = try portalURL.map(PortalAddress.argument)
        _ = try forwardTo.map(ForwardAddress.argument)
        _ = try secret.map(SecretArgument.argument)
        guard secret == nil || forwardTo != nil else { throw ValidationError("--secret goes with --forward-to.") }
    }

    func run() async throws {
        try await ExitCodes.apply {
            let settings = Settings(
                portals: [try portalSettings()], sinks: try sinks(), log: LogSettings(level: logLevel))
            var surroundings = Daemon.Surroundings()
            surroundings.keepsState = false
            if forwardTo != nil { surroundings.onAttempt = attemptLine() }
            try await Daemon(settings: settings, surroundings: surroundings, logger: .program(settings.log)).run()
        }
    }

    private func portalSettings() throws -> PortalSettings {
        let (address, access) = try credential()
        return PortalSettings(
            name: Self.name(of: address.host), url: address.origin, access: access, channels: channels.channels,
            transport: transport, caFile: network.absoluteCAFile, proxy: network.proxySettings)
    }

    private func credential() throws -> (PortalAddress, PortalAccess) {
        let token = Surroundings.accessToken
        let webhook = Surroundings.webhook
        switch (Surroundings.has(token), Surroundings.has(webhook)) {
        case (true, true):
            throw ExitCodes.Misconfiguration(
                description: "\(token) and \(webhook) are both set; unset the one that is not meant")
        case (true, false):
            guard let portalURL else {
                throw ValidationError("PORTAL_URL is missing; write it as https://acme.bitrix24.com.")
            }
            return (try PortalAddress.argument(portalURL), .oauth(OAuthSettings(accessToken: .environment(token))))
        case (false, true):
            return (try webhookPortal(), .webhook(.environment(webhook)))
        case (false, false):
            throw ExitCodes.Misconfiguration(
                description: """
                    neither \(token) nor \(webhook) is set
                    \(token): \(Surroundings.cure(for: token))
                    \(webhook): \(Surroundings.cure(for: webhook))
                    """)
        }
    }

    private func webhookPortal() throws -> PortalAddress {
        let secret = try Surroundings.secret(Surroundings.webhook)
        guard let address = WebAddress(secret.exposed), address.path.hasPrefix("/rest/"),
            let portal = try? PortalAddress.argument(address.origin)
        else {
            throw ExitCodes.Misconfiguration(
                description: "\(Surroundings.webhook) is not a webhook's address; "
                    + Surroundings.cure(for: Surroundings.webhook))
        }
        guard try portalURL.map({ try PortalAddress.argument($0).origin == portal.origin }) ?? true else {
            throw ExitCodes.Misconfiguration(
                description: "\(Surroundings.webhook) is of another portal than PORTAL_URL; leave PORTAL_URL out")
        }
        return portal
    }

    private func sinks() throws -> [SinkSettings] {
        var sinks: [SinkSettings] = []
        if isPrinting || forwardTo == nil {
            sinks.append(SinkSettings(name: "print", kind: .standardOutput, include: include, exclude: exclude))
        }
        if let forwardTo {
            let secret = try SecretArgument.forwardSecret(secret)
            let webhook = WebhookSettings(
                address: try ForwardAddress.argument(forwardTo), secrets: secret.map { [$0] } ?? [])
            sinks.append(
                SinkSettings(name: "forward", kind: .webhook(webhook), include: include, exclude: exclude))
        }
        return sinks
    }

    /// Prints each delivery, beside the events themselves.
    private func attemptLine() -> @Sendable (WebhookAttempt) -> Void {
        let output = isPrinting ? TextOutput.error : .standard
        let view = DeliveryView(isColoured: output.takesColours)
        TextOutput.surviveClosedPipes()
        return { attempt in
            // Nobody has to read them.
            try? output.write(view.text(attempt, now: Int64(TimeSource.system.now().wall * 1_000_000)))
        }
    }

    /// What events and log lines are labelled with.
    private static func name(of host: String) -> String {
        host.hasPrefix("[") ? "portal" : String(host.prefix(63))
    }
}

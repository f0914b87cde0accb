import ArgumentParser
import Daemon
import Portal
import Secrets
import Settings
import Transport

struct Login: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let an application into a portal, and store its tokens for the daemon.",
        discussion: """
            Prints an address. Open it in a browser where you are logged in to the portal,
            agree, and paste the address that the browser is sent to, or the code in it,
            here: within 30 seconds, longer it does not live. The tokens are stored in
            the state directory of the file, where the daemon finds them; it may run
            meanwhile. Secrets of the file have to be readable for you; those that
            systemd provides are looked for in CREDENTIALS_DIRECTORY and, for a file in
            /etc/pulld, where the service has them from. So is its state directory.

            Exit codes: 65 what was pasted is not the answer, 69 the authorisation server
            cannot be reached, 74 the tokens cannot be stored, 77 it refuses, 78 the file.

            Example:
              sudo pulld login acme --config /etc/pulld/pulld.yaml
            """)

    @Argument(help: ArgumentHelp("The portal's name in the file.", valueName: "portal"))
    var portal: String

    @Option(help: ArgumentHelp("The configuration file.", valueName: "file"))
    var config: String

    func run() async throws {
        try await ExitCodes.apply {
            let settings = try Settings.load(path: config)
            let daemon = DaemonSurroundings(file: config)
            let (application, network) = try application(in: settings, daemon.secrets)
            guard let state = daemon.stateDirectory(of: settings) else {
                throw ExitCodes.Misconfiguration(
                    description: "there is no state directory: write state: /PATH into the configuration file")
            }
            let store = TokenStore(state: state, portal: portal)
            let request = AuthorisationRequest(application)
            Terminal.line("Open this address, as a user of the portal who is to be the application's user:")
            Terminal.line("")
            Terminal.line("  \(request.address)")
            Terminal.line("")
            Terminal.line("Then paste the address that it leads to (or its code) within 30 seconds, and press Enter:")
            guard let line = readLine(), line.utf8.count <= AuthorisationRequest.maximumInputLength else {
                ExitCodes.say("nothing was pasted: no tokens are stored")
                throw ExitCodes.dataError
            }
            let transport = Transport(userAgent: Product.userAgent)
            let result: Result<AuthorisationRequest.Outcome, PortalError>
            do throws(PortalError) {
                result = .success(
                    try await request.finish(Secret(line), storage: store, http: transport, network: network))
            } catch {
                result = .failure(error)
            }
            await transport.shutdown()
            report(try result.get(), store, application)
        }
    }

    private func report(
        _ outcome: AuthorisationRequest.Outcome, _ store: TokenStore, _ application: OAuthApplication
    ) {
        let user = outcome.userID.map { " as user \($0)" } ?? ""
        Terminal.line("\(portal): authorised\(user). The tokens are in \(store.path).")
        if let host = outcome.otherHost {
            Terminal.line("The portal's address is \(host) now: write it as url into \(config).")
        }
        Terminal.line(
            "A running pulld finds them when it needs them, within five minutes if it waits for them; otherwise start it:"
        )
        Terminal.line("  pulld run --config \(config)")
    }

    private func application(
        in settings: Settings, _ secrets: SecretEnvironment
    ) throws -> (OAuthApplication, NetworkOptions) {
        guard let found = settings.portals.first(where: { $0.name == portal }) else {
            let names = settings.portals.map(\.name).joined(separator: ", ")
            throw ExitCodes.Misconfiguration(description: "\(config) has no portal of this name; it has: \(names)")
        }
        guard case .oauth(let oauth) = found.access, let clientID = oauth.clientID, let secret = oauth.clientSecret
        else {
            throw ExitCodes.Misconfiguration(
                description:
                    "portals.\(portal): an application is needed: write oauth: { client_id: …, client_secret: … }")
        }
        var network = NetworkOptions(caFile: found.caFile)
        switch found.proxy {
        case .url(let url): network.proxy = Secret(url)
        case .secret(let source): network.proxy = try Surroundings.secret(of: source, in: secrets)
        case nil: break
        }
        let application = OAuthApplication(
            portal: portal, url: found.url, clientID: clientID,
            clientSecret: try Surroundings.secret(of: secret, in: secrets), server: oauth.server)
        return (application, network)
    }
}

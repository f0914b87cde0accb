import Journal
import Logging
import Secrets
import Settings
import Testing
import Transport

@testable import Daemon

@Suite struct AssemblyTests {
    private func assembly(_ yaml: String, _ variables: [String: String] = [:]) throws -> Assembly {
        let secrets = SecretEnvironment(
            variable: { variables[$0] },
            readFile: { path throws(SecretError) in
                throw SecretError(code: .missing, message: "\(path) is not there", cure: "create it")
            })
        let settings = try Settings.parse(Array((yaml + "\nsinks: {s: {stdout: {}}}\n").utf8), file: "f.yaml")
        return Assembly(
            settings: settings, secrets: secrets, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
    }

    private func failure(_ yaml: String, _ variables: [String: String] = [:]) throws -> StartFailure? {
        let assembly = try assembly(yaml, variables)
        do {
            _ = try assembly.plans(client: NoClient())
            return nil
        } catch {
            return error
        }
    }

    @Test("Settings become session options: channels, transport, margins, network")
    func options() throws {
        let yaml = """
            portals:
              acme:
                url: https://acme.example
                oauth: { access_token: { env: T } }
                channels: [shared]
                transport: long-polling
                refresh_margin: 20s
                tls: { ca_file: /ca.pem }
                proxy: http://proxy.example:3128
            """
        let plan = try #require(try assembly(yaml, ["T": "t"]).plans(client: NoClient()).portals.first)
        #expect(plan.options.name == "acme")
        #expect(plan.options.channels == [.shared])
        #expect(plan.options.rules.transport == .longPollingOnly)
        #expect(plan.options.rules.refreshMargin == 20)
        #expect(plan.options.rules.regularRefresh == 14_400)
        #expect(plan.options.network.caFile == "/ca.pem")
        #expect(plan.options.network.proxy == Secret("http://proxy.example:3128"))
    }

    @Test("A webhook's configuration is looked at every hour")
    func webhook() throws {
        let yaml = "portals: {p: {url: 'https://p.example', webhook: {env: W}}}"
        let plans = try assembly(yaml, ["W": "https://p.example/rest/1/code/"]).plans(client: NoClient())
        #expect(plans.portals.first?.options.rules.regularRefresh == 3600)
    }

    @Test("A secret that is missing stops the start with the setting's name and the cure")
    func missingSecret() throws {
        let failure = try failure("portals: {p: {url: 'https://p.example', oauth: {access_token: {env: T}}}}")
        #expect(failure?.code == .configuration)
        #expect(failure?.description.contains("portals.p.oauth.access_token") == true)
        #expect(failure?.description.contains("environment variable T is not set") == true)
    }

    @Test("An application needs no access token, and no token at all: a person can authorise it later")
    func noAccessToken() throws {
        for tokens in ["refresh_token: {env: R}", "access_token: {env: R}"] {
            let yaml =
                "portals: {p: {url: 'https://p.example', oauth: {client_id: i, client_secret: {env: S}, \(tokens)}}}"
            #expect(try assembly(yaml, ["S": "s", "R": "r"]).plans(client: NoClient()).portals.count == 1)
            #expect(try failure(yaml, ["S": "s"])?.description.contains("environment variable R is not set") == true)
        }
        let yaml = "portals: {p: {url: 'https://p.example', oauth: {client_id: i, client_secret: {env: S}}}}"
        #expect(try assembly(yaml, ["S": "s"]).plans(client: NoClient()).portals.count == 1)
        #expect(try failure(yaml, [:])?.description.contains("client_secret") == true)
    }

    @Test("Everything that is missing is told at once, one line each")
    func missingSecrets() throws {
        let failure = try failure(
            """
            portals:
              p: {url: 'https://p.example', oauth: {access_token: {env: T}}}
              q: {url: 'https://q.example', webhook: {env: U}}
            """)
        let lines = failure?.description.split(separator: "\n") ?? []
        #expect(lines.map { $0.prefix(9) } == ["portals.p", "portals.q"])
    }

    @Test("Plans are the same when settings and secrets are, and their secrets do not print")
    func sameness() throws {
        let yaml = "portals: {p: {url: 'https://p.example', oauth: {access_token: {env: T}}}}"
        func plan(_ yaml: String, _ token: String) throws -> PortalPlan {
            try #require(try assembly(yaml, ["T": token, "V": token]).plans(client: NoClient()).portals.first)
        }
        let first = try plan(yaml, "hunter2")
        #expect(try first == plan(yaml, "hunter2"))
        #expect(try first != plan(yaml, "hunter3"))
        #expect(try first != plan(yaml.replacing("{env: T}", with: "{env: V}"), "hunter2"))
        #expect(!"\(first.secrets)".contains("hunter"))
    }

    @Test("A file sink that cannot be opened stops the start: 73, with the path")
    func sinkFailure() async throws {
        let settings = Settings(portals: [], sinks: [SinkSettings(name: "log", kind: .file(path: "/no/such/place/e"))])
        let assembly = Assembly(
            settings: settings, secrets: .process, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
        let journal = try Journal.temporary()
        let sinks = RunningSinks(
            journal: journal, client: NoClient(), logger: assembly.logger, onAttempt: nil, onEnd: {})
        let plans = try assembly.plans(client: NoClient()).sinks
        let failure = #expect(throws: StartFailure.self) { try sinks.prepare(plans) }
        await journal.close()
        #expect(failure?.code == .cannotCreate)
        #expect(failure?.description.contains("/no/such/place/e") == true)
    }
}

import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    @Suite struct TokenTests {
        /// A daemon whose only token is a refresh token, which works once.
        private func recipe(_ stage: Stage, _ application: SandboxProcess.Application, top: [String] = [])
            -> DaemonRecipe
        {
            DaemonRecipe(
                configuration: """
                    portals:
                      acme:
                        url: "\(stage.url)"
                        \(application.oauth(server: stage.url))
                        transport: websocket
                        refresh_margin: 10s
                    sinks: { log: { file: { path: $DIRECTORY/events.ndjson } } }
                    log: { level: debug, format: json }
                    \(top.joined(separator: "\n"))
                    """, environment: application.environment)
        }

        private func mode(_ path: String) throws -> Int {
            try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
        }

        @Test(
            "Tokens that live for seconds, and kill -9 in between: one token goes into the next, and no event is lost")
        func rotations() async throws {
            let lives = Extent.of(short: 4, full: 12)
            let arguments = ["--token-life", "4", "--channel-life", "16"]
            try await Stage.with(sandbox: arguments) { stage in
                let application = try await stage.sandbox.application()
                let recipe = recipe(stage, application)
                let directory = try ScratchDirectory()
                try await stage.sandbox.load(count: 100_000_000, rate: 50)
                var renewals = 0
                for life in 1...lives {
                    let daemon = try DaemonProcess(recipe, directory: directory)
                    try await stage.isSubscribed(daemon)
                    let before = try await stage.sandbox.tokenRequests().count
                    try await eventually(
                        within: .seconds(60), "two more renewals in life \(life)\n\(daemon.process.errorOutput)"
                    ) {
                        try daemon.mustRun()
                        // A good call after the last renewal: the token is stored. Killed before, it would be lost.
                        let calls = try await stage.sandbox.calls()
                        let renewals = calls.count { $0.method == "oauth" }
                        return renewals >= before + 2 && calls.last?.method != "oauth" && calls.last?.status == 200
                    }
                    renewals = try await stage.sandbox.tokenRequests().count
                    if life < lives {
                        daemon.process.kill()
                        continue
                    }
                    try await stage.sandbox.stopLoad()
                    let published = try await stage.published()
                    // A first subscription begins with what comes from then on.
                    let first = EventFile(contentsOf: daemon.eventFile).lines.compactMap(\.mid).first
                    let expected = published.drop { $0.mid != first }
                    try await eventually(within: .seconds(30), "all events are there\n\(daemon.process.errorOutput)") {
                        EventFile(contentsOf: daemon.eventFile).compared(with: Array(expected)).isComplete
                    }
                    #expect(!daemon.log.contains { $0.level == "error" || $0.message.contains("scope") })
                    try await daemon.stop()
                }
                let requests = try await stage.sandbox.tokenRequests()
                #expect(requests.allSatisfy { $0.status == 200 }, "\(requests.map(\.status))")
                let refused = try await stage.sandbox.calls().filter { $0.status == 401 }
                // Each renewal has its refusal, but for the very first one, which had no access token to be refused.
                #expect(requests.count <= refused.count + 1)
                let file = directory.file("state/tokens/acme.json")
                #expect(try mode(file) == 0o600)
                #expect(try mode(directory.file("state/tokens")) == 0o700)
                figure("D1 token life 4 s: \(renewals) renewals over \(lives) lives, refused 0")
            }
        }

        @Test("A lost answer is told with what to do, and login while the daemon is down mends it")
        func lostAnswer() async throws {
            try await Stage.with { stage in
                let application = try await stage.sandbox.application()
                try await stage.sandbox.loseTokenAnswers()
                let directory = try ScratchDirectory()
                let daemon = try DaemonProcess(recipe(stage, application), directory: directory)
                try await eventually(within: .seconds(30), "the loss is told\n\(daemon.process.errorOutput)") {
                    daemon.log.contains {
                        $0.message == "the access token cannot be renewed" && $0.cause.contains("lost")
                            && $0.cure.contains("pulld login acme")
                    }
                }
                #expect(daemon.log.contains { $0.message.hasPrefix("the answer to a renewal was lost") })
                #expect(try await stage.sandbox.tokenRequests().count == 2)
                try await daemon.stop()
                let login = try await LoginProcess(
                    directory.file("pulld.yaml"), portal: "acme", state: daemon.statePath, application)
                try await login.paste(try await stage.sandbox.authorise(try await login.address()))
                #expect(try await login.process.exit(within: .seconds(20)).code == 0, "\(login.process.errorOutput)")
                let next = try DaemonProcess(recipe(stage, application), directory: directory)
                try await stage.isSubscribed(next)
                try await next.stop()
            }
        }

        @Test(
            "An authorisation server that is down, or takes GET alone, keeps nobody from subscribing for long",
            arguments: ["down", "get"])
        func faults(kind: String) async throws {
            try await Stage.with { stage in
                let application = try await stage.sandbox.application()
                if kind == "get" {
                    try await stage.sandbox.fault("token-get-only")
                } else {
                    try await stage.sandbox.blockTokens(.status(503))
                }
                let daemon = try DaemonProcess(recipe(stage, application))
                if kind == "down" {
                    try await eventually(within: .seconds(30), "it is told\n\(daemon.process.errorOutput)") {
                        daemon.log.contains { $0.isTrouble && $0.cause.contains("authorisation server") }
                    }
                    try await stage.sandbox.blockTokens(nil)
                }
                try await stage.isSubscribed(daemon)
                try await daemon.stop()
            }
        }

        @Test("A portal that is renamed is found under its new name, by the authorisation server's word")
        func renamed() async throws {
            try await Stage.with(sandbox: ["--channel-life", "16"]) { stage in
                let application = try await stage.sandbox.application()
                let daemon = try DaemonProcess(recipe(stage, application))
                try await stage.isSubscribed(daemon)
                try await stage.sandbox.rename(to: "localhost")
                let before = try await stage.sandbox.calls().filter { $0.status == 200 }.count
                try await eventually(within: .seconds(60), "it asks there\n\(daemon.process.errorOutput)") {
                    try daemon.mustRun()
                    return try await stage.sandbox.calls().filter { $0.status == 200 }.count >= before + 3
                }
                #expect(daemon.log.contains { $0.message == "the portal has another address" })
                #expect(try await stage.sandbox.tokenRequests().count == 2)
                try await daemon.stop()
            }
        }

        @Test("A daemon that renews tells no token, at any level, not even when everything is refused")
        func silence() async throws {
            try await Stage.with(sandbox: ["--token-life", "2", "--channel-life", "16"]) { stage in
                let application = try await stage.sandbox.application()
                var recipe = recipe(stage, application)
                recipe.configuration = recipe.configuration.replacingOccurrences(of: "debug", with: "trace")
                let daemon = try DaemonProcess(recipe)
                try await stage.isSubscribed(daemon)
                try await eventually(within: .seconds(40), "a renewal\n\(daemon.process.errorOutput)") {
                    try await stage.sandbox.tokenRequests().count >= 2
                }
                try await stage.sandbox.fault("revoke-tokens")
                try await eventually(within: .seconds(60), "it is told\n\(daemon.process.errorOutput)") {
                    daemon.log.contains { $0.message == "the access token cannot be renewed" }
                }
                let secrets = try await stage.sandbox.secrets()
                let said =
                    daemon.process.errorOutput + daemon.process.output
                    + daemon.notify.messages.joined(separator: "\n")
                #expect(!secrets.contains { said.contains($0) })
                try await daemon.stop()
            }
        }
    }
}

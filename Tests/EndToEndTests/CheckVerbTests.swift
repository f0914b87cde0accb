import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    @Suite struct CheckVerbTests {
        @Test(
            "A set-up in order: every stage, 0, and the event by both ways", arguments: [Stage.Front.nothing, .nginx()])
        func good(front: Stage.Front) async throws {
            let run = try await Stage.with(front) { try await CheckCase.check($0) }
            #expect(run.first == nil, "\(run.stages)")
            #expect(run.exit == 0)
            let names = run.stages.filter { $0.outcome == "ok" && $0.subject == "acme" }.map(\.name)
            #expect(
                Set(names).union(["tls"]) == [
                    "secrets", "dns", "tcp", "tls", "rest", "token", "scope", "config", "channels", "clock",
                    "push-server",
                    "websocket", "long-poll", "event",
                ])
            let roundTrip = try #require(run["event"]?.milliseconds)
            figure("check: event there and back in \(roundTrip) ms, behind \(front)")
        }

        @Test("Lines are for people: outcome, stage, time, what was found; the last one sums up")
        func lines() async throws {
            try await Stage.with { stage in
                let directory = try ScratchDirectory()
                let recipe = try await stage.recipe(sinks: ["app: { webhook: { url: 'unix:/nowhere/app.sock' } }"])
                let file = try directory.write(recipe.configuration, to: "pulld.yaml")
                let process = try PulldProgram.start(
                    ["check", "--config", file, "--no-event"],
                    environment: recipe.environment.merging(["STATE_DIRECTORY": directory.file("state")]) { $1 })
                #expect(try await process.exit(within: .seconds(60)).code == 69)
                let lines = process.output.split(separator: "\n").map(String.init)
                #expect(lines.first?.hasPrefix("ok       file ") == true, "\(process.output)")
                #expect(lines.contains { $0.hasPrefix("skipped  acme: event ") && $0.hasSuffix("not wanted") })
                let failed = try #require(lines.firstIndex { $0.hasPrefix("failed   sink app: target ") })
                #expect(lines[failed + 1].trimmingCharacters(in: .whitespaces).hasPrefix("→ check the path"))
                #expect(lines.last?.hasPrefix("not in order: ") == true)
                #expect(!process.output.contains("\u{1B}"))
                #expect(process.errorOutput.isEmpty)
            }
        }

        @Test("A token that has run out is renewed once and kept for the daemon, which goes on with it")
        func renewal() async throws {
            try await Stage.with { stage in
                let directory = try ScratchDirectory()
                let application = try await CheckCase.Application(of: stage)
                let recipe = try await stage.recipe(top: ["state: $DIRECTORY/state"])
                let text = recipe.configuration
                    .replacingOccurrences(of: "oauth: { access", with: application.settings)
                let environment = recipe.environment.merging(application.environment) { $1 }
                try await stage.sandbox.fault("expire-tokens")
                let run = try await CheckRun.of(configuration: text, in: directory, environment: environment)
                #expect(run.exit == 0, "\(run.stages)")
                #expect(run["token"]?.detail.hasPrefix("renewed, works for ") == true, "\(run.stages)")
                // The second one finds what the first has kept.
                let again = try await CheckRun.of(configuration: text, in: directory, environment: environment)
                #expect(again["token"]?.detail.hasPrefix("accepted") == true, "\(again.stages)")
                #expect(try await stage.sandbox.calls().count { $0.method == "oauth" } == 1)
                let mode = try FileManager.default.attributesOfItem(atPath: directory.file("state/tokens/acme.json"))
                #expect((mode[.posixPermissions] as? NSNumber)?.intValue == 0o600)

                var daemonRecipe = DaemonRecipe(configuration: text, environment: environment)
                daemonRecipe.environment["STATE_DIRECTORY"] = directory.file("state")
                let daemon = try DaemonProcess(daemonRecipe, directory: directory)
                try await daemon.ready()
                #expect(try await daemon.stop().code == 0)
            }
        }

        @Test("Beside a running daemon: it is named, it keeps its connection, and its journal is looked through")
        func besideDaemon() async throws {
            try await Stage.with { stage in
                let daemon = try await stage.daemon()
                try await daemon.ready()
                try await stage.sandbox.load(count: 100, rate: 0)
                try await stage.sandbox.loadIsDone(within: .seconds(20))
                let token = try await stage.sandbox.accessToken()
                let text = """
                    portals: { acme: { url: '\(stage.url)', oauth: { access_token: { env: TOKEN } } } }
                    sinks: { terminal: { stdout: {} } }
                    state: \(daemon.statePath)
                    """
                let run = try await CheckRun.of(
                    configuration: text, in: try ScratchDirectory(), environment: ["TOKEN": token])
                #expect(run.exit == 0, "\(run.stages)")
                let state = try #require(run["state", of: ""])
                #expect(state.detail.contains("in use by a daemon (process \(daemon.process.pid))"), "\(state)")
                #expect(daemon.log.filter(\.isTrouble).isEmpty)
                #expect(try await daemon.stop().code == 0)
            }
        }

        @Test("--offline asks nobody and makes nothing")
        func offline() async throws {
            let receiver = try WebhookReceiver()
            try await Stage.with { stage in
                let directory = try ScratchDirectory()
                let recipe = try await stage.recipe(
                    sinks: ["app: { webhook: { url: 'http://127.0.0.1:\(receiver.port)' } }"],
                    top: ["state: $DIRECTORY/state"])
                let run = try await CheckRun.of(
                    configuration: recipe.configuration, in: directory, arguments: ["--offline"],
                    environment: recipe.environment)
                #expect(run.exit == 0, "\(run.stages)")
                #expect(run.stages.map(\.name) == ["file", "state", "secrets"])
                #expect(try await stage.sandbox.calls().isEmpty)
                #expect(receiver.connectionCount == 0 && receiver.requestCount == 0)
                #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["pulld.yaml"])
            }
        }

        @Test(
            "--file-only judges the file alone: no secret, no state and no sink of it need be there",
            arguments: [("", 0, ["ok"]), ("jurnal: {}\n", 78, ["failed"])] as [(String, Int32, [String])])
        func fileOnly(mistake: String, exit: Int32, outcomes: [String]) async throws {
            let directory = try ScratchDirectory()
            try directory.write("", to: "state")
            let run = try await CheckRun.of(
                configuration: """
                    portals: { acme: { url: 'https://acme.example', oauth: { access_token: { env: NO_SUCH_TOKEN } } } }
                    sinks:
                      log: { file: { path: /nowhere/events.ndjson } }
                      app: { webhook: { url: 'http://127.0.0.1:9', secret: { credential: no-such-secret } } }
                    state: $DIRECTORY/state
                    \(mistake)
                    """, in: directory, arguments: ["--file-only"])
            #expect(run.exit == exit, "\(run.stages)")
            #expect(run.stages.map(\.name) == ["file"] && run.stages.map(\.outcome) == outcomes)
        }

        @Test(
            "--file-only looks at nothing else, so that no other choice goes with it",
            arguments: ["--offline", "--no-event"])
        func fileOnlyAlone(flag: String) async throws {
            let process = try PulldProgram.start(
                ["check", "--config", "/nowhere", "--file-only", flag], environment: [:])
            #expect(try await process.exit(within: .seconds(30)).code == 64)
        }

        @Test("A webhook is connected to and gets nothing; a unix socket, too")
        func webhooks() async throws {
            let receiver = try WebhookReceiver()
            try await Stage.with { stage in
                let run = try await CheckCase.check(
                    stage, .init(sinks: ["app: { webhook: { url: 'http://127.0.0.1:\(receiver.port)/hook' } }"]))
                #expect(run.exit == 0, "\(run.stages)")
                #expect(run["target", of: "app"]?.outcome == "ok")
                #expect(receiver.requestCount == 0)
            }
        }

        @Test("--portal looks at one, and at the sinks that take its events; a name that is not there is a usage error")
        func onePortal() async throws {
            let directory = try ScratchDirectory()
            let file = try directory.write(
                """
                portals:
                  acme: { url: 'https://acme.example', oauth: { access_token: { env: TOKEN } } }
                  other: { url: 'https://other.example', oauth: { access_token: { env: NO_SUCH_TOKEN } } }
                sinks:
                  mine: { file: { path: \(directory.path)/mine }, portals: [acme] }
                  theirs: { file: { path: /nowhere/theirs }, portals: [other] }
                state: \(directory.path)/state
                """, to: "pulld.yaml")
            let environment = ["TOKEN": "an-access-token-of-nobody"]
            let run = try await CheckRun.of(
                file: file, arguments: ["--offline", "--portal", "acme"], environment: environment)
            #expect(run.exit == 0, "\(run.stages)")
            #expect(run.stages.map(\.subject) == ["", "", "acme", "mine"])
            let wrong = try PulldProgram.start(
                ["check", "--config", file, "--portal", "acne"], environment: environment)
            #expect(try await wrong.exit(within: .seconds(20)).code == 64)
            #expect(wrong.errorOutput.contains("has no portal acne"))
        }

        @Test("SIGINT ends it within a second, whatever it waits for")
        func interruption() async throws {
            let server = try SilentServer()
            let directory = try ScratchDirectory()
            let file = try directory.write(
                """
                portals: { acme: { url: 'http://127.0.0.1:\(server.port)', oauth: { access_token: { env: TOKEN } } } }
                sinks: { terminal: { stdout: {} } }
                state: \(directory.path)/state
                """, to: "pulld.yaml")
            let process = try PulldProgram.start(
                ["check", "--config", file], environment: ["TOKEN": "an-access-token-of-nobody"])
            try await eventually(within: .seconds(30), "it asks the portal\n\(process.output)") {
                process.output.contains("acme: tls")
            }
            process.signal(SIGINT)
            #expect(try await process.exit(within: .seconds(30)).code == 130)
            #expect(process.errorOutput == "pulld: interrupted\n")
        }

        @Test("Many portals are looked at side by side, and told in the order of the file")
        func manyPortals() async throws {
            try await Stage.with(sandbox: ["--users", "20"]) { stage in
                let recipe = try await stage.recipe(portals: 20, sinks: ["terminal: { stdout: {} }"])
                let start = ContinuousClock.now
                let run = try await CheckRun.of(
                    configuration: recipe.configuration + "\nstate: $DIRECTORY/state\n", in: try ScratchDirectory(),
                    environment: recipe.environment)
                let took = ContinuousClock.now - start
                #expect(run.exit == 0, "\(run.stages)")
                var subjects: [String] = []
                for stage in run.stages where subjects.last != stage.subject { subjects.append(stage.subject) }
                #expect(subjects == [""] + (0..<20).map { "p\($0)" } + ["terminal"])
                // Each holds its connection for five seconds.
                #expect(took < .seconds(60))
                figure("check of 20 portals: \(took.text)")
            }
        }
    }
}

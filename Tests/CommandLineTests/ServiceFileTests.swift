import EndToEndSupport
import Foundation
import Testing

/// Verbs that a person runs by hand on a service's file, with an environment that has nothing of the service's.
@Suite(.serialized) struct ServiceFileTests {
    /// A machine with a service: its own `/etc` and `/var/lib`, and a daemon that runs as the service manager starts it.
    private struct Machine {
        let directory: ScratchDirectory
        let daemon: DaemonProcess
        let receiver: WebhookReceiver
        let sandbox: SandboxProcess
        let secrets: [String]

        /// - Parameter instance: of the template; nil: the service itself.
        init(_ stage: Stage, instance: String?) async throws {
            directory = try ScratchDirectory()
            receiver = try WebhookReceiver()
            sandbox = stage.sandbox
            let application = try await sandbox.application()
            // Names of the directories in the order of their nesting.
            let credentials = instance.map { "etc/pulld/\($0).credentials" } ?? "etc/pulld/credentials"
            let service = instance.map { "pulld@\($0)" } ?? "pulld"
            for name in ["etc", "etc/pulld", credentials, "lib", "lib/private", "lib/private/\(service)"] {
                chmod(try directory.directory(name), 0o700)
            }
            // As with a dynamic user.
            guard symlink("private/\(service)", directory.file("lib/\(service)")) == 0 else {
                throw SystemFailure("symlink")
            }
            secrets = [application.clientSecret, application.refreshToken, JournalStage.secret]
            for (name, secret) in zip(["client-secret", "refresh-token", "app-webhook-secret"], secrets) {
                OutputCollector.shared.remember(secret: secret)
                _ = try directory.write(secret + "\n", to: "\(credentials)/\(name)")
            }
            let configuration = """
                portals:
                  acme:
                    url: "\(stage.url)"
                    oauth:
                      client_id: \(application.clientID)
                      client_secret: { credential: client-secret }
                      refresh_token: { credential: refresh-token }
                      server: "\(stage.url)"
                sinks:
                  app:
                    webhook:
                      url: "http://127.0.0.1:\(receiver.port)/hook"
                      secret: { credential: app-webhook-secret }
                """
            _ = try directory.write(configuration, to: "etc/pulld/\(instance ?? "pulld").yaml")
            daemon = try DaemonProcess(
                configuration: configuration,
                environment: [
                    "STATE_DIRECTORY": directory.file("lib/\(service)"),
                    "CREDENTIALS_DIRECTORY": directory.file(credentials),
                ])
        }

        /// Stands before a command that is to see `/etc` and `/var/lib` of the machine.
        var launcher: [String] {
            let script = """
                mount --bind '\(directory.file("etc"))' /etc && mount --bind '\(directory.file("lib"))' /var/lib \
                && cd /etc/pulld && exec "$@"
                """
            return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
        }

        func run(_ arguments: [String]) async throws -> ChildProcess {
            let process = try PulldProgram.start(arguments, launcher: launcher)
            _ = try await process.exit(within: .seconds(60))
            return process
        }
    }

    @Test(
        "Journal, tokens, secrets and admin socket are those of the service that reads the file",
        arguments: [nil, "acme-eu"])
    func service(instance: String?) async throws {
        try await Stage.with { stage in
            let machine = try await Machine(stage, instance: instance)
            try await stage.isSubscribed(machine.daemon)
            try await stage.sandbox.load(count: 5, rate: 0)
            try await eventually(within: .seconds(30), "all are delivered\n\(machine.daemon.process.errorOutput)") {
                machine.receiver.requestCount == 5
            }
            let file = "/etc/pulld/\(instance ?? "pulld").yaml"
            // The service's own file need not be named.
            let config = instance == nil ? [] : ["--config", file]

            let tail = try await machine.run(["tail"] + config)
            #expect(tail.exit?.code == 0 && tail.output.split(separator: "\n").count == 5, "\(tail.errorOutput)")
            let replay = try await machine.run(["replay", "--since", "1h", "--to", "app"] + config)
            #expect(replay.exit?.code == 0 && machine.receiver.requestCount == 10, "\(replay.errorOutput)")
            #expect(machine.receiver.requests.last?.headers["webhook-signature"]?.hasPrefix("v1,") == true)
            let dead = try await machine.run(["dead", "list"] + config)
            #expect(dead.exit?.code == 0, "\(dead.errorOutput)")
            let status = try await machine.run(["status"] + config)
            #expect(status.exit?.code == 0, "\(status.output)\(status.errorOutput)")
            for name in [file, "\(instance ?? "pulld").yaml"] {
                let check = try await machine.run(["check", "--config", name])
                #expect(check.exit?.code == 0, "\(check.output)\(check.errorOutput)")
            }
            try await machine.daemon.stop()

            let service = instance.map { "pulld@\($0)" } ?? "pulld"
            let tokens = machine.directory.file("lib/private/\(service)/tokens/acme.json")
            let before = FileManager.default.contents(atPath: tokens)
            let login = try await LoginProcess(file, portal: "acme", launcher: machine.launcher)
            try await login.paste(try await stage.sandbox.authorise(try await login.address()))
            #expect(try await login.process.exit(within: .seconds(20)).code == 0, "\(login.process.errorOutput)")
            #expect(login.process.output.contains("The tokens are in /var/lib/\(service)/tokens/acme.json."))
            let after = FileManager.default.contents(atPath: tokens)
            #expect(before != nil && after != nil && before != after)
        }
    }

    @Test("A file elsewhere has no service: its credentials are nowhere, and that is told")
    func elsewhere() async throws {
        let directory = try ScratchDirectory()
        let file = try directory.write(
            """
            state: \(directory.file("state"))
            portals: { acme: { url: "http://127.0.0.1:1", oauth: { access_token: { credential: token } } } }
            sinks: { terminal: { stdout: {} } }
            """, to: "pulld.yaml")
        let check = try PulldProgram.start(["check", "--offline", "--config", file])
        #expect(try await check.exit(within: .seconds(20)).code == 78)
        #expect(check.output.contains("$CREDENTIALS_DIRECTORY is not set"))
    }
}

import EndToEndSupport
import Foundation

/// What `--offline` finds: the file, its secrets, the state directory, files of sinks.
extension CheckCase {
    static let local = files + secrets + states + targets

    private static let portals = """
        portals:
          acme: { url: 'https://acme.example', oauth: { access_token: { env: TOKEN } } }

        """
    private static let sinks = """
        sinks:
          log: { file: { path: $DIRECTORY/events.ndjson } }

        """
    private static let state = "state: $DIRECTORY/state\n"
    private static let good = portals + sinks + state

    private static func file(_ place: String, _ detail: String, cure: String) -> Expectation {
        Expectation(stage: "file", detail: "pulld.yaml:\(place): \(detail)", cure: cure, exit: 78)
    }

    private static let files = [
        offline(
            "a misspelt key", good + "jurnal: { keep: 1h }\n",
            file("6:1", "jurnal: unknown key", cure: "did you mean journal?")),
        offline(
            "a tab for indentation", portals + "sinks:\n\tlog: {}\n",
            file("4:1", "not YAML: ", cure: "check indentation")),
        offline(
            "a secret in the file",
            sinks + "portals:\n  acme: { url: 'https://acme.example', webhook: hunter2hunter2 }\n",
            file("4:49", "portals.acme.webhook: a secret does not belong", cure: "{ credential: NAME }")),
        offline(
            "a portal by plain http", sinks + "portals:\n  acme: { url: 'http://acme.example', webhook: { env: W } }\n",
            file("4:16", "portals.acme.url: a portal is reached by https", cure: "https://")),
        offline(
            "a sink for a portal that is not there",
            portals + "sinks:\n  log:\n    stdout: {}\n    portals: [acne]\n",
            file("6:15", "sinks.log.portals[0]: “acne” is no portal", cure: "did you mean acme?")),
        offline(
            "a relative state directory", portals + sinks + "state: state\n",
            file("5:8", "state: the path is not absolute", cure: "begin it with /")),
        CheckCase(
            name: "no file at all",
            expectation: Expectation(
                stage: "file", detail: "cannot be read: No such file", cure: "check the path", exit: 78)
        ) {
            let directory = try ScratchDirectory()
            return try await .of(file: directory.file("pulld.yaml"))
        },
    ]

    private static func secret(_ detail: String, cure: String) -> Expectation {
        Expectation(stage: "secrets", subject: "acme", detail: detail, cure: cure, exit: 78)
    }

    private static func withToken(_ source: String) -> String {
        sinks + state + "portals:\n  acme: { url: 'https://acme.example', oauth: { access_token: \(source) } }\n"
    }

    private static let secrets = [
        offline(
            "a variable that is not set", good, environment: [:],
            secret("oauth.access_token: the environment variable TOKEN is not set", cure: "set it")),
        offline(
            "an empty secret", good, environment: ["TOKEN": ""], secret("TOKEN is empty", cure: "put the secret there")),
        offline(
            "a credential without a service manager", withToken("{ credential: acme-token }"),
            secret("credential acme-token is not there", cure: "LoadCredential=acme-token:PATH")),
        offline(
            "a secret's file that is missing", withToken("{ file: $DIRECTORY/token }"),
            secret("/token is not there", cure: "create it, mode 0600")),
        offline(
            "a secret of two lines", withToken("{ file: $DIRECTORY/token }"),
            secret("/token holds line breaks", cure: "on one line")
        ) { try $0.write("one-of-two-tokens\ntwo-of-two-tokens\n", to: "token") },
        offline(
            "a secret that others can read", withToken("{ file: $DIRECTORY/token }"),
            Expectation(
                stage: "secrets", subject: "acme", outcome: "warning", detail: "can be read by others",
                cure: "chmod 600", exit: 0)
        ) { chmod(try $0.write("an-access-token-of-nobody", to: "token"), 0o644) },
    ]

    private static func state(_ exit: Int32, _ detail: String, cure: String, outcome: String = "failed") -> Expectation
    {
        Expectation(stage: "state", outcome: outcome, detail: detail, cure: cure, exit: exit)
    }

    /// With a journal that a daemon has made, damaged since.
    private static func damaged(_ name: String, _ damage: DatabaseDamage, _ expectation: Expectation) -> CheckCase {
        CheckCase(name: name, expectation: expectation) {
            try await Stage.with { stage in
                let daemon = try await stage.daemon()
                try await daemon.ready()
                _ = try await daemon.stop()
                try await damage.happen(to: daemon.databasePath)
                let text = portals + sinks + "state: \(daemon.statePath)\n"
                return try await .of(
                    configuration: text, in: daemon.directory, arguments: ["--offline"],
                    environment: ["TOKEN": "an-access-token-of-nobody"])
            }
        }
    }

    /// With a state directory on a disk of its own, `$DISK`.
    private static func disk(
        _ name: String, _ configuration: String, _ expectation: Expectation,
        prepare: @escaping @Sendable (SmallDisk) async throws -> Void
    ) -> CheckCase {
        CheckCase(name: name, expectation: expectation) {
            let disk = try await SmallDisk(bytes: 32 << 20)
            try await prepare(disk)
            return try await .of(
                configuration: configuration.replacingOccurrences(of: "$DISK", with: disk.path),
                in: try ScratchDirectory(), arguments: ["--offline"],
                environment: ["TOKEN": "an-access-token-of-nobody"], launcher: disk.launcher)
        }
    }

    private static let states = [
        offline("a file for a state directory", good, state(73, "is no directory", cure: "move it away")) {
            try $0.write("", to: "state")
        },
        offline(
            "a state directory far below what is there", portals + sinks + "state: $DIRECTORY/a/b/c\n",
            state(73, "is missing", cure: "make it")),
        offline(
            "no place for the state", portals + sinks, environment: ["TOKEN": "an-access-token-of-nobody", "HOME": ""],
            state(78, "there is no state directory", cure: "write state: /PATH")),
        offline(
            "a state directory open to others", good,
            state(0, "open to others (mode 755)", cure: "chmod 700", outcome: "warning")
        ) { chmod(try $0.directory("state"), 0o755) },
        damaged(
            "a journal of a newer schema", .version(99),
            state(73, "written by a newer pulld (schema 99", cure: "install the newer version")),
        damaged(
            "a journal that is none", .replaced(by: String(repeating: "no database ", count: 100)),
            state(74, "is not a journal of pulld", cure: "move")),
        disk("a full disk", portals + sinks + "state: $DISK/state\n", state(75, "0 bytes free", cure: "make room")) {
            try FileManager.default.createDirectory(
                atPath: $0.ownPath + "/state", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700]
            )
            try $0.fill()
        },
        disk(
            "a disk that is read-only", portals + sinks + "state: $DISK/state\n",
            state(73, "Read-only file system", cure: "write permission")
        ) { try await $0.makeReadOnly() },
    ]

    private static func target(_ exit: Int32, _ detail: String, cure: String) -> Expectation {
        Expectation(stage: "target", subject: "log", detail: detail, cure: cure, exit: exit)
    }

    private static let targets = [
        offline(
            "a file in a directory that is missing",
            portals + state + "sinks:\n  log: { file: { path: $DIRECTORY/there/events.ndjson } }\n",
            target(73, "/there: No such file or directory", cure: "create the directory")),
        offline(
            "a directory for a file", portals + state + "sinks:\n  log: { file: { path: $DIRECTORY } }\n",
            target(73, "is a directory", cure: "name a file")),
        disk(
            "a file on a read-only disk",
            portals + state + "sinks:\n  log: { file: { path: $DISK/events.ndjson } }\n",
            target(73, "Read-only file system", cure: "let the user")
        ) { try await $0.makeReadOnly() },
        disk(
            "a file on a full disk", portals + state + "sinks:\n  log: { file: { path: $DISK/events.ndjson } }\n",
            target(75, "0 bytes free", cure: "make room")
        ) { try $0.fill() },
        offline(
            "a webhook without its secret",
            portals + state
                + "sinks:\n  log: { webhook: { url: 'http://127.0.0.1:9', secret: { env: NO_SUCH_VARIABLE } } }\n",
            Expectation(
                stage: "secrets", subject: "log", detail: "webhook.secret: the environment variable NO_SUCH_VARIABLE",
                cure: "set it", exit: 78)),
    ]
}

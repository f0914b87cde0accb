import EndToEndSupport
import Foundation

/// A daemon with a file sink and a webhook of the test's, and the verbs that read its journal.
struct JournalStage {
    let stage: Stage
    let daemon: DaemonProcess
    let recipe: DaemonRecipe

    /// - Parameters:
    ///   - webhook: the port of the sink `app`; nil for no such sink.
    ///   - options: further members of the webhook, as YAML.
    static func with(
        webhook: UInt16? = nil, options: String = "", _ play: (JournalStage) async throws -> Void
    ) async throws {
        try await Stage.with { stage in
            var sinks = ["log: { file: { path: $DIRECTORY/events.ndjson } }", "terminal: { stdout: {} }"]
            if let webhook {
                let secret = "secret: { env: APP_SECRET }"
                sinks.append("app: { webhook: { url: \"http://127.0.0.1:\(webhook)/hook\", \(secret)\(options) } }")
            }
            let recipe = try await stage.recipe(sinks: sinks, environment: ["APP_SECRET": Self.secret])
            OutputCollector.shared.remember(secret: Self.secret)
            let daemon = try DaemonProcess(recipe)
            try await stage.isSubscribed(daemon)
            try await play(JournalStage(stage: stage, daemon: daemon, recipe: recipe))
        }
    }

    static let secret = "webhook-secret-of-a-test"

    /// The daemon's own configuration, in which the state directory is named, too.
    func configuration() throws -> String {
        let text = recipe.configuration.replacingOccurrences(of: "$DIRECTORY", with: daemon.directory.path)
        return try daemon.directory.write("state: \(daemon.statePath)\n" + text, to: "verbs.yaml")
    }

    var lines: [Substring] {
        (FileManager.default.contents(atPath: daemon.eventFile).map { String(decoding: $0, as: UTF8.self) } ?? "")
            .split(separator: "\n")
    }

    func publish(_ module: String, _ command: String, params: [String: any Sendable] = ["id": 7]) async throws {
        try await stage.sandbox.order(
            "publish", ["module": module, "command": command, "channel": "private", "params": params])
    }

    /// Starts a verb on this journal.
    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> ChildProcess {
        try PulldProgram.start(arguments + ["--state", daemon.statePath], environment: environment)
    }

    struct Result {
        var code: Int32?
        var output: String
        var errorOutput: String

        var lines: [Substring] { output.split(separator: "\n") }
    }

    /// Runs a verb on this journal to its end; with the configuration instead of the state directory alone.
    func run(_ arguments: [String], configured: Bool = false, environment: [String: String] = [:]) async throws
        -> Result
    {
        let place = configured ? ["--config", try configuration()] : ["--state", daemon.statePath]
        let process = try PulldProgram.start(arguments + place, environment: environment)
        let exit = try await process.exit(within: .seconds(60))
        return Result(code: exit.code, output: process.output, errorOutput: process.errorOutput)
    }

    /// Runs a line of bash, in which `$PULLD` is the program and `$STATE` the directory.
    func shell(_ line: String, isTerminal: Bool = false) async throws -> Result {
        let environment = ChildProcess.bareEnvironment.merging(
            ["PULLD": PulldProgram.path, "STATE": daemon.statePath, "TERM": "xterm", "TZ": "UTC"]) { $1 }
        let process =
            isTerminal
            ? try ChildProcess("script", ["-qec", line, "/dev/null"], environment: environment)
            : try ChildProcess("bash", ["-c", "set -o pipefail; " + line], environment: environment)
        let exit = try await process.exit(within: .seconds(60))
        return Result(code: exit.code, output: process.output, errorOutput: process.errorOutput)
    }
}

import EndToEndSupport
import Foundation
import Testing

/// A broken set-up, and what `pulld check` has to say of it.
struct CheckCase: Sendable, Hashable, CustomTestStringConvertible {
    /// The first stage that is not in order.
    struct Expectation: Sendable {
        var stage: String
        /// The portal's or the sink's name; empty: neither.
        var subject = ""
        var outcome = "failed"
        /// A part of what was found.
        var detail: String
        /// A part of what to do.
        var cure: String
        var exit: Int32
        /// The stages after it that are skipped because of it, by their number; nil: not looked at.
        var skipped: Int?
    }

    var name: String
    var expectation: Expectation
    /// Builds the set-up and runs the check in it.
    var run: @Sendable () async throws -> CheckRun

    var testDescription: String { name }

    static func == (left: CheckCase, right: CheckCase) -> Bool { left.name == right.name }
    func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

/// What a check has said.
struct CheckRun: Sendable {
    struct Stage: Sendable, CustomStringConvertible {
        var name: String
        var subject: String
        var outcome: String
        var milliseconds: Double?
        var detail: String
        var cure: String

        var description: String { "\(outcome) \(subject) \(name): \(detail) (\(cure))" }
    }

    var exit: Int32?
    var stages: [Stage]
    var errorOutput: String

    /// The first that is not in order.
    var first: Stage? { stages.first { $0.outcome == "failed" || $0.outcome == "warning" } }

    subscript(name: String, of subject: String = "acme") -> Stage? {
        stages.first { $0.name == name && $0.subject == subject }
    }

    /// Runs `pulld check --json` to its end.
    static func of(
        configuration: String, in directory: ScratchDirectory, arguments: [String] = [],
        environment: [String: String] = [:], launcher: [String] = []
    ) async throws -> CheckRun {
        let text = configuration.replacingOccurrences(of: "$DIRECTORY", with: directory.path)
        let file = try directory.write(text, to: "pulld.yaml")
        return try await of(file: file, arguments: arguments, environment: environment, launcher: launcher)
    }

    static func of(
        file: String, arguments: [String] = [], environment: [String: String] = [:], launcher: [String] = []
    ) async throws -> CheckRun {
        let process = try PulldProgram.start(
            ["check", "--config", file, "--json"] + arguments, environment: environment, launcher: launcher)
        let exit = try await process.exit(within: .seconds(120))
        let object = try? JSONSerialization.jsonObject(with: Data(process.output.utf8)) as? [String: Any]
        let stages = object?["stages"] as? [[String: Any]] ?? []
        #expect(object?["exit_code"] as? Int == exit.code.map(Int.init), "\(process.output)\(process.errorOutput)")
        return CheckRun(
            exit: exit.code,
            stages: stages.map { stage in
                Stage(
                    name: stage["name"] as? String ?? "",
                    subject: stage["portal"] as? String ?? stage["sink"] as? String ?? "",
                    outcome: stage["outcome"] as? String ?? "",
                    milliseconds: (stage["milliseconds"] as? NSNumber)?.doubleValue,
                    detail: stage["detail"] as? String ?? "", cure: stage["cure"] as? String ?? "")
            }, errorOutput: process.errorOutput)
    }
}

extension CheckCase {
    /// A set-up without any portal to reach: `--offline` is enough to find the fault.
    ///
    /// - Parameters:
    ///   - configuration: `$DIRECTORY` stands for the test's own.
    ///   - prepare: run before, with that directory.
    static func offline(
        _ name: String, _ configuration: String, environment: [String: String] = ["TOKEN": "an-access-token-of-nobody"],
        _ expectation: Expectation, prepare: @escaping @Sendable (ScratchDirectory) async throws -> Void = { _ in }
    ) -> CheckCase {
        CheckCase(name: name, expectation: expectation) {
            let directory = try ScratchDirectory()
            try await prepare(directory)
            return try await .of(
                configuration: configuration, in: directory, arguments: ["--offline"], environment: environment)
        }
    }

    /// How a set-up with a portal in a box differs from a good one.
    struct Setup: Sendable {
        var front = Stage.Front.nothing
        var sandbox: [String] = []
        var transport = Stage.Transport.automatic
        /// Instead of the stage's own.
        var url: String?
        /// Further members of the portal.
        var portal: [String] = []
        /// Instead of a file in the test's directory.
        var sinks: [String]?
        var token: String?
        /// The application's id and secret and a refresh token are there, too.
        var isRenewable = true
        var environment: [String: String] = [:]
        var arguments: [String] = []
        /// Instead of the sandbox's config answer.
        var configuration: (@Sendable (Stage) -> String)?
    }

    /// A set-up with a portal in a box, and a fault in it.
    static func online(
        _ name: String, _ expectation: Expectation, fault: @escaping @Sendable (Stage) async throws -> Void
    ) -> CheckCase {
        online(name, Setup(), expectation, fault: fault)
    }

    static func online(
        _ name: String, _ setup: Setup, _ expectation: Expectation,
        fault: @escaping @Sendable (Stage) async throws -> Void = { _ in }
    ) -> CheckCase {
        CheckCase(name: name, expectation: expectation) {
            try await Stage.with(setup.front, sandbox: setup.sandbox) { stage in
                if let configuration = setup.configuration {
                    let body = configuration(stage)
                    try await stage.sandbox.fault("config-error", ["status": 200, "body": body, "count": 1_000])
                }
                try await fault(stage)
                return try await check(stage, setup)
            }
        }
    }

    /// Runs a check on the stage.
    static func check(_ stage: Stage, _ setup: Setup = Setup()) async throws -> CheckRun {
        let directory = try ScratchDirectory()
        let recipe = try await stage.recipe(
            setup.transport, url: setup.url, portal: setup.portal,
            sinks: setup.sinks ?? ["log: { file: { path: $DIRECTORY/events.ndjson } }"],
            top: ["state: $DIRECTORY/state"], token: setup.token, environment: setup.environment)
        var (configuration, environment) = (recipe.configuration, recipe.environment)
        if setup.isRenewable {
            let application = try await Application(of: stage)
            configuration = configuration.replacingOccurrences(of: "oauth: { access", with: application.settings)
            environment.merge(application.environment) { $1 }
        }
        return try await .of(
            configuration: configuration, in: directory, arguments: setup.arguments, environment: environment)
    }

    /// The application of a portal in a box, as a file names it.
    struct Application {
        /// Up to where the access token begins.
        let settings: String
        let environment: [String: String]

        init(of stage: Stage) async throws {
            let answer = try await LoopbackHTTP.request("GET", port: stage.sandbox.port, path: "/sandbox/credentials")
            let object = try #require(try JSONSerialization.jsonObject(with: answer.body) as? [String: Any])
            let user = try #require((object["users"] as? [[String: Any]])?.first)
            environment = [
                "CLIENT_SECRET": try #require(object["client_secret"] as? String),
                "REFRESH_TOKEN": try #require(user["refresh_token"] as? String),
            ]
            let id = try #require(object["client_id"] as? String)
            settings = """
                oauth: { client_id: \(id), client_secret: { env: CLIENT_SECRET }, refresh_token: { env: REFRESH_TOKEN }, \
                server: 'http://127.0.0.1:\(stage.sandbox.port)', access
                """
        }
    }
}

import EndToEndSupport
import Foundation
import Testing

/// A call that goes no further than its arguments and its environment.
struct WrongCall: Sendable, CustomTestStringConvertible {
    var arguments: [String]
    var environment: [String: String] = [:]
    var code: Int32
    /// What standard error has to say.
    var says: String

    var testDescription: String { arguments.joined(separator: " ") }

    private static let url = "https://acme.example"
    private static let code = "s3cretc0de9"
    private static let token = ["PULLD_ACCESS_TOKEN": code]

    static let usage = [
        WrongCall(arguments: ["nonsense"], code: 64, says: "nonsense"),
        WrongCall(arguments: ["run"], code: 64, says: "--config"),
        WrongCall(arguments: ["demo", "--events", "3"], code: 64, says: "--events is from 20"),
        WrongCall(arguments: ["demo", "--rate", "0"], code: 64, says: "--rate is from 0.5"),
        WrongCall(arguments: ["sandbox", "--server-version", "6"], code: 64, says: "3, 4 or 5"),
        WrongCall(arguments: ["listen"], environment: token, code: 64, says: "PORTAL_URL is missing"),
        WrongCall(arguments: ["listen", "acme"], environment: token, code: 64, says: "is no address"),
        WrongCall(arguments: ["listen", "http://acme.example"], environment: token, code: 64, says: "by https"),
        WrongCall(arguments: ["listen", url, "--channels", "all"], code: 64, says: "private and shared"),
        WrongCall(arguments: ["listen", url, "--transport", "pigeon"], code: 64, says: "long-polling"),
        WrongCall(
            arguments: ["listen", url, "--forward-to", "https://other.example/"], code: 64, says: "this machine"),
        WrongCall(arguments: ["publish", url], code: 64, says: "--command"),
        WrongCall(arguments: ["publish", url, "--command", "x", "--user", "me"], code: 64, says: "number of a user"),
    ]

    /// A secret stands where everybody on the machine can read it.
    static let exposed = [
        WrongCall(arguments: ["listen", "\(url)/rest/1/\(code)/"], code: 64, says: "PULLD_WEBHOOK"),
        WrongCall(arguments: ["listen", "https://me:\(code)@acme.example"], code: 64, says: "ps"),
        WrongCall(arguments: ["publish", "\(url)/rest/1/\(code)/", "--command", "x"], code: 64, says: "ps"),
        WrongCall(arguments: ["listen", url, "--proxy", "http://me:\(code)@proxy:1"], code: 64, says: "PULLD_PROXY"),
    ]

    static let surroundings = [
        WrongCall(arguments: ["listen", url], code: 78, says: "export PULLD_ACCESS_TOKEN=…"),
        WrongCall(arguments: ["listen"], code: 78, says: "export PULLD_WEBHOOK=https://PORTAL/rest/USER/CODE/"),
        WrongCall(
            arguments: ["listen", url], environment: ["PULLD_ACCESS_TOKEN": ""], code: 78,
            says: "PULLD_ACCESS_TOKEN is empty"),
        WrongCall(
            arguments: ["listen", url], environment: token.merging(["PULLD_WEBHOOK": code]) { $1 }, code: 78,
            says: "both set"),
        WrongCall(
            arguments: ["listen"], environment: ["PULLD_WEBHOOK": "\(url)/\(code)/"], code: 78,
            says: "not a webhook's address"),
        WrongCall(
            arguments: ["listen", "https://other.example"], environment: ["PULLD_WEBHOOK": "\(url)/rest/1/\(code)/"],
            code: 78, says: "another portal"),
        WrongCall(
            arguments: ["publish", url, "--command", "x"], code: 78, says: "PULLD_ACCESS_TOKEN is not set; put an"),
        WrongCall(
            arguments: ["publish", url, "--command", "x", "--params", "[7]"], environment: token, code: 65,
            says: "not a JSON object"),
        WrongCall(arguments: ["run", "--config", "/nowhere/pulld.yaml"], code: 78, says: "cannot be read"),
    ]

    static let secret = code
}

@Suite struct ArgumentTests {
    @Test("Wrong usage is 64 and says what is wrong", arguments: WrongCall.usage)
    func usage(call: WrongCall) async throws { try await check(call) }

    @Test("A secret among the arguments is refused and not repeated", arguments: WrongCall.exposed)
    func exposed(call: WrongCall) async throws { try await check(call) }

    @Test("What is missing in the surroundings is told with its cure", arguments: WrongCall.surroundings)
    func surroundings(call: WrongCall) async throws { try await check(call) }

    private func check(_ call: WrongCall) async throws {
        let process = try PulldProgram.start(call.arguments, environment: call.environment)
        let exit = try await process.exit(within: .seconds(20))
        #expect(exit.code == call.code)
        #expect(process.errorOutput.contains(call.says), "\(process.errorOutput)")
        #expect(!process.errorOutput.contains(WrongCall.secret))
        #expect(process.output.isEmpty)
    }

    @Test("The help of each verb ends with an example", arguments: ["demo", "listen", "run", "publish", "sandbox"])
    func help(verb: String) async throws {
        let result = try await CommandLineTool.result(of: PulldProgram.path, [verb, "--help"])
        #expect(result.code == 0)
        #expect(result.output.contains("\n  pulld \(verb)"))
    }

    @Test("Called alone it names its verbs")
    func alone() async throws {
        let result = try await CommandLineTool.result(of: PulldProgram.path, [])
        #expect(result.code == 0)
        for verb in ["demo", "listen", "run", "publish", "sandbox"] { #expect(result.output.contains("\n  \(verb) ")) }
    }

    @Test("A port that is taken is 74")
    func portTaken() async throws {
        let sandbox = try await SandboxProcess()
        let other = try PulldProgram.start(["sandbox", "--port", "\(sandbox.port)"])
        #expect(try await other.exit(within: .seconds(20)).code == 74)
        #expect(other.errorOutput.hasPrefix("pulld: cannot listen on 127.0.0.1:\(sandbox.port): "))
    }
}

extension ChildProcess {
    var lines: [Substring] { output.split(separator: "\n") }
}

extension SandboxProcess {
    /// The address of user 1's incoming webhook.
    func webhook() async throws -> String {
        let answer = try await LoopbackHTTP.request("GET", port: port, path: "/sandbox/credentials", body: nil)
        let credentials = try JSONSerialization.jsonObject(with: answer.body) as? [String: Any]
        let users = credentials?["users"] as? [[String: Any]]
        return try #require(users?.first?["webhook"] as? String)
    }
}

import EndToEndSupport
import Foundation
import Testing

@Suite struct JournalFaultTests {
    private static let verbs = [["tail"], ["replay"], ["dead", "list"], ["dead", "retry", "--all"]]

    private func check(_ verb: [String], state: String, code: Int32, says: String, launcher: [String] = []) async throws
    {
        let process = try PulldProgram.start(verb + ["--state", state], launcher: launcher)
        #expect(try await process.exit(within: .seconds(20)).code == code)
        #expect(process.output == "")
        #expect(process.lines(of: process.errorOutput).count == 1, "\(process.errorOutput)")
        #expect(process.errorOutput.contains(says), "\(process.errorOutput)")
    }

    @Test("Where no daemon ever ran is 78 and one line that says so, and nothing is made there", arguments: verbs)
    func missing(verb: [String]) async throws {
        let directory = try ScratchDirectory()
        try await check(verb, state: directory.path, code: 78, says: "there is no journal: ")
        try await check(verb, state: directory.file("nothing"), code: 78, says: "there is no journal: ")
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [])
    }

    @Test("What is no journal is 74, and stays as it is", arguments: verbs)
    func damaged(verb: [String]) async throws {
        let directory = try ScratchDirectory()
        let text = String(repeating: "no database ", count: 100)
        let file = try directory.write(text, to: "journal.sqlite")
        try await check(verb, state: directory.path, code: 74, says: "journal.sqlite")
        #expect(FileManager.default.contents(atPath: file) == Data(text.utf8))
    }

    @Test("A directory that this user may not enter is 77", arguments: verbs)
    func forbidden(verb: [String]) async throws {
        let directory = try ScratchDirectory()
        let inside = try directory.directory("state")
        chmod(directory.path, 0o755)
        chmod(inside, 0)
        defer { chmod(inside, 0o700) }
        // Root may enter everything.
        let other = geteuid() == 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []
        try await check(verb, state: inside, code: 77, says: "sudo -u", launcher: other)
    }

    static let wrongCalls = [
        WrongCall(arguments: ["tail", "--since", "soon"], code: 64, says: "'#41'"),
        WrongCall(arguments: ["tail", "-n", "-1"], code: 64, says: "-n"),
        WrongCall(arguments: ["replay", "--seq", "9-1"], code: 64, says: "41-60"),
        WrongCall(arguments: ["replay", "--mid", "42"], code: 64, says: "26 digits"),
        WrongCall(arguments: ["replay", "--rate", "0"], code: 64, says: "50/s"),
        WrongCall(arguments: ["replay", "--secret", "env:X"], code: 64, says: "--secret goes with a URL"),
        WrongCall(arguments: ["dead", "show"], code: 64, says: "say which"),
        WrongCall(arguments: ["dead", "retry"], code: 64, says: "--all"),
        WrongCall(arguments: ["dead", "drop", "--yes"], code: 64, says: "--all"),
        WrongCall(arguments: ["dead", "drop", "1"], code: 64, says: "--yes"),
        WrongCall(arguments: ["dead", "retry", "one"], code: 64, says: "a range"),
        WrongCall(
            arguments: ["replay", "--to", "http://localhost/", "--secret", WrongCall.secret], code: 64,
            says: "env:NAME, file:PATH"),
    ]

    @Test("Wrong usage is 64 and says what is right", arguments: wrongCalls)
    func usage(call: WrongCall) async throws {
        let process = try PulldProgram.start(call.arguments, environment: call.environment)
        #expect(try await process.exit(within: .seconds(20)).code == call.code)
        #expect(process.errorOutput.contains(call.says), "\(process.errorOutput)")
        #expect(!process.errorOutput.contains(WrongCall.secret))
    }

    @Test(
        "The help of each verb has examples",
        arguments: ["tail", "replay", "dead", "dead list", "dead show", "dead retry", "dead drop", "listen"])
    func help(verb: String) async throws {
        let result = try await CommandLineTool.result(
            of: PulldProgram.path, verb.split(separator: " ").map(String.init) + ["--help"])
        #expect(result.code == 0)
        #expect(result.output.contains("\n  pulld \(verb)"))
        #expect(result.output.split(separator: "\n").allSatisfy { $0.count <= 80 || $0.hasPrefix("USAGE") })
    }
}

extension ChildProcess {
    func lines(of text: String) -> [Substring] { text.split(separator: "\n") }
}

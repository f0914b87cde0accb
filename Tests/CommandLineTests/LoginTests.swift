import EndToEndSupport
import Foundation
import Testing

@Suite struct LoginTests {
    private struct Play {
        var sandbox: SandboxProcess
        var application: SandboxProcess.Application
        var directory: ScratchDirectory
        var configuration: String

        init(_ arguments: [String] = []) async throws {
            sandbox = try await SandboxProcess(arguments)
            application = try await sandbox.application()
            directory = try ScratchDirectory()
            let url = "http://127.0.0.1:\(sandbox.port)"
            configuration = try directory.write(
                """
                portals:
                  acme: { url: "\(url)", \(application.oauth(server: url, hasSeed: false)) }
                  hook: { url: "\(url)", webhook: { env: HOOK } }
                sinks: { log: { stdout: {} } }
                """, to: "pulld.yaml")
        }

        var state: String { directory.file("state") }
        var tokens: String { state + "/tokens/acme.json" }

        func login(_ portal: String = "acme") async throws -> LoginProcess {
            try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
            return try await LoginProcess(configuration, portal: portal, state: state, application)
        }

        /// Nothing that was said holds what a sandbox has issued.
        func isSilent(_ process: ChildProcess) async throws -> Bool {
            let said = process.output + process.errorOutput
            return try await sandbox.secrets().allSatisfy { !said.contains($0) }
        }
    }

    @Test(
        "The redirected address, or the code in it, brings the tokens where the daemon finds them",
        arguments: [true, false])
    func login(isWhole: Bool) async throws {
        let play = try await Play()
        let login = try await play.login()
        let place = try await play.sandbox.authorise(try await login.address())
        let code = try #require(place.firstMatch(of: #/[?&]code=([^&]+)/#)?.output.1)
        try await login.paste(isWhole ? place : String(code))
        #expect(try await login.process.exit(within: .seconds(20)).code == 0, "\(login.process.errorOutput)")
        #expect(login.process.output.contains("acme: authorised as user 1. The tokens are in \(play.tokens)."))
        #expect(login.process.output.contains("pulld run --config"))
        let attributes = try FileManager.default.attributesOfItem(atPath: play.tokens)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try await play.isSilent(login.process))

        let daemon = try PulldProgram.start(
            ["run", "--config", play.configuration],
            environment: play.application.environment.merging([
                "STATE_DIRECTORY": play.state, "HOOK": "http://127.0.0.1:1/rest/1/x/",
            ]) { $1 })
        try await eventually(within: .seconds(30), "the daemon subscribes\n\(daemon.errorOutput)") {
            try await play.sandbox.connectionCount() > 0
        }
        _ = try await daemon.terminate(within: .seconds(20))
    }

    @Test("What is not the answer is 65, a code that is used or nobody's 77: told why, and nothing is stored")
    func refused() async throws {
        let play = try await Play()
        for (line, code, text) in [
            ("http://127.0.0.1/?code=abc&state=00", 65 as Int32, "not the answer to this question"),
            ("", 65, "neither an address nor a code"), ("a-code-of-nobody", 77, "a code works once"),
        ] {
            let login = try await play.login()
            _ = try await login.address()
            try await login.paste(line)
            #expect(try await login.process.exit(within: .seconds(20)).code == code, "\(login.process.errorOutput)")
            #expect(login.process.errorOutput.contains(text))
            #expect(!FileManager.default.fileExists(atPath: play.tokens))
        }
    }

    @Test("A name that the file does not have, and a portal without an application, are 78 with what to do")
    func settings() async throws {
        let play = try await Play()
        for (portal, text) in [("nobody", "it has: acme, hook"), ("hook", "an application is needed")] {
            let login = try await play.login(portal)
            #expect(try await login.process.exit(within: .seconds(20)).code == 78)
            #expect(login.process.errorOutput.contains(text))
        }
    }

    @Test("Tokens of another portal do not take the place of the stored ones")
    func otherPortal() async throws {
        let play = try await Play()
        let first = try await play.login()
        try await first.paste(try await play.sandbox.authorise(try await first.address()))
        #expect(try await first.process.exit(within: .seconds(20)).code == 0)
        let stored = FileManager.default.contents(atPath: play.tokens)
        try await play.sandbox.fault("other-member")
        let second = try await play.login()
        try await second.paste(try await play.sandbox.authorise(try await second.address()))
        #expect(try await second.process.exit(within: .seconds(20)).code == 77)
        #expect(second.process.errorOutput.contains("another portal"))
        #expect(FileManager.default.contents(atPath: play.tokens) == stored)
        #expect(try await play.isSilent(second.process))
    }
}

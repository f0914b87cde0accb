import EndToEndSupport
import Foundation
import Testing

@Suite(.serialized) struct ForwardTests {
    private func listener(_ sandbox: SandboxProcess, _ arguments: [String]) async throws -> ChildProcess {
        let process = try PulldProgram.start(
            ["listen", "http://127.0.0.1:\(sandbox.port)"] + arguments,
            environment: ["PULLD_ACCESS_TOKEN": try await sandbox.accessToken(), "TZ": "UTC"])
        try await eventually(within: .seconds(30), "the listener is connected\n\(process.errorOutput)") {
            try await sandbox.connectionCount() == 1
        }
        return process
    }

    @Test("Each delivery is a line with its time, the status, how long it took, and the event")
    func deliveries() async throws {
        let sandbox = try await SandboxProcess()
        let receiver = try WebhookReceiver(status: "202 Accepted")
        let process = try await listener(sandbox, ["--forward-to", "http://localhost:\(receiver.port)/hook"])
        for command in ["paid", "sent"] {
            try await sandbox.order("publish", ["module": "shop", "command": command, "channel": "private"])
        }
        try await eventually(within: .seconds(30), "both are told\n\(process.errorOutput)") { process.lines.count == 2 }
        let form = #/\d\d:\d\d:\d\d\.\d{3}  202 {1,9}\d+ ms  #\d +shop/(paid|sent)/#
        #expect(process.lines.allSatisfy { $0.wholeMatch(of: form) != nil }, "\(process.output)")
        #expect(try await process.terminate(within: .seconds(20)).code == 0)
        try await sandbox.rememberSecrets()
    }

    @Test("With --print standard output has the events alone, and the deliveries stand beside the log")
    func printing() async throws {
        let sandbox = try await SandboxProcess()
        let receiver = try WebhookReceiver(status: "500 Internal Server Error")
        let directory = try ScratchDirectory()
        let file = try directory.write("a-secret-in-a-file\n", to: "secret")
        let process = try await listener(
            sandbox,
            ["--forward-to", "http://localhost:\(receiver.port)/", "--print", "--secret", "file:\(file)"])
        try await sandbox.order("publish", ["module": "shop", "command": "paid", "channel": "private"])
        try await eventually(within: .seconds(30), "it is told\n\(process.errorOutput)") {
            process.errorOutput.contains("shop/paid  500 Internal Server Error\n") && process.lines.count == 1
        }
        #expect(process.output.hasPrefix(#"{"seq":1,"#))
        #expect(receiver.requests.first?.headers["webhook-signature"] != nil)
        try await sandbox.rememberSecrets()
    }

    @Test("A secret, or an address with a password, is refused and not repeated")
    func exposed() async throws {
        let url = "https://acme.example"
        let calls = [
            WrongCall(
                arguments: ["listen", url, "--forward-to", "http://localhost/", "--secret", WrongCall.secret], code: 64,
                says: "env:NAME"),
            WrongCall(
                arguments: ["listen", url, "--forward-to", "http://me:\(WrongCall.secret)@localhost/"], code: 64,
                says: "ps"),
            WrongCall(arguments: ["listen", url, "--secret", "env:X"], code: 64, says: "--forward-to"),
        ]
        for call in calls {
            let process = try PulldProgram.start(call.arguments)
            #expect(try await process.exit(within: .seconds(20)).code == call.code)
            #expect(process.errorOutput.contains(call.says), "\(process.errorOutput)")
            #expect(!process.errorOutput.contains(WrongCall.secret))
        }
    }
}

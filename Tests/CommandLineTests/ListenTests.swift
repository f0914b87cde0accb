import EndToEndSupport
import Foundation
import Testing

@Suite struct ListenTests {
    @Test("Listening prints each event as a line and forwards it, signed with the secret of the environment")
    func printsAndForwards() async throws {
        let sandbox = try await SandboxProcess()
        let receiver = try WebhookReceiver()
        let listener = try PulldProgram.start(
            [
                "listen", "http://127.0.0.1:\(sandbox.port)", "--print", "--forward-to",
                "http://127.0.0.1:\(receiver.port)/hook",
            ],
            environment: [
                "PULLD_ACCESS_TOKEN": try await sandbox.accessToken(), "PULLD_WEBHOOK_SECRET": "forward-secret-1",
            ])
        OutputCollector.shared.remember(secret: "forward-secret-1")
        try await connected(to: sandbox)
        try await sandbox.load(count: 20, rate: 200)
        try await eventually(within: .seconds(30), "all is printed and forwarded\n\(listener.errorOutput)") {
            listener.lines.count == 20 && receiver.requestCount == 20
        }
        let exit = try await listener.terminate(within: .seconds(20))
        try await sandbox.rememberSecrets()

        #expect(exit.code == 0)
        #expect(listener.lines.allSatisfy { $0.contains(#""portal":"127.0.0.1""#) })
        #expect(receiver.requests.allSatisfy { $0.firstLine.hasPrefix("POST /hook ") })
        #expect(receiver.requests.allSatisfy { $0.headers.contains { $0.key.contains("signature") } })
    }

    @Test("A webhook's address in the environment is enough to know the portal")
    func webhookAlone() async throws {
        let sandbox = try await SandboxProcess()
        let listener = try PulldProgram.start(
            ["listen", "--channels", "shared"], environment: ["PULLD_WEBHOOK": try await sandbox.webhook()])
        try await connected(to: sandbox)
        #expect(try await sandbox.calls().map(\.method) == ["pull.config.get"])
        #expect(try await listener.terminate(within: .seconds(20)).code == 0)
    }

    @Test("A proxy of the environment is not asked for what is on this machine")
    func environmentProxy() async throws {
        let sandbox = try await SandboxProcess()
        let receiver = try WebhookReceiver()
        let nobody = "http://127.0.0.1:1"
        let listener = try PulldProgram.start(
            ["listen", "http://127.0.0.1:\(sandbox.port)", "--forward-to", "http://localhost:\(receiver.port)/hook"],
            environment: [
                "PULLD_ACCESS_TOKEN": try await sandbox.accessToken(), "http_proxy": nobody, "all_proxy": nobody,
            ])
        try await connected(to: sandbox)
        try await sandbox.load(count: 3, rate: 100)
        try await eventually(within: .seconds(30), "all is forwarded\n\(listener.errorOutput)") {
            receiver.requestCount == 3
        }
        #expect(try await listener.terminate(within: .seconds(20)).code == 0)
    }

    @Test("--include and --exclude choose by module/command, and printing is the default")
    func filters() async throws {
        let sandbox = try await SandboxProcess()
        let listener = try PulldProgram.start(
            [
                "listen", "http://127.0.0.1:\(sandbox.port)", "--include", "shop/*", "--include", "crm/*", "--exclude",
                "*/secret*",
            ],
            environment: ["PULLD_ACCESS_TOKEN": try await sandbox.accessToken()])
        try await connected(to: sandbox)
        for (module, command) in [("shop", "paid"), ("im", "chat"), ("crm", "secret.deal"), ("crm", "deal")] {
            try await sandbox.order("publish", ["module": module, "command": command, "channel": "private"])
        }
        try await eventually(within: .seconds(30), "the last event is printed\n\(listener.errorOutput)") {
            listener.lines.last?.contains(#""command":"deal""#) == true
        }
        #expect(listener.lines.count == 2)
        #expect(listener.lines.first?.contains(#""command":"paid""#) == true)
    }

    private func connected(to sandbox: SandboxProcess) async throws {
        try await eventually(within: .seconds(30), "the listener is connected") {
            try await sandbox.connectionCount() == 1
        }
    }
}

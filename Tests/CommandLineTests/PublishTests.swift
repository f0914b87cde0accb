import EndToEndSupport
import Foundation
import Testing

@Suite struct PublishTests {
    @Test("A published event arrives at a listener, with its module and params")
    func arrives() async throws {
        let sandbox = try await SandboxProcess()
        let token = ["PULLD_ACCESS_TOKEN": try await sandbox.accessToken()]
        let url = "http://127.0.0.1:\(sandbox.port)"
        let listener = try PulldProgram.start(["listen", url], environment: token)
        try await eventually(within: .seconds(30), "the listener is connected") {
            try await sandbox.connectionCount() == 1
        }
        let shared = try PulldProgram.start(
            ["publish", url, "--command", "order.paid", "--params", #"{"id":7}"#, "--module", "shop"],
            environment: token)
        #expect(try await shared.exit(within: .seconds(20)).code == 0, "\(shared.errorOutput)")
        #expect(shared.output == "queued by the portal: shop/order.paid\n")
        let own = try PulldProgram.start(["publish", url, "--command", "ping", "--user", "1"], environment: token)
        #expect(try await own.exit(within: .seconds(20)).code == 0, "\(own.errorOutput)")

        try await eventually(within: .seconds(30), "both are printed\n\(listener.errorOutput)") {
            listener.lines.count == 2
        }
        #expect(listener.lines.contains { $0.contains(#""module":"shop","command":"order.paid","params":{"id":7}"#) })
        #expect(listener.lines.contains { $0.contains(#""module":"application","command":"ping","params":[]"#) })
    }

    @Test("A portal that cannot be reached is 69")
    func unreachable() async throws {
        let port = try LoopbackPort.free()
        let publish = try PulldProgram.start(
            ["publish", "http://127.0.0.1:\(port)", "--command", "ping"],
            environment: ["PULLD_ACCESS_TOKEN": "some-access-token"])
        #expect(try await publish.exit(within: .seconds(20)).code == 69)
        #expect(publish.errorOutput.hasPrefix("pulld: connect: "))
    }

    @Test(
        "What the portal refuses is told apart: the token 77, the event 65",
        arguments: [
            (token: "a-token-of-nobody", command: "ping", code: 77 as Int32),
            (token: nil, command: "no blanks", code: 65),
        ])
    func refused(token: String?, command: String, code: Int32) async throws {
        let sandbox = try await SandboxProcess()
        let valid = try await sandbox.accessToken()
        let publish = try PulldProgram.start(
            ["publish", "http://127.0.0.1:\(sandbox.port)", "--command", command],
            environment: ["PULLD_ACCESS_TOKEN": token ?? valid])
        #expect(try await publish.exit(within: .seconds(20)).code == code, "\(publish.errorOutput)")
        #expect(publish.errorOutput.hasPrefix("pulld: rest: the portal refuses: "))
        #expect(!publish.errorOutput.contains(token ?? valid))
    }
}

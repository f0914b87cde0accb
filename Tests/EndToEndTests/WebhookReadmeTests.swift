import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    @Suite struct WebhookReadmeTests {
        private static let key = "whsec_" + Data("the key of the README's receiver".utf8).base64EncodedString()

        /// The receiver of README, with nothing changed but its port.
        private func receiver(port: UInt16, in directory: ScratchDirectory) throws -> ChildProcess {
            let text = try Repository.example("python", with: "from standardwebhooks import")
            #expect(text.contains("8080"))
            let file = try directory.write(text.replacingOccurrences(of: "8080", with: "\(port)"), to: "receiver.py")
            OutputCollector.shared.remember(secret: Self.key)
            return try ChildProcess(
                try WebhookLibrary.interpreter(), ["-u", file],
                environment: ChildProcess.bareEnvironment.merging(["APP_WEBHOOK_SECRET": Self.key]) { $1 })
        }

        @Test("The Python receiver of README takes what the daemon signs, each event once, and nothing else")
        func python() async throws {
            let count = 200
            let directory = try ScratchDirectory()
            let reservation = try LoopbackPort.Reservation()
            let port = reservation.port
            let receiver = try receiver(port: port, in: directory)
            try await eventually(within: .seconds(30), "the receiver listens\n\(receiver.errorOutput)") {
                LoopbackPort.answers(port)
            }
            for body in [Data("{}".utf8), Data()] {
                let forged = try await LoopbackHTTP.request("POST", port: port, path: "/bitrix", body: body)
                #expect(forged.status == 401)
            }
            try await Stage.with { stage in
                let url = "http://127.0.0.1:\(port)/bitrix"
                let daemon = try await stage.daemon(
                    sinks: ["app: { webhook: { url: \"\(url)\", secret: { env: KEY } } }"],
                    environment: ["KEY": Self.key])
                try await stage.isSubscribed(daemon)
                try await stage.sandbox.load(count: count, rate: 0)
                try? await eventually(within: .seconds(30), "it has printed all") {
                    receiver.output.split(separator: "\n").count >= count
                }
                let exit = try await daemon.stop()
                #expect(exit.code == 0)
                #expect(
                    try await SinkBalance(of: "app", in: daemon.databasePath)
                        == SinkBalance(journaled: count, delivered: count))
            }
            let lines = receiver.output.split(separator: "\n")
            #expect(lines.count == count, "\(receiver.errorOutput.suffix(2_000))")
            #expect(Set(lines).count == count && lines.allSatisfy { $0.contains("application sandbox.load") })
        }
    }
}

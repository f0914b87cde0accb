import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    /// The last by the name of its file: it looks at what all the others have made the program say.
    @Suite struct WholeOutputTests {
        @Test(
            "A daemon that tells everything tells no secret: rotation, cut, refusals, wrong credentials",
            arguments: [Stage.Transport.webSocket, .longPolling])
        func trace(transport: Stage.Transport) async throws {
            try await Stage.with(sandbox: ["--channel-life", "3600"]) { stage in
                let daemon = try await stage.daemon(transport, level: "trace")
                try await stage.isSubscribed(daemon)
                try await stage.sandbox.load(count: 20, rate: 0)
                try await daemon.hasWritten(20, within: .seconds(30))
                try await stage.sandbox.fault("rotate-now")
                try await daemon.says("switched to new channels")
                // Servers quote what they refuse.
                let quoted = try await stage.sandbox.secrets().joined(separator: " ")
                let refusal = transport == .webSocket ? "refuse-upgrade" : "refuse-poll"
                try await stage.sandbox.fault(refusal, ["status": 403, "body": "Wrong \(quoted)", "count": 3])
                try await stage.sandbox.fault("cut")
                try await daemon.says("not connected to the push server", because: "403")
                try await stage.sandbox.fault("clear")
                try await stage.isSubscribed(daemon)
                if try await stage.sandbox.fault("garbage", ["text": quoted]) > 0 {
                    try await daemon.says("received something that no push server sends")
                }
                let reason = String(quoted.suffix(100))
                try await stage.sandbox.fault("close", ["code": 4010, "reason": reason])
                try await daemon.says(
                    "not connected to the push server", because: transport == .webSocket ? "4010" : "400")
                #expect(try await leaks(of: daemon, on: stage) == [])
                try await daemon.stop()
                #expect(!daemon.process.errorOutput.isEmpty)
            }
        }

        @Test("A credential that the portal refuses is not told")
        func refusedCredentials() async throws {
            try await Stage.with { stage in
                let token = "wrong\(UUID().uuidString.lowercased().replacing("-", with: ""))"
                OutputCollector.shared.remember(secret: token)
                let code = "code\(UUID().uuidString.lowercased().replacing("-", with: "").prefix(12))"
                OutputCollector.shared.remember(secret: code)
                let password = "password-\(UUID().uuidString)"
                OutputCollector.shared.remember(secret: password)
                let proxyPort = try LoopbackPort.free()
                let configuration = """
                    portals:
                      token: { url: "\(stage.url)", oauth: { access_token: { env: TOKEN } } }
                      webhook: { url: "\(stage.url)", webhook: { env: WEBHOOK } }
                      proxy:
                        url: https://portal.example
                        oauth: { access_token: { env: TOKEN } }
                        proxy: { env: PROXY }
                    sinks: { log: { file: { path: $DIRECTORY/events.ndjson } } }
                    log: { level: trace, format: text }
                    """
                let daemon = try DaemonProcess(
                    configuration: configuration,
                    environment: [
                        "TOKEN": token, "WEBHOOK": "\(stage.url)/rest/1/\(code)/",
                        "PROXY": "http://me:\(password)@127.0.0.1:\(proxyPort)",
                    ])
                try await eventually(within: .seconds(30), "each is refused\n\(daemon.process.errorOutput)") {
                    let output = daemon.process.errorOutput
                    return ["token", "webhook", "proxy"].allSatisfy {
                        output.contains("\($0): \(FailureCase.noConfiguration)")
                    }
                }
                let own = [token, code, password]
                let places = [daemon.process.errorOutput, daemon.process.output] + daemon.notify.messages
                #expect(!places.contains { text in own.contains { text.contains($0) } })
                #expect(try await leaks(of: daemon, on: stage) == [])
                try await daemon.stop()
            }
        }

        @Test("What any daemon of these tests has kept could be read by its owner alone")
        func modes() {
            let kept = OutputCollector.shared.keptFiles
            #expect(kept.looked > 3)
            #expect(kept.open == [])
            figure("A10 \(kept.looked) files and directories of state, open to others \(kept.open.count)")
        }

        @Test("No output of any process of these tests holds a secret that a sandbox has issued")
        func wholeOutput() async throws {
            let collector = OutputCollector.shared
            let files = try FileManager.default.contentsOfDirectory(atPath: collector.directory + "/output")
            let secrets = DaemonProcess.lineCount(of: collector.directory + "/secrets")
            #expect(secrets > 50)
            #expect(files.contains { $0.hasSuffix("-pulld.err") })
            // grep searches for all of them at once. It says file names only: a message must not repeat a secret.
            let search = try await CommandLineTool.result(
                of: "grep", ["-r", "-l", "-F", "-f", collector.directory + "/secrets", collector.directory + "/output"])
            #expect(search.code == 1, "grep ended with \(search.code): \(search.output)")
            let bytes = files.reduce(0) { sum, name in
                let attributes = try? FileManager.default.attributesOfItem(
                    atPath: "\(collector.directory)/output/\(name)")
                return sum + (attributes?[.size] as? Int ?? 0)
            }
            figure(
                "A10 \(secrets) secrets, \(files.count) outputs of \(bytes) bytes, leaks in \(search.output.isEmpty ? 0 : 1)"
            )
        }

        /// Where a secret of the sandbox's stands that anybody on the machine can see: `ps`, the service manager's
        /// status, and the daemon's own output.
        private func leaks(of daemon: DaemonProcess, on stage: Stage) async throws -> [String] {
            let arguments = try String(contentsOfFile: "/proc/\(daemon.process.pid)/cmdline", encoding: .utf8)
            let places = [
                "arguments": arguments, "status": daemon.notify.messages.joined(separator: "\n"),
                "log": daemon.process.errorOutput, "output": daemon.process.output,
            ]
            let secrets = try await stage.sandbox.secrets()
            return places.filter { place in secrets.contains { place.value.contains($0) } }.keys.sorted()
        }
    }
}

extension DaemonProcess {
    /// Waits for a line of the log.
    ///
    /// - Parameter cause: a part of its cause.
    fileprivate func says(_ message: String, because cause: String? = nil) async throws {
        try await eventually(within: .seconds(30), "the log says \(message)\n\(process.errorOutput)") {
            log.contains { $0.message == message && (cause.map($0.cause.contains) ?? true) }
        }
    }
}

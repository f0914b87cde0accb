import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    /// Where a webhook's events never go.
    @Suite struct WebhookDestinationTests {
        struct Refused: Sendable, CustomTestStringConvertible {
            var url: String
            var isRemoteAllowed: Bool
            /// A part of what to do about it.
            var cure: String

            var testDescription: String { "\(url)\(isRemoteAllowed ? ", allow_remote: true" : "")" }

            static let all =
                ["https://hooks.example/bitrix", "http://10.1.2.3:8080/", "http://192.0.2.7/", "http://[fd00::5]/"]
                .map { Refused(url: $0, isRemoteAllowed: false, cure: "allow_remote") }
                + [
                    "http://169.254.169.254/", "http://169.254.169.254:8080/latest/meta-data/",
                    "http://[::ffff:169.254.169.254]/", "http://[fd00:ec2::254]/", "http://[fe80::1]/",
                    "http://0.0.0.0/",
                ].map { Refused(url: $0, isRemoteAllowed: true, cure: "write the address of the program") }
        }

        @Test(
            "An address that no webhook may have ends the start with 78, the place and a cure", arguments: Refused.all)
        func refusedAtStart(refused: Refused) async throws {
            let webhook = "url: \"\(refused.url)\"" + (refused.isRemoteAllowed ? ", allow_remote: true" : "")
            let daemon = try DaemonProcess(
                configuration: """
                    portals:
                      acme: { url: "https://portal.invalid", oauth: { access_token: { env: TOKEN } } }
                    sinks:
                      app:
                        webhook: { \(webhook) }
                    """, environment: ["TOKEN": "a token of nobody's"])
            let exit = try await daemon.process.exit(within: .seconds(30))
            let said = daemon.process.errorOutput
            #expect(exit.code == 78, "\(said)")
            #expect(said.split(separator: "\n").count == 1, "\(said)")
            #expect(said.contains("pulld.yaml:5:"), "\(said)")
            #expect(said.contains("sinks.app.webhook.url") && said.contains(refused.cure), "\(said)")
            figure("C7 \(refused.testDescription): exit 78, \(said)")
        }

        static let names = [
            (address: "169.254.169.254", name: "metadata.example"), ("169.254.7.7", "link-local.example"),
            ("100.100.100.200", "alibaba.example"), ("fd00:ec2::254", "six.example"),
            ("169.254.169.254", "mixed.example"), ("10.1.2.3", "mixed.example"),
        ]

        @Test(
            "A name that leads to a metadata service gets no connection, and only the allowed one of several addresses")
        func names() async throws {
            let network: PrivateNetwork
            do { network = try await PrivateNetwork(names: Self.names) } catch let none as PrivateNetwork.Unavailable {
                figure("C7 names: skipped: \(none)")
                return
            }
            let count = 5
            let directory = try ScratchDirectory()
            try await Stage.with { stage in
                // What is in the journal needs no portal any more.
                let sink = { (url: String) in
                    [
                        "log: { file: { path: $DIRECTORY/events.ndjson } }",
                        "app: { webhook: { url: \"\(url)\", allow_remote: true } }",
                    ]
                }
                let closed = try LoopbackPort.free()
                let first = try DaemonProcess(
                    try await stage.recipe(sinks: sink("http://127.0.0.1:\(closed)/")), directory: directory)
                try await stage.isSubscribed(first)
                try await stage.sandbox.load(count: count, rate: 0)
                try await first.hasWritten(count, within: .seconds(20))
                first.process.kill()

                for name in ["metadata.example", "link-local.example", "alibaba.example", "six.example"] {
                    var recipe = try await stage.recipe(sinks: sink("http://\(name):\(network.port)/"))
                    recipe.launcher = network.launcher
                    let daemon = try DaemonProcess(recipe, directory: directory)
                    try await eventually(within: .seconds(30), "\(name): told\n\(daemon.process.errorOutput)") {
                        try daemon.mustRun()
                        return !network.visits.isEmpty
                            || daemon.log.contains { $0.message == "sink blocked, its events wait" }
                    }
                    let line = daemon.log.first { $0.message == "sink blocked, its events wait" }
                    let reason = line?.fields["reason"] ?? ""
                    #expect(reason.contains(name) && reason.contains("not allowed"), "\(reason)")
                    daemon.process.kill()
                    #expect(network.visits == [], "\(name)")
                    figure("C7 \(name): \(reason)")
                }

                // One of its two addresses is allowed.
                var recipe = try await stage.recipe(sinks: sink("http://mixed.example:\(network.port)/"))
                recipe.launcher = network.launcher
                let daemon = try DaemonProcess(recipe, directory: directory)
                let address = "10.1.2.3"
                let expected = ["connection to \(address)"] + Array(repeating: "request to \(address)", count: count)
                try? await eventually(within: .seconds(30), "all are delivered") { network.visits.count >= count + 1 }
                try await daemon.stop(within: .seconds(30))
                #expect(network.visits == expected, "\(daemon.process.errorOutput)")
                let balance = try await SinkBalance(of: "app", in: daemon.databasePath)
                #expect(balance == SinkBalance(journaled: count, delivered: count))
            }
        }
    }
}

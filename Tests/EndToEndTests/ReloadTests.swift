import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    @Suite struct ReloadTests {
        private static let refusal = "the settings are not taken over: the old ones hold"

        private func recipe(_ stage: Stage, _ top: [String] = [], level: String = "info") async throws -> DaemonRecipe {
            try await stage.recipe(
                sinks: ["log: { file: { path: $DIRECTORY/events.ndjson } }"], top: top, level: level)
        }

        @Test("A bad file changes nothing: each problem is told with its place, and the status says when it failed")
        func badFile() async throws {
            try await Stage.with { stage in
                let good = try await recipe(stage)
                let daemon = try DaemonProcess(good)
                try await daemon.ready()
                let connection = try await stage.sandbox.webSocketIDs()
                try await daemon.reload(good.configuration + "\ncolour: blue\nshape: round\n")
                let problems = daemon.log.filter { $0.message == Self.refusal }.map { $0.fields["problem"] ?? "" }
                #expect(problems.count == 2, "\(problems)")
                let place = "\(daemon.directory.file("pulld.yaml")):"
                #expect(
                    problems.allSatisfy { $0.hasPrefix(place) && $0.dropFirst(place.count).first?.isNumber == true })
                #expect(problems.first?.contains("colour") == true && problems.last?.contains("shape") == true)
                let status = try #require(daemon.notify.value(of: "STATUS"))
                #expect(status.contains(#/^1 of 1 portals live; reload failed at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: /#))
                #expect(status.hasSuffix("(and 1 more)"))
                // A secret that is not there, and a file that cannot be opened, are no better.
                try await daemon.reload(
                    good.configuration.replacingOccurrences(of: "PULLD_TEST_TOKEN", with: "NO_TOKEN"))
                try await daemon.reload(good.configuration.replacingOccurrences(of: "events.ndjson", with: "no/events"))
                let more = daemon.log.filter { $0.message == Self.refusal }.dropFirst(2).map {
                    $0.fields["problem"] ?? ""
                }
                #expect(more.count == 2)
                #expect(more.first?.hasPrefix("portals.acme.oauth.access_token: ") == true)
                #expect(more.last?.hasPrefix("sinks.log: ") == true)
                try await stage.sandbox.load(count: 10, rate: 0)
                try await daemon.hasWritten(10, within: .seconds(30))
                try await daemon.reload(good.configuration)
                #expect(daemon.notify.value(of: "STATUS") == "1 of 1 portals live")
                #expect(try await stage.sandbox.webSocketIDs() == connection)
                #expect(try await daemon.stop().code == 0)
            }
        }

        @Test("The log's level changes while it runs; what cannot change is told by name, and holds until the restart")
        func fixed() async throws {
            try await Stage.with { stage in
                let daemon = try DaemonProcess(try await recipe(stage))
                try await daemon.ready()
                #expect(!daemon.log.contains { $0.level == "debug" })
                let other = try await recipe(
                    stage, ["journal: { keep: 2h }", "state: $DIRECTORY/elsewhere"], level: "debug")
                try await daemon.reload(other.configuration)
                let warnings = daemon.log.filter(\.isTrouble)
                #expect(
                    Set(warnings.compactMap { $0.fields["setting"] }) == ["journal", "state"],
                    "\(daemon.log)")
                #expect(warnings.allSatisfy { $0.cure.contains("restart") })
                try await stage.sandbox.fault("cut")
                try await eventually(within: .seconds(30), "debug lines\n\(daemon.process.errorOutput)") {
                    daemon.log.contains { $0.level == "debug" }
                }
                #expect(!FileManager.default.fileExists(atPath: daemon.directory.file("elsewhere")))
                try await daemon.stop()
            }
        }

        @Test("SIGHUP opens a file anew that was moved away, also when the configuration is bad")
        func reopens() async throws {
            try await Stage.with { stage in
                let good = try await recipe(stage)
                let daemon = try DaemonProcess(good)
                try await daemon.ready()
                for (round, text) in [good.configuration, good.configuration + "\ncolour: blue\n"].enumerated() {
                    try FileManager.default.moveItem(
                        atPath: daemon.eventFile, toPath: daemon.directory.file("moved\(round)"))
                    try await daemon.reload(text)
                    try await eventually(within: .seconds(30), "the file is there again") {
                        FileManager.default.fileExists(atPath: daemon.eventFile)
                    }
                }
                try await daemon.stop()
            }
        }

        @Test("Many SIGHUPs in a row are taken one after the other, and the last file holds")
        func coalesced() async throws {
            try await Stage.with { stage in
                let good = try await recipe(stage)
                let daemon = try DaemonProcess(good)
                try await daemon.ready()
                for _ in 0..<50 { daemon.process.signal(SIGHUP) }
                let last = good.configuration.replacingOccurrences(of: "events.ndjson", with: "last.ndjson")
                try daemon.directory.write(
                    last.replacingOccurrences(of: "$DIRECTORY", with: daemon.directory.path), to: "pulld.yaml")
                daemon.process.signal(SIGHUP)
                try await eventually(within: .seconds(30), "the last one is taken") {
                    FileManager.default.fileExists(atPath: daemon.directory.file("last.ndjson"))
                }
                func marks() -> [String] {
                    daemon.notify.messages.filter { $0 == "RELOADING=1" || $0 == "READY=1" }
                }
                try await eventually(within: .seconds(30), "the last one ends") { marks().last == "READY=1" }
                let reloads = marks().dropFirst()
                #expect(reloads.enumerated().allSatisfy { $1 == ($0 % 2 == 0 ? "RELOADING=1" : "READY=1") })
                #expect(reloads.count < 100)
                #expect(daemon.notify.value(of: "MONOTONIC_USEC").flatMap { Int64($0) } ?? 0 > 0)
                try await daemon.stop()
            }
        }

        @Test("SIGHUP before the daemon is ready neither ends it nor calls it ready")
        func early() async throws {
            try await Stage.with { stage in
                try await stage.sandbox.fault("config-error", ["vector": "C13-text", "count": 1_000])
                let daemon = try DaemonProcess(try await recipe(stage))
                try await eventually(within: .seconds(30), "it has begun") { daemon.notify.value(of: "STATUS") != nil }
                for _ in 0..<5 {
                    daemon.process.signal(SIGHUP)
                    try await Task.sleep(for: .milliseconds(50))
                }
                try daemon.mustRun()
                #expect(!daemon.notify.has("READY=1") && !daemon.notify.has("RELOADING=1"))
                try await stage.sandbox.fault("clear")
                try await daemon.stop()
            }
        }
    }
}

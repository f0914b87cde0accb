import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    /// The test plays systemd: it makes the directories and the sockets, sets the environment, and listens.
    @Suite struct ServiceManagerTests {
        private static let limit = Duration.milliseconds(900)

        /// With a watchdog; sinks and journal are where the recipe says.
        private static func recipe(_ stage: Stage, state: String? = nil) async throws -> DaemonRecipe {
            var environment = ["WATCHDOG_USEC": "900000"]
            if let state { environment["STATE_DIRECTORY"] = state }
            return try await stage.recipe(
                portal: ["start: retained"], sinks: ["log: { file: { path: $DIRECTORY/events.ndjson } }"],
                environment: environment)
        }

        private static func pings(_ daemon: DaemonProcess) -> Int {
            daemon.notify.messages.count { $0 == "WATCHDOG=1" }
        }

        private static func goOn(_ daemon: DaemonProcess) async throws {
            let count = pings(daemon)
            try await eventually(within: .seconds(30), "the watchdog is fed: \(daemon.notify.messages)") {
                try daemon.mustRun()
                return pings(daemon) > count + 2
            }
        }

        /// Soon nothing comes for two limits any more. What is on its way may come first; and looks are counted, not the
        /// time between them, in which a machine that stands still lets nobody feed.
        private static func haveStopped(_ daemon: DaemonProcess) async throws {
            let pause = Duration.milliseconds(50)
            var (count, quietLooks) = (pings(daemon), 0)
            try await eventually(within: .seconds(30), "the feeding ends: \(daemon.notify.messages)") {
                try await Task.sleep(for: pause)
                try daemon.mustRun()
                let now = pings(daemon)
                quietLooks = now == count ? quietLooks + 1 : 0
                count = now
                return Double(quietLooks) >= limit * 2 / pause
            }
        }

        @Test("The watchdog is fed at a third to a half of its limit, under load too")
        func pace() async throws {
            try await Stage.with { stage in
                let daemon = try DaemonProcess(try await Self.recipe(stage))
                try await daemon.ready()
                try await stage.sandbox.load(count: 20_000, rate: 2000)
                try await Self.goOn(daemon)
                let (count, start) = (Self.pings(daemon), ContinuousClock.now)
                try await Task.sleep(for: .seconds(6))
                let period = start.duration(to: .now) / (Self.pings(daemon) - count)
                try await stage.sandbox.stopLoad()
                figure("D3 watchdog of \(Self.limit.text) under 2,000 events/s: fed every \(period.text)")
                #expect(period < Self.limit / 2 && period > Self.limit / 4)
                try await daemon.stop()
            }
        }

        @Test("An event loop that hangs ends the feeding, although the rest of the process runs, until it goes on")
        func heldLoop() async throws {
            try await Stage.with { stage in
                let daemon = try DaemonProcess(try await Self.recipe(stage))
                try await daemon.ready()
                try await Self.goOn(daemon)
                let loop = try await HeldThread("transport", of: daemon.process.pid)
                try await Self.haveStopped(daemon)
                loop.release()
                try await Self.goOn(daemon)
                try await daemon.stop()
            }
        }

        @Test(
            "A disk that does not answer the journal's writer ends the feeding, and nothing is lost when it does again",
            .enabled(if: FreezingDisk.isPossible, "a disk can be frozen by root only"))
        func frozenDisk() async throws {
            try await Stage.with { stage in
                let disk = try await FreezingDisk()
                let daemon = try DaemonProcess(try await Self.recipe(stage, state: disk.path + "/state"))
                try await daemon.ready()
                try await stage.sandbox.load(count: 50, rate: 0)
                try await daemon.hasWritten(50, within: .seconds(30))
                try await Self.goOn(daemon)
                try disk.freeze()
                try await stage.sandbox.load(count: 50, rate: 0)
                try await Self.haveStopped(daemon)
                #expect(DaemonProcess.lineCount(of: daemon.eventFile) == 50)
                try disk.thaw()
                try await Self.goOn(daemon)
                try await daemon.hasWritten(100, within: .seconds(30))
                try await daemon.stop()
            }
        }

        @Test("A full disk is no stall: the watchdog is fed, and the status says what is wrong")
        func fullDisk() async throws {
            try await Stage.with { stage in
                let disk = try await SmallDisk()
                var recipe = try await Self.recipe(stage, state: disk.path + "/state")
                recipe.launcher = disk.launcher
                let daemon = try DaemonProcess(recipe)
                try await daemon.ready()
                try disk.fill()
                try await stage.sandbox.load(count: 10_000, rate: 1000)
                try await eventually(within: .seconds(30), "the status tells: \(daemon.notify.messages)") {
                    daemon.notify.value(of: "STATUS")?.contains("the journal cannot be written") == true
                }
                for _ in 0..<3 { try await Self.goOn(daemon) }
                try await stage.sandbox.stopLoad()
                try disk.free()
                try await daemon.hasWritten(try await stage.published().count, within: .seconds(30))
                try await daemon.stop()
            }
        }

        @Test("While no portal answers, the start is extended again and again, and the watchdog begins with READY=1")
        func extendedStart() async throws {
            try await Stage.with { stage in
                try await stage.sandbox.fault("config-error", ["vector": "C13-text", "count": 1_000])
                let daemon = try DaemonProcess(try await Self.recipe(stage))
                try await eventually(within: .seconds(30), "the start is extended: \(daemon.notify.messages)") {
                    daemon.notify.messages.count { $0 == "EXTEND_TIMEOUT_USEC=900000" } > 4
                }
                #expect(Self.pings(daemon) == 0 && !daemon.notify.has("READY=1"))
                try await stage.sandbox.fault("clear")
                try await daemon.ready()
                try await Self.goOn(daemon)
                let messages = daemon.notify.messages
                let ready = try #require(messages.firstIndex(of: "READY=1"))
                let last = try #require(messages.lastIndex(of: "EXTEND_TIMEOUT_USEC=900000"))
                #expect(last < ready || last == ready + 2)
                #expect(try #require(messages.firstIndex(of: "WATCHDOG=1")) > ready)
                try await daemon.stop()
            }
        }

        @Test("Directories, credentials and the journal's stream are the manager's, and nothing is written beside them")
        func surroundings() async throws {
            try await Stage.with { stage in
                let place = try ScratchDirectory()
                let names = ["state", "run", "logs", "etc", "credentials", "home"]
                let paths = try Dictionary(uniqueKeysWithValues: names.map { ($0, try place.directory($0)) })
                // As systemd names what LoadCredential=pulld:/etc/pulld/credentials loads.
                try place.write(try await stage.sandbox.accessToken() + "\n", to: "credentials/pulld_acme-token")
                var recipe = DaemonRecipe(
                    configuration: """
                        portals: { acme: { url: "\(stage.url)", oauth: { access_token: { credential: acme-token } } } }
                        sinks: { log: { file: { path: \(place.path)/logs/events.ndjson } } }
                        """)
                recipe.environment = [
                    "STATE_DIRECTORY": paths["state"] ?? "", "RUNTIME_DIRECTORY": paths["run"] ?? "",
                    "LOGS_DIRECTORY": paths["logs"] ?? "", "CONFIGURATION_DIRECTORY": paths["etc"] ?? "",
                    "CREDENTIALS_DIRECTORY": paths["credentials"] ?? "", "HOME": paths["home"] ?? "",
                    "INVOCATION_ID": "0123456789abcdef0123456789abcdef", "SYSTEMD_EXEC_PID": "1",
                ]
                // The device and inode of standard error, as systemd.exec(5) says.
                recipe.launcher = [
                    "sh", "-c", "JOURNAL_STREAM=$(stat -Lc %d:%i /proc/$$/fd/2) exec \"$@\"", "--",
                ]
                let daemon = try DaemonProcess(recipe)
                try await daemon.ready()
                try await stage.sandbox.load(count: 5, rate: 0)
                let file = GrowingFile(place.file("logs/events.ndjson"))
                try await file.hasLines(5, within: .seconds(30))

                let lines = daemon.process.errorOutput.split(separator: "\n")
                #expect(!lines.isEmpty && lines.allSatisfy { $0.hasPrefix("<") && $0.dropFirst(2).hasPrefix(">") })
                let written = names.filter { name in
                    (try? FileManager.default.contentsOfDirectory(atPath: place.file(name)).isEmpty) == false
                }
                #expect(Set(written).isSubset(of: ["state", "run", "logs", "credentials"]))
                #expect(FileManager.default.fileExists(atPath: place.file("state/journal.sqlite")))
                let exit = try await daemon.stop()
                #expect(exit.code == 0 && daemon.notify.has("STOPPING=1"))
            }
        }

        @Test("A reload is told from its begin to its end, with the monotonic time at which it was asked for")
        func reload() async throws {
            try await Stage.with { stage in
                let daemon = try DaemonProcess(try await Self.recipe(stage))
                try await daemon.ready()
                let before = Self.monotonicMicroseconds
                daemon.process.signal(SIGHUP)
                try await eventually(within: .seconds(30), "the reload ends: \(daemon.notify.messages)") {
                    daemon.notify.messages.count { $0 == "READY=1" } == 2
                }
                let told = daemon.notify.messages.filter { $0 == "RELOADING=1" || $0 == "READY=1" }
                #expect(told == ["READY=1", "RELOADING=1", "READY=1"])
                let time = try #require(daemon.notify.value(of: "MONOTONIC_USEC").flatMap { Int($0) })
                #expect((before...Self.monotonicMicroseconds).contains(time))
                try await Self.goOn(daemon)
                try await daemon.stop()
            }
        }

        private static var monotonicMicroseconds: Int {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
        }
    }
}

import EndToEndSupport
import Foundation
import Testing

/// A disk of 8 MB that fills up while events come, and is freed.
struct FullDiskRun: Sendable {
    enum Place: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case state = "the journal's disk"
        case file = "the event file's disk"

        var testDescription: String { rawValue }
    }

    static let rate = 300
    /// What comes meanwhile has to find room on the small disk afterwards.
    static let fullFor = Extent.of(short: 4, full: 20)

    var verdict: Verdict
    /// Lines written while the disk was full, after the first second.
    var writtenMeanwhile: Int
    var complaints: [LogLine]
    var status: String
    /// From room on the disk to the file being complete.
    var recovery: Duration
    var growth: Int
    var exit: ProcessExit

    static func begin() { _ = all }

    static let all = Together(Place.allCases, through: Soak.doors) { place in
        try await Stage.with { stage in
            let disk = try await SmallDisk()
            var recipe = try await stage.recipe(
                portal: ["start: retained"],
                sinks: place == .file ? ["log: { file: { path: \(disk.path)/events.ndjson } }"] : Soak.fileSink,
                top: place == .state ? ["journal: { keep: 10s, size: 4 MiB }"] : [], level: "info")
            recipe.launcher = disk.launcher
            if place == .state { recipe.environment["STATE_DIRECTORY"] = disk.path + "/state" }
            let daemon = try DaemonProcess(recipe)
            let path = place == .file ? disk.ownPath + "/events.ndjson" : daemon.eventFile
            try await stage.isSubscribed(daemon)
            try await stage.sandbox.loadSteadily(rate: rate)
            let file = GrowingFile(path)
            try await file.hasLines(rate, within: .seconds(20))
            let memory = MemorySeries(of: daemon.process.pid)
            try disk.fill()
            try await Task.sleep(for: .seconds(1))
            let before = file.lineCount
            try await Task.sleep(for: .seconds(fullFor))
            let meanwhile = file.lineCount - before
            let status = daemon.notify.value(of: "STATUS") ?? ""
            try daemon.mustRun()
            let growth = memory.growth(after: .milliseconds(500))
            try disk.free()
            let freed = ContinuousClock.now
            try await stage.sandbox.stopLoad()
            let published = try await stage.sandbox.ledger()
            try? await file.hasLines(published.count, within: .seconds(60))
            let recovery = freed.duration(to: .now)
            try await Task.sleep(for: .seconds(1))
            let exit = try await daemon.stop()
            return FullDiskRun(
                verdict: Verdict(EventFile(contentsOf: path), published), writtenMeanwhile: meanwhile,
                complaints: daemon.log.filter(\.isTrouble), status: status, recovery: recovery, growth: growth,
                exit: exit)
        }
    }
}

extension Soak {
    @Suite struct DiskTests {
        @Test(
            "A disk that is full for a while holds things up and loses nothing", arguments: FullDiskRun.Place.allCases)
        func full(place: FullDiskRun.Place) async throws {
            Soak.begin()
            let run: FullDiskRun
            do { run = try await FullDiskRun.all.outcome(of: place) } catch let none as SmallDisk.Unavailable {
                figure("B7 \(place.rawValue): skipped: \(none)")
                return
            }
            figure(
                """
                B7 \(place.rawValue) full for \(FullDiskRun.fullFor) s at \(FullDiskRun.rate)/s: \(run.verdict); \
                written meanwhile \(run.writtenMeanwhile), recovered in \(run.recovery.text), grown by \
                \(run.growth >> 10) KiB, said: \(run.complaints.map(\.message))
                """)
            #expect(run.verdict.isPerfect, "\(run.verdict) \(run.verdict.gaps)")
            #expect(run.exit.code == 0)
            #expect(run.growth < 16 << 20)
            // Said once, with the cure, and not once an attempt.
            #expect((1...4).contains(run.complaints.count), "\(run.complaints)")
            #expect(run.complaints.contains { "\($0)".contains(#/room|space/#) }, "\(run.complaints)")
            if place == .state { #expect(run.status.lowercased().contains("disk"), "\(run.status)") }
        }

        @Test("A state directory that cannot be written ends the daemon with 73 and one line that says what to do")
        func readOnly() async throws {
            let disk: SmallDisk
            do { disk = try await SmallDisk() } catch let none as SmallDisk.Unavailable {
                figure("B7 read-only: skipped: \(none)")
                return
            }
            try await Stage.with { stage in
                var recipe = try await stage.recipe(sinks: Soak.fileSink, level: "info")
                recipe.launcher = disk.launcher
                recipe.environment["STATE_DIRECTORY"] = disk.path + "/state"
                // New, and with a state of an earlier life.
                for hasState in [false, true] {
                    if hasState {
                        try await disk.makeWritable()
                        let daemon = try DaemonProcess(recipe)
                        try await stage.isSubscribed(daemon)
                        try await daemon.stop()
                    }
                    try await disk.makeReadOnly()
                    let daemon = try DaemonProcess(recipe)
                    let exit = try await daemon.process.exit(within: .seconds(20))
                    let said = daemon.process.errorOutput
                    figure(
                        "B7 read-only state\(hasState ? " of an earlier life" : ""): exit \(exit.code ?? -1): \(said)")
                    #expect(exit.code == 73)
                    #expect(said.split(separator: "\n").count == 1, "\(said)")
                    #expect(said.contains(disk.path), "\(said)")
                    #expect(try UnitFile.preventsRestart(after: exit))
                }
            }
        }

        @Test("A disk that is full from the start ends the daemon in order, or holds it up: it does not crash")
        func fullAtStart() async throws {
            let disk: SmallDisk
            do { disk = try await SmallDisk() } catch let none as SmallDisk.Unavailable {
                figure("B7 full at the start: skipped: \(none)")
                return
            }
            try disk.fill()
            try await Stage.with { stage in
                var recipe = try await stage.recipe(sinks: Soak.fileSink, level: "info")
                recipe.launcher = disk.launcher
                recipe.environment["STATE_DIRECTORY"] = disk.path
                let daemon = try DaemonProcess(recipe)
                let exit = try await daemon.process.exit(within: .seconds(20))
                let said = daemon.process.errorOutput
                figure("B7 disk full at the start: exit \(exit.code ?? -1): \(said)")
                #expect(exit.code == 75, "\(exit)")
                #expect(said.split(separator: "\n").count == 1, "\(said)")
                #expect(said.contains(#/room|space/#), "\(said)")
                // It has ended, and systemd leaves it alone.
                let isFinal = try UnitFile.preventsRestart(after: exit)
                #expect(!isFinal || !said.contains("by itself"), "\(said)")
            }
        }
    }
}

/// `systemd/pulld.service`.
enum UnitFile {
    /// Whether systemd leaves a daemon alone that ended so.
    static func preventsRestart(after exit: ProcessExit) throws -> Bool {
        let path = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("systemd/pulld.service")
        let line = try String(contentsOf: path, encoding: .utf8).split(separator: "\n")
            .first { $0.hasPrefix("RestartPreventExitStatus=") }
        let codes = line?.split(separator: "=").last?.split(separator: " ").compactMap { Int32($0) } ?? []
        return exit.code.map(codes.contains) ?? false
    }
}

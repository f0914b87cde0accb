import EndToEndSupport
import Foundation
import TestRandom
import Testing

/// The configuration of a daemon that is reloaded again and again.
private struct ReloadableSettings {
    enum Step: String, CaseIterable {
        case nothing, filter, path, extraSink, portalComesOrGoes, portalChanges
        case notYAML, unknownKey, noSecret, noDirectory

        var isInvalid: Bool { [.notYAML, .unknownKey, .noSecret, .noDirectory].contains(self) }
    }

    let url: String
    private(set) var hasGuest = false
    private(set) var hasExtraSink = false
    private var margin = 600
    private var filter = 0
    private var path = 0

    init(url: String) { self.url = url }

    mutating func take(_ step: Step) {
        switch step {
        case .filter: filter += 1
        case .path: path += 1
        case .extraSink: hasExtraSink.toggle()
        case .portalComesOrGoes: hasGuest.toggle()
        case .portalChanges: margin = 600 + (margin + 1) % 60
        case .nothing, .notYAML, .unknownKey, .noSecret, .noDirectory: break
        }
    }

    /// - Parameter fault: what is wrong with it.
    func text(fault: Step? = nil) -> String {
        func portal(_ name: String, _ user: Int, _ more: String = "") -> String {
            """
              \(name):
                url: \(url)
                oauth: { access_token: { env: TOKEN_\(fault == .noSecret ? 9 : user) } }
                start: retained
            \(more)
            """
        }
        var lines = ["portals:", portal("keep", 0), portal("moved", 1, "    refresh_margin: \(margin)s")]
        if hasGuest { lines.append(portal("guest", 2)) }
        lines += [
            "sinks:",
            "  log: { file: { path: $DIRECTORY/events.ndjson } }",
            "  keep: { portals: [keep], file: { path: $DIRECTORY/keep.ndjson } }",
            "  filtered: { exclude: [\"no/such\(filter)\"], file: { path: $DIRECTORY/filtered.ndjson } }",
            "  wanders: { file: { path: $DIRECTORY/\(path % 2 == 0 ? "even" : "odd").ndjson } }",
        ]
        if hasExtraSink { lines.append("  extra: { file: { path: $DIRECTORY/extra.ndjson } }") }
        switch fault {
        case .notYAML: lines.append("  }: [")
        case .unknownKey: lines.append("colour: blue")
        case .noDirectory: lines.append("  bad: { file: { path: $DIRECTORY/no/such/place } }")
        default: break
        }
        lines.append("log: { level: info, format: json }")
        return lines.joined(separator: "\n")
    }
}

/// A daemon that is reloaded again and again while events come.
struct ReloadRun: Sendable {
    enum Way: String, Sendable, Hashable { case whole }

    static let reloads = Extent.of(short: 40, full: 1_000)
    static let rate = 300

    /// The sink of everything, and the filtered one.
    var all: Verdict
    var filtered: Verdict
    /// The sink that wanders between two files.
    var wandering: EventFile.Comparison
    /// Lines of the portal that nobody touched: in its own file, and in the sink of everything.
    var keep: [String]
    var keepInAll: [String]
    var extra: EventFile
    var steps: [String: Int]
    var times: Distribution
    /// The status did not say what became of a reload.
    var wrongStatuses: [String]
    var keptConnection: Bool
    var upgrades: Int
    var sessions: Int
    var log: [LogLine]
    var refusals: Int
    var exit: ProcessExit
    var time: Duration

    static func begin() { _ = run }

    static let run = Together([Way.whole], through: Soak.doors) { _ in
        try await Stage.with(sandbox: ["--users", "3"]) { stage in
            var settings = ReloadableSettings(url: stage.url)
            let tokens = try await stage.sandbox.accessTokens()
            let environment = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ("TOKEN_\($0)", $1) })
            let daemon = try DaemonProcess(
                DaemonRecipe(configuration: settings.text(), environment: environment))
            try await stage.isSubscribed(daemon, connections: 2)
            try await daemon.ready()
            // The guest has a position from its first visit on.
            settings.take(.portalComesOrGoes)
            try await daemon.reload(settings.text())
            try await stage.isSubscribed(daemon, connections: 3)
            let connections = try await connectionsOfKeep(stage)
            let start = ContinuousClock.now
            try await stage.sandbox.load(count: 100_000_000, rate: rate, channel: "private", forAllUsers: true)
            var random = Soak.random("reload")
            var (steps, times, wrong) = ([String: Int](), [Double](), [String]())
            var sessions = 3
            for _ in 0..<reloads {
                let step = ReloadableSettings.Step.allCases.randomElement(using: &random) ?? .nothing
                settings.take(step)
                steps[step.rawValue, default: 0] += 1
                if step == .portalChanges || step == .portalComesOrGoes && settings.hasGuest { sessions += 1 }
                let time = try await daemon.reload(settings.text(fault: step.isInvalid ? step : nil))
                times.append(time.inSeconds)
                let status = daemon.notify.value(of: "STATUS") ?? ""
                if status.contains("reload failed") != step.isInvalid { wrong.append("\(step): \(status)") }
                // Half of them at once after the one before.
                let pause = Bool.random(using: &random) ? 0 : Int.random(in: 0...400, using: &random)
                try await Task.sleep(for: .milliseconds(pause))
            }
            let kept = try await connectionsOfKeep(stage) == connections
            if !settings.hasGuest {
                settings.take(.portalComesOrGoes)
                sessions += 1
            }
            if !settings.hasExtraSink { settings.take(.extraSink) }
            try await daemon.reload(settings.text())
            try await stage.sandbox.stopLoad()
            // The load's last event is published when it has already ended.
            try await Task.sleep(for: .milliseconds(200))
            let published = try await stage.published()
            try? await daemon.hasWritten(published.count, within: .seconds(60))
            // Time for a line too many.
            try await Task.sleep(for: .seconds(1))
            let upgrades = try await stage.sandbox.upgrades().accepted
            let exit = try await daemon.stop(within: .seconds(45))
            func file(_ name: String) -> EventFile { EventFile(contentsOf: daemon.directory.file("\(name).ndjson")) }
            let log = file("events")
            var wandering = file("even")
            let other = file("odd")
            wandering.lines += other.lines
            wandering.torn += other.torn
            return ReloadRun(
                all: Verdict(log, published), filtered: Verdict(file("filtered"), published),
                wandering: wandering.compared(with: published), keep: file("keep").lines.compactMap(\.mid),
                keepInAll: log.lines.filter { $0.portal == "keep" }.compactMap(\.mid), extra: file("extra"),
                steps: steps, times: Distribution(times), wrongStatuses: wrong, keptConnection: kept,
                upgrades: upgrades, sessions: sessions,
                log: daemon.log, refusals: daemon.log.count { $0.message.hasPrefix("the settings are not taken over") },
                exit: exit, time: start.duration(to: .now))
        }
    }

    /// The oldest one: the untouched portal's, which is the first of the file.
    private static func connectionsOfKeep(_ stage: Stage) async throws -> Int? {
        try await stage.sandbox.webSocketIDs().min()
    }
}

extension Soak {
    @Suite struct ReloadTests {
        @Test(
            "A daemon that is reloaded again and again loses nothing, doubles nothing, and touches what has not changed never"
        )
        func reloads() async throws {
            Soak.begin()
            let run = try await ReloadRun.run.outcome(of: .whole)
            let steps = run.steps.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            figure(
                """
                D4 \(ReloadRun.reloads) reloads in \(run.time.text) at \(ReloadRun.rate)/s, seed \(Soak.seed) (\(steps)): \
                \(run.all); filtered sink: \(run.filtered); wandering sink: \(run.wandering); unchanged portal: \
                \(run.keep.count) lines, missing \(Set(run.keepInAll).subtracting(run.keep).count), duplicated \
                \(run.keep.count - Set(run.keep).count), its connection kept: \(run.keptConnection); \(run.sessions) \
                sessions, \(run.upgrades) handshakes; a reload takes \(run.times.milliseconds)
                """)
            #expect(run.all.isPerfect, "\(run.all) \(run.all.gaps)")
            #expect(run.filtered.isPerfect, "\(run.filtered)")
            #expect(run.wandering.isComplete, "\(run.wandering)")
            #expect(run.keep == run.keepInAll && !run.keep.isEmpty)
            // It comes and goes, and goes on from where it was.
            #expect(run.extra.sequenceBreaks == 0 && run.extra.torn == 0 && run.extra.gaps.isEmpty)
            #expect(run.keptConnection)
            #expect(run.upgrades <= run.sessions, "somebody connected anew without need")
            #expect(run.log.count { $0.message == "subscribed" && $0.fields["portal"] == "keep" } == 1)
            #expect(run.wrongStatuses.isEmpty, "\(run.wrongStatuses)")
            let invalid = ["notYAML", "unknownKey", "noSecret", "noDirectory"].reduce(0) { $0 + (run.steps[$1] ?? 0) }
            #expect(run.refusals >= invalid && invalid > 0)
            let complaints = run.log.filter {
                ["warning", "error", "critical"].contains($0.level)
                    && !$0.message.hasPrefix("the settings are not taken over")
            }
            // A sink that moves to another file says so.
            let others = complaints.filter { $0.message != "the file that was written last is not there any more" }
            #expect(others.isEmpty, "\(others.prefix(5))")
            #expect(run.exit.code == 0)
        }
    }
}

import EndToEndSupport
import Foundation
import Testing

/// Many portals in one process, all of whose channels end at the same moment.
struct ManyPortalsRun: Sendable {
    enum Kind: String, Sendable, CaseIterable, CustomTestStringConvertible {
        /// Each with a host and a limit of its own; the sandbox's users stand for them.
        case portals = "portals"
        /// All on one host, which refuses more than 50 calls, less two a second.
        case users = "users of one portal"

        var testDescription: String { rawValue }
        var count: Int { self == .portals ? Extent.of(short: 50, full: 2_000) : Extent.of(short: 30, full: 300) }
        var limit: String { self == .portals ? "off" : "{ burst: 40, per_second: 2 }" }
        var sandboxLimit: String { self == .portals ? "user" : "portal" }
        /// From the start to the end of all channels: time for everybody to be there.
        var life: Int { self == .portals ? Extent.of(short: 12, full: 60) : Extent.of(short: 12, full: 180) }
        /// From there to everybody having new ones, at most.
        var patience: Int { self == .portals ? Extent.of(short: 40, full: 120) : Extent.of(short: 60, full: 480) }
        var rate: Int { Extent.of(short: 50, full: 200) }
    }

    var verdict: Verdict
    var starting: SandboxProcess.RateFigures
    var rotating: SandboxProcess.RateFigures
    /// From the end of the channels to the last switch.
    var rotated: Duration
    /// Bytes for each portal, all subscribed and idle.
    var memory: Int
    var resident: Int
    var processorSeconds: Double
    var exit: ProcessExit

    static func begin() { _ = all }

    static let all = Together(Kind.allCases, through: Soak.doors) { kind in
        raiseDescriptorLimit()
        return try await Stage.with(
            sandbox: ["--users", "\(kind.count)", "--rest-limit", kind.sandboxLimit]
        ) { stage in
            let tokens = try await stage.sandbox.accessTokens()
            // By itself, to know what a process costs without its portals.
            let alone = try DaemonProcess(recipe(kind, stage, Array(tokens.prefix(1))))
            // What it needs to start is given back when it is ready.
            try await alone.ready()
            try await Task.sleep(for: .seconds(1))
            let base = try alone.figures().residentBytes
            try await alone.stop()

            try await stage.sandbox.endChannels(in: Double(kind.life))
            let end = ContinuousClock.now.advanced(by: .seconds(kind.life))
            try await stage.sandbox.order("reset", [:])
            let daemon = try DaemonProcess(recipe(kind, stage, tokens))
            try await stage.isSubscribed(daemon, connections: kind.count, within: .seconds(kind.life))
            let starting = try await stage.sandbox.restRate()
            try await daemon.ready()
            try await Task.sleep(for: .seconds(1))
            let resident = try daemon.figures().residentBytes
            try await stage.sandbox.order("reset", [:])
            try await stage.sandbox.load(
                count: 100_000_000, rate: kind.rate, channel: "private", forAllUsers: true)
            try await Task.sleep(until: end, clock: .continuous)
            let switches = GrowingFile(daemon.process.errorPath)
            try await eventually(within: .seconds(kind.patience), "\(kind.count) portals switch") {
                try daemon.mustRun()
                try await Task.sleep(for: .milliseconds(500))
                // Not parsed before there can be enough of them.
                guard switches.lineCount >= kind.count else { return false }
                return daemon.log.count { $0.message == "switched to new channels" } >= kind.count
            }
            let rotated = end.duration(to: .now)
            try await Task.sleep(for: .seconds(3))
            try await stage.sandbox.stopLoad()
            let rotating = try await stage.sandbox.restRate()
            let published = try await stage.published()
            try? await daemon.hasWritten(published.count, within: .seconds(30))
            try await Task.sleep(for: .seconds(1))
            let processor = try daemon.figures().processorSeconds
            let exit = try await daemon.stop(within: .seconds(60))
            return ManyPortalsRun(
                verdict: Verdict(EventFile(contentsOf: daemon.eventFile), published), starting: starting,
                rotating: rotating, rotated: rotated, memory: (resident - base) / max(1, kind.count - 1),
                resident: resident, processorSeconds: processor, exit: exit)
        }
    }

    private static func recipe(_ kind: Kind, _ stage: Stage, _ tokens: [String]) -> DaemonRecipe {
        var portals = ""
        var environment: [String: String] = [:]
        for (index, token) in tokens.enumerated() {
            environment["TOKEN_\(index)"] = token
            portals += """
                  p\(index):
                    url: \(stage.url)
                    oauth: { access_token: { env: TOKEN_\(index) } }
                    start: retained
                    refresh_margin: 10s
                    request_limit: \(kind.limit)

                """
        }
        let configuration = """
            portals:
            \(portals)
            sinks:
              \(Soak.fileSink[0])
            log: { level: info, format: json }
            """
        return DaemonRecipe(configuration: configuration, environment: environment)
    }

    /// Children inherit it: a sandbox has two descriptors a subscriber.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, 65_536)
        _ = setrlimit(resource, &limit)
    }
}

extension Soak {
    @Suite struct ManyPortalsTests {
        @Test(
            "All channels of a process end at once: its calls are spread, none is refused, and nothing is lost",
            arguments: ManyPortalsRun.Kind.allCases)
        func spread(kind: ManyPortalsRun.Kind) async throws {
            Soak.begin()
            let run = try await ManyPortalsRun.all.outcome(of: kind)
            figure(
                """
                B9 \(kind.count) \(kind.rawValue): \(run.verdict); calls at start \(run.starting.calls) (most in 1 s \
                \(run.starting.highestInSecond), in 10 s \(run.starting.highestInTenSeconds)), at rotation \
                \(run.rotating.calls) (\(run.rotating.highestInSecond), \(run.rotating.highestInTenSeconds)), refused \
                \(run.starting.refused + run.rotating.refused); all switched after \(run.rotated.text); resident \
                \(run.resident >> 20) MiB, \(run.memory >> 10) KiB a portal, \
                \(String(format: "%.1f", run.processorSeconds)) s CPU
                """)
            #expect(run.verdict.isPerfect, "\(run.verdict) \(run.verdict.gaps)")
            #expect(run.starting.refused + run.rotating.refused == 0)
            #expect(run.exit.code == 0)
            switch kind {
            // The limit of each is its own; together they must not come in one moment.
            case .portals: #expect(run.rotating.highestInSecond <= max(20, kind.count * 2 / 3))
            case .users: #expect(run.rotating.highestInTenSeconds <= 40 + 20 + 1)
            }
        }
    }
}

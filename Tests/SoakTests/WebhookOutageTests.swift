import EndToEndSupport
import Foundation
import Testing

/// A webhook that takes nothing while many events come: first nobody listens, then somebody says that it is too early.
struct WebhookOutageRun: Sendable {
    enum Way: String, Sendable, Hashable { case whole }

    static let count = Extent.of(short: 2_000, full: 20_000)
    static let rate = Extent.of(short: 400, full: 167)
    /// Delivered before it goes down: the code of all that is in memory then.
    static let before = 200

    var arrivals: WebhookArrivals
    /// The file sink's lines beside it: the order of the journal.
    var file: EventFile
    var verdict: Verdict
    var balance: SinkBalance
    /// From its end of service to its return, and from there to the first event and to the last.
    var outage: Duration
    var firstAfter: Duration
    var lastAfter: Duration
    var refusals: Int
    /// From before the first event on: while it was down, and in all.
    var growthWhileDown: Int
    var growth: Int
    var resident: Int
    var troubles: [LogLine]
    var exit: ProcessExit

    static func begin() { _ = all }

    static let all = Together([Way.whole], through: Soak.doors) { _ in
        try await Stage.with { stage in
            let receiver = try WebhookReceiver()
            let daemon = try await stage.daemon(
                .automatic, portal: ["start: retained"],
                sinks: Soak.fileSink + [
                    // An attempt that is counted while nobody is there would be the last but one.
                    "app: { webhook: { url: \"http://127.0.0.1:\(receiver.port)/\", retry: { attempts: 2 } } }"
                ], level: "info")
            // What it needs to start is given back when it is ready.
            try await daemon.ready()
            try await stage.isSubscribed(daemon)
            try await stage.sandbox.load(count: before, rate: 0)
            try await eventually(within: .seconds(30), "the first ones are delivered") {
                receiver.requestCount == before
            }
            try await Task.sleep(for: .seconds(1))
            let memory = MemorySeries(of: daemon.process.pid)
            try await Task.sleep(for: .milliseconds(300))
            let down = ContinuousClock.now
            receiver.goDown()
            try await stage.sandbox.load(count: count, rate: rate)
            let patience = Duration.seconds(count / rate + 60)
            try await daemon.hasWritten(before + count / 2, within: patience)
            receiver.change { _ in "503 Service Unavailable" }
            try await receiver.comeUp()
            try await daemon.hasWritten(before + count, within: patience)
            // The longest pause is a minute.
            try await eventually(within: .seconds(90), "it is asked\n\(daemon.process.errorOutput)") {
                receiver.requestCount > before
            }
            receiver.change { _ in "200 OK" }
            let up = ContinuousClock.now
            let refusals = receiver.requestCount - before
            let growthWhileDown = memory.growth(after: .milliseconds(200))
            try await eventually(within: .seconds(90), "it is asked again\n\(daemon.process.errorOutput)") {
                receiver.requestCount > before + refusals
            }
            let first = up.duration(to: .now)
            try? await eventually(within: .seconds(120), "all are there") {
                receiver.requestCount >= before + refusals + count
            }
            let last = up.duration(to: .now)
            // Time for a request too many.
            try await Task.sleep(for: .seconds(1))
            let growth = memory.growth(after: .milliseconds(200))
            let exit = try await daemon.stop(within: .seconds(60))
            let published = try await stage.published()
            let file = EventFile(contentsOf: daemon.eventFile)
            return WebhookOutageRun(
                arrivals: WebhookArrivals(
                    receiver.requests.prefix(before) + receiver.requests.dropFirst(before + refusals)),
                file: file,
                verdict: Verdict(file, published),
                balance: try await SinkBalance(of: "app", in: daemon.databasePath),
                outage: down.duration(to: up), firstAfter: first, lastAfter: last, refusals: refusals,
                growthWhileDown: growthWhileDown, growth: growth, resident: memory.most(),
                troubles: daemon.log.filter(\.isTrouble), exit: exit)
        }
    }

    var missing: Int { Set(file.lines.compactMap(\.key)).subtracting(arrivals.keys).count }
    var eventsPerSecond: Double { Double(Self.count) / max(0.001, (lastAfter - firstAfter).inSeconds) }
}

extension Soak {
    @Suite struct WebhookOutageTests {
        @Test("A webhook that is down while thousands of events come gets them all, in order, when it is back")
        func catchesUp() async throws {
            Soak.begin()
            let run = try await WebhookOutageRun.all.outcome(of: .whole)
            figure(
                """
                C1 \(WebhookOutageRun.count) events at \(WebhookOutageRun.rate)/s while down for \
                \(Int(run.outage.inSeconds)) s, half of it refusing connections, half answering 503 \
                (\(run.refusals) times): missing \(run.missing), duplicates \(run.arrivals.duplicates); first \
                \(run.firstAfter.text) after its return, then \(Int(run.eventsPerSecond)) events/s; grown by \
                \(run.growthWhileDown >> 10) KiB meanwhile, \(run.growth >> 10) KiB in all, to \(run.resident >> 20) MiB; \(run.balance)
                """)
            #expect(run.verdict.isPerfect, "\(run.verdict)")
            #expect(run.missing == 0)
            let isInOrder = run.arrivals.keys == run.file.lines.compactMap(\.key)
            #expect(isInOrder, "not the order of the journal")
            #expect(run.arrivals.duplicates == 0 && run.arrivals.foreign == 0)
            #expect(run.refusals > 0, "it has not been asked while it answered 503")
            #expect(run.growth < 16 << 20)
            // No attempt counts against an event while the target is down.
            let count = WebhookOutageRun.before + WebhookOutageRun.count
            #expect(run.balance == SinkBalance(journaled: count, delivered: count))
            #expect((1...4).contains(run.troubles.count), "\(run.troubles)")
            #expect(run.exit.code == 0)
        }
    }
}

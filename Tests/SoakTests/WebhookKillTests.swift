import EndToEndSupport
import Foundation
import Testing

/// A daemon that is killed again and again while a webhook takes events of two portals.
struct WebhookKillRun: Sendable {
    enum Way: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case ordered = "ordered, concurrency 2"
        case parallel = "not ordered, concurrency 8"

        var testDescription: String { rawValue }
        var settings: String { self == .ordered ? "concurrency: 2" : "ordered: false, concurrency: 8" }
        /// Of an answer, microseconds: so long that the sink is always behind, and killed in the middle of its work.
        var slowness: UInt32 { self == .ordered ? 6_000 : 25_000 }
        /// As many events may come again after a crash.
        var window: Int { 64 * (self == .ordered ? 2 : 8) }
    }

    static let kills = Extent.of(short: 6, full: 200)
    static let rate = 300
    static let portals = ["p0", "p1"]

    var arrivals: WebhookArrivals
    /// The file sink's lines beside it, which come exactly once.
    var file: EventFile
    var verdict: Verdict
    var balance: SinkBalance
    var exits: [ProcessExit]
    var complaints: [LogLine]
    var time: Duration

    static func begin() { _ = all }

    static let all = Together(Way.allCases, through: Soak.doors) { way in
        try await Stage.with(sandbox: ["--users", "2"]) { stage in
            let receiver = try WebhookReceiver { _ in
                usleep(way.slowness)
                return "200 OK"
            }
            let url = "http://127.0.0.1:\(receiver.port)/"
            let lives = try DaemonLives(
                try await stage.recipe(
                    portals: 2,
                    sinks: Soak.fileSink + ["app: { webhook: { url: \"\(url)\", \(way.settings) } }"]))
            try await stage.isSubscribed(try lives.begin(), connections: 2)
            let start = ContinuousClock.now
            try await stage.sandbox.load(count: 100_000_000, rate: rate, channel: "private", forAllUsers: true)
            // From then on each portal has a position.
            try await GrowingFile(lives.eventFile).hasLines(20, within: .seconds(20))
            var random = Soak.random("webhook \(way.rawValue)")
            var ends: [Int] = []
            while ends.count < kills {
                // A third soon after its start.
                let most = Int.random(in: 0..<3, using: &random) == 0 ? 400 : 2_500
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...most, using: &random)))
                try lives.current().mustRun()
                try lives.kill()
                // What it had sent is read to its end: then every later request is another life's.
                try await eventually(within: .seconds(30), "its connections end") { receiver.connectionCount == 0 }
                ends.append(receiver.requestCount)
                try lives.begin()
            }
            try await stage.sandbox.stopLoad()
            receiver.change { _ in "200 OK" }
            // The load's last event is published when it has already ended.
            try await Task.sleep(for: .milliseconds(200))
            let published = try await stage.sandbox.ledger()
            try? await GrowingFile(lives.eventFile).hasLines(published.count, within: .seconds(60))
            let last = published.suffix(2).map(\.mid)
            try? await eventually(within: .seconds(120), "the last ones are there") {
                let ids = receiver.requests.suffix(2_000).compactMap { $0.headers["webhook-id"] }
                return last.allSatisfy { mid in ids.contains { $0.hasSuffix(mid) } }
            }
            // Time for a request too many.
            try await Task.sleep(for: .seconds(1))
            try await lives.stop()
            let file = EventFile(contentsOf: lives.eventFile)
            return WebhookKillRun(
                arrivals: WebhookArrivals(receiver.requests, lives: ends), file: file,
                verdict: Verdict(file, published),
                balance: try await SinkBalance(of: "app", in: lives.databasePath), exits: lives.exits,
                complaints: lives.log.filter { ["error", "critical"].contains($0.level) },
                time: start.duration(to: .now))
        }
    }
}

extension Soak {
    @Suite struct WebhookKillTests {
        @Test(
            "A daemon killed at any moment delivers each event at least once, and again no more than one window",
            arguments: WebhookKillRun.Way.allCases)
        func atLeastOnce(way: WebhookKillRun.Way) async throws {
            Soak.begin()
            let run = try await WebhookKillRun.all.outcome(of: way)
            let ids = run.file.lines.map { "\($0.portal ?? "")-\($0.mid ?? "")" }
            let missing = Set(ids).subtracting(run.arrivals.first.map(\.id)).count
            let most = run.arrivals.repeats.max() ?? 0
            figure(
                """
                C2 \(way.rawValue): \(WebhookKillRun.kills) kills in \(run.time.text) at \(WebhookKillRun.rate)/s, \
                seed \(Soak.seed): events \(ids.count), missing \(missing), duplicates \(run.arrivals.duplicates), \
                most after one kill \(most) of \(way.window), ids with two bodies \(run.arrivals.contradictions); \
                \(run.balance)
                """)
            #expect(run.verdict.isPerfect, "seed \(Soak.seed): \(run.verdict) \(run.verdict.gaps)")
            #expect(missing == 0 && run.arrivals.first.count == ids.count && run.arrivals.foreign == 0)
            #expect(run.arrivals.contradictions == 0)
            #expect(run.arrivals.repeats.allSatisfy { $0 <= way.window }, "\(run.arrivals.repeats)")
            #expect(run.arrivals.repeats.first == 0, "twice in one life")
            if way == .ordered {
                for portal in WebhookKillRun.portals {
                    let numbers = run.file.lines.filter { $0.portal == portal }.compactMap(\.sequence)
                    let isInOrder = run.arrivals.sequences(of: portal) == numbers
                    #expect(isInOrder, "seed \(Soak.seed), \(portal): not the order of the journal")
                }
            }
            #expect(run.balance == SinkBalance(journaled: ids.count, delivered: ids.count))
            #expect(run.exits.count { $0.signal == SIGKILL } == WebhookKillRun.kills)
            #expect(run.exits.last?.code == 0)
            #expect(run.complaints.isEmpty, "\(run.complaints.prefix(5))")
        }
    }
}

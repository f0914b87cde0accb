import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    @Suite struct WebhookTests {
        @Test("A webhook that is down for a while gets every event, in order, each id meaning one event")
        func downInTheMiddle() async throws {
            let (count, rate) = (Extent.of(short: 600, full: 5_000), 200)
            let outage = Extent.of(short: Duration.seconds(2), full: .seconds(20))
            try await Stage.with { stage in
                let receiver = try WebhookReceiver()
                let daemon = try await stage.daemon(
                    sinks: ["app: { webhook: { url: \"http://127.0.0.1:\(receiver.port)/bitrix\" } }"])
                try await stage.isSubscribed(daemon)
                let start = ContinuousClock.now
                try await stage.sandbox.load(count: count, rate: rate)
                try await eventually(within: .seconds(60), "a fifth has arrived") { receiver.requestCount >= count / 5 }
                receiver.goDown()
                let before = receiver.requestCount
                try await Task.sleep(for: outage)
                #expect(receiver.requestCount == before)
                try await receiver.comeUp()
                let up = ContinuousClock.now
                try await eventually(
                    within: .seconds(180), "all have arrived; there are \(receiver.requestCount) of \(count)"
                ) {
                    Set(receiver.requests.suffix(count + 1_000).compactMap { $0.headers["webhook-id"] }).count >= count
                }
                let (time, recovery) = (start.duration(to: .now), up.duration(to: .now))
                let exit = try await daemon.stop()
                #expect(exit.code == 0)

                let arrivals = WebhookArrivals(receiver.requests)
                let published = try await stage.published().map { "\($0.number ?? 0)" }
                #expect(published.count == count)
                #expect(arrivals.keys == published, "not each event once in the order of publication")
                #expect(arrivals.contradictions == 0, "an id with two bodies")
                // Only the request that the outage cut off may come twice.
                #expect(arrivals.duplicates <= 1)
                let balance = try await SinkBalance(of: "app", in: daemon.databasePath)
                #expect(balance == SinkBalance(journaled: count, delivered: count))
                let told = daemon.log.filter { $0.isTrouble }
                #expect(!told.isEmpty, "the outage is told")
                figure(
                    """
                    A13 \(count) events at \(rate)/s, down for \(Int(outage.inSeconds)) s: missing \
                    \(Set(published).subtracting(arrivals.keys).count), duplicates by webhook-id \
                    \(arrivals.duplicates), \(time.text) in all, \(recovery.text) after it was up again, \
                    \(told.count) warnings
                    """)
            }
        }

        @Test("A webhook that refuses gets the same event under the same id again, and no other before it")
        func refusal() async throws {
            try await Stage.with { stage in
                let receiver = try WebhookReceiver(status: "503 Service Unavailable")
                let daemon = try await stage.daemon(
                    sinks: ["app: { webhook: { url: \"http://127.0.0.1:\(receiver.port)/bitrix\" } }"])
                try await stage.isSubscribed(daemon)
                try await stage.sandbox.load(count: 3, rate: 0)
                try await eventually(within: .seconds(30), "three attempts") { receiver.requestCount >= 3 }
                let ids = receiver.requests.compactMap { $0.headers["webhook-id"] }
                let first = try await stage.published().first?.mid
                #expect(Set(ids) == ["acme-\(first ?? "")"])
                #expect(Set(receiver.requests.map(\.body)).count == 1)
                let trouble = daemon.log.first { $0.isTrouble }
                let line = try #require(trouble)
                #expect(!line.cure.isEmpty && "\(line)".contains("503"), "\(line)")
                let exit = try await daemon.stop()
                #expect(exit.code == 0)
            }
        }
    }
}

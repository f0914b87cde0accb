import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    @Suite struct WebhookPoisonTests {
        /// The load generator's number of the event that the receiver cannot digest; numbers alternate between portals.
        static let poison = 401
        static let attempts = 3
        static let window = 64

        @Test("One event that always fails holds its portal up for its schedule at most, and is a dead letter then")
        func poison() async throws {
            let count = 1_000
            try await Stage.with(sandbox: ["--users", "2"]) { stage in
                let receiver = try WebhookReceiver { request in
                    isPoison(request) ? "500 Internal Server Error" : "200 OK"
                }
                let url = "http://127.0.0.1:\(receiver.port)/"
                let retry = "retry: { attempts: \(Self.attempts), max_delay: 1s }"
                let recipe = try await stage.recipe(
                    portals: 2, sinks: ["app: { webhook: { url: \"\(url)\", \(retry) } }"])
                let daemon = try DaemonProcess(recipe)
                try await stage.isSubscribed(daemon, connections: 2)
                try await stage.sandbox.load(count: count, rate: 250, channel: "private", forAllUsers: true)
                try await eventually(within: .seconds(60), "all have had their fate; \(receiver.requestCount) requests")
                {
                    receiver.requestCount >= count - 1 + Self.attempts
                }
                let before = receiver.requests
                let bad = before.filter(isPoison)
                let taken = WebhookArrivals(before.filter { !isPoison($0) })
                #expect(bad.count == Self.attempts && Set(bad.map { $0.headers["webhook-id"] }).count == 1)
                #expect(taken.first.count == count - 1 && taken.duplicates == 0)
                for portal in ["p0", "p1"] {
                    let numbers = taken.sequences(of: portal)
                    let isInOrder = numbers == numbers.sorted()
                    #expect(isInOrder, "\(portal)")
                }

                // The rule: nobody waits longer than the schedule of one event, two waits of a second at most and its
                // attempts' own time. Another portal goes on meanwhile, for as many events as may be delivered ahead of
                // what the journal has as done.
                let number = try #require(bad.first.flatMap { WebhookArrivals([$0]).sequences().first })
                let near = number..<number + Self.window
                let held = waits(of: taken.first.filter { $0.line.portal == "p0" })
                let free = waits(
                    of: taken.first.filter { $0.line.portal == "p1" && near.contains($0.line.sequence ?? 0) })
                let all = waits(of: taken.first)
                #expect(held.most > 1.2 && all.most < 3, "p0 waited \(held.most) s, the longest \(all.most) s")
                #expect(free.count > Self.window / 4 && free.most < 1.2, "p1 waited \(free.most) s")

                let letter = try await onlyLetter(daemon)
                #expect(letter["sink"] as? String == "app" && letter["attempts"] as? Int == Self.attempts)
                #expect(letter["reason"] as? String == "500 Internal Server Error")
                let event = letter["event"] as? [String: Any]
                #expect((event?["params"] as? [String: Any])?["n"] as? Int == Self.poison)
                #expect(event?["seq"] as? Int == number && letter["seq"] as? Int == number)
                let told = daemon.log.filter { $0.message == "event given up, it is a dead letter now" }
                #expect(told.count == 1 && told.allSatisfy { $0.cure.contains("pulld dead retry") }, "\(told)")
                try await balances(daemon, SinkBalance(journaled: count, delivered: count - 1, dead: 1, letters: 1))

                receiver.change { _ in "200 OK" }
                let retried = try await pulld(["dead", "retry", "\(number)", "--state", daemon.statePath])
                #expect(retried.contains("1 dead letter"), "\(retried)")
                try await eventually(within: .seconds(30), "the dead letter is delivered") {
                    receiver.requestCount == before.count + 1
                }
                let again = try #require(receiver.requests.last)
                #expect(again.headers["webhook-id"] == bad[0].headers["webhook-id"] && again.body == bad[0].body)
                try await balances(daemon, SinkBalance(journaled: count, delivered: count))
                #expect(try await pulld(["dead", "list", "--json", "--state", daemon.statePath]).isEmpty)
                let exit = try await daemon.stop()
                #expect(exit.code == 0 && receiver.requestCount == before.count + 1)
                figure(
                    """
                    C5 one poison event among \(count), \(Self.attempts) attempts a second apart: \(taken.first.count) \
                    delivered; from receipt to delivery at most \(seconds(held.most)) in its portal, \
                    \(seconds(free.most)) in the other for the \(Self.window) events behind it, \
                    \(seconds(all.most)) for all; dead letters 1, none after pulld dead retry
                    """)
            }
        }

        private func isPoison(_ request: WebhookReceiver.Request) -> Bool {
            request.body.range(of: Data("\"params\":{\"n\":\(Self.poison),".utf8)) != nil
        }

        /// From the daemon's receipt to the webhook's, seconds.
        private func waits(of events: [WebhookArrivals.Event]) -> Distribution {
            Distribution(events.compactMap { event in event.line.receivedAt.map { event.receivedAt - $0 } })
        }

        private func onlyLetter(_ daemon: DaemonProcess) async throws -> [String: Any] {
            var lines: [Substring] = []
            try await eventually(within: .seconds(30), "there is one dead letter; there are \(lines)") {
                lines = try await pulld(["dead", "list", "--json", "--state", daemon.statePath]).split(separator: "\n")
                return lines.count == 1
            }
            return try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any] ?? [:]
        }

        /// Waits until the journal has it on disk.
        private func balances(_ daemon: DaemonProcess, _ expected: SinkBalance) async throws {
            var balance: SinkBalance?
            try? await eventually(within: .seconds(30), "the cursor is on disk") {
                balance = try await SinkBalance(of: "app", in: daemon.databasePath)
                return balance == expected
            }
            #expect(balance == expected)
        }

        private func pulld(_ arguments: [String]) async throws -> String {
            try await CommandLineTool.run(PulldProgram.path, arguments)
        }

        private func seconds(_ value: Double) -> String { String(format: "%.2f s", value) }
    }
}

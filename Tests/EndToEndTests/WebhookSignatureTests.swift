import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    /// What the daemon signs, as the specification's own library sees it.
    @Suite struct WebhookSignatureTests {
        private static let count = 1_000
        /// The newest first. The last one is nobody's.
        private static let keys = (1...3).map { number in
            "whsec_" + Data((0..<32).map { UInt8(truncatingIfNeeded: $0 * number + 7 * number) }).base64EncodedString()
        }

        /// The requests that a sink with these keys sends for a load of its own.
        private func requests(signedBy variables: [String]) async throws -> [WebhookReceiver.Request] {
            let secret = variables.map { "{ env: \($0) }" }.joined(separator: ", ")
            let receiver = try WebhookReceiver()
            try await Stage.with { stage in
                for key in Self.keys { OutputCollector.shared.remember(secret: key) }
                let url = "http://127.0.0.1:\(receiver.port)/"
                let daemon = try await stage.daemon(
                    sinks: ["app: { webhook: { url: \"\(url)\", secret: [\(secret)] } }"],
                    environment: ["NEW": Self.keys[0], "OLD": Self.keys[1]])
                try await stage.isSubscribed(daemon)
                try await stage.sandbox.load(count: Self.count, rate: 0)
                try await eventually(within: .seconds(60), "all are delivered") {
                    receiver.requestCount >= Self.count
                }
                let exit = try await daemon.stop()
                #expect(exit.code == 0)
                let balance = try await SinkBalance(of: "app", in: daemon.databasePath)
                #expect(balance == SinkBalance(journaled: Self.count, delivered: Self.count))
            }
            return receiver.requests
        }

        /// How often the library says what.
        private func verdicts(
            on requests: [WebhookReceiver.Request], key: Int, clockShift: Int = 0
        ) async throws -> [String: Int] {
            let verdicts = try await WebhookLibrary.verdicts(
                on: requests, key: Self.keys[key], clockShift: clockShift)
            return Dictionary(verdicts.map { ($0, 1) }, uniquingKeysWith: +)
        }

        private let verified = ["verified": count]
        private let noMatch = ["No matching signature found": count]

        @Test("The specification's library verifies every event, only with its key, as it was sent, and in time")
        func oneKey() async throws {
            let requests = try await requests(signedBy: ["OLD"])
            #expect(requests.count == Self.count)
            let own = try await verdicts(on: requests, key: 1)
            let foreign = try await verdicts(on: requests, key: 0)
            #expect(own == verified && foreign == noMatch, "\(own), \(foreign)")

            let changes: [(String, @Sendable (inout WebhookReceiver.Request) -> Void)] = [
                ("body", { $0.body.append(UInt8(ascii: " ")) }),
                ("id", { $0.headers["webhook-id", default: ""] += "1" }),
                // Somebody sends a captured request again, and renews what he can.
                ("timestamp", { $0.headers["webhook-timestamp"] = "\(Int($0.receivedAt) - 100)" }),
            ]
            for (name, change) in changes {
                var changed = requests
                for index in changed.indices { change(&changed[index]) }
                #expect(try await verdicts(on: changed, key: 1) == noMatch, "\(name)")
            }

            // The specification's receivers allow five minutes in both directions.
            #expect(try await verdicts(on: requests, key: 1, clockShift: 200) == verified)
            let late = try await verdicts(on: requests, key: 1, clockShift: 400)
            #expect(late == ["Message timestamp too old": Self.count])
            let early = try await verdicts(on: requests, key: 1, clockShift: -400)
            #expect(early == ["Message timestamp too new": Self.count])
            figure("C4 one key: \(own); another: \(foreign); 400 s late: \(late); 400 s early: \(early)")
        }

        @Test("During a change of keys each of the two verifies every event, and the first one's signature comes first")
        func twoKeys() async throws {
            let requests = try await requests(signedBy: ["NEW", "OLD"])
            #expect(requests.count == Self.count)
            var all: [[String: Int]] = []
            for key in 0...2 { all.append(try await verdicts(on: requests, key: key)) }
            #expect(all == [verified, verified, noMatch])
            for (place, key) in [0, 1].enumerated() {
                let alone = requests.map { request in
                    var request = request
                    let all = request.headers["webhook-signature"]?.split(separator: " ").map(String.init) ?? []
                    request.headers["webhook-signature"] = all.count == 2 ? all[place] : ""
                    return request
                }
                #expect(try await verdicts(on: alone, key: key) == verified, "the signature in place \(place)")
            }
            figure("C4 two keys: the new one: \(all[0]); the old one: \(all[1]); another: \(all[2])")
        }
    }
}

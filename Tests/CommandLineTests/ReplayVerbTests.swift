import EndToEndSupport
import Foundation
import Testing

@Suite(.serialized) struct ReplayVerbTests {
    private let secret = ["APP_SECRET": JournalStage.secret]

    @Test("A replay to a sink sends the same ids and bodies, with its secret, freshly signed, and says it is a replay")
    func toSink() async throws {
        let receiver = try WebhookReceiver()
        try await JournalStage.with(webhook: receiver.port) { journal in
            try await journal.stage.sandbox.load(count: 20, rate: 0)
            try await eventually(within: .seconds(30), "all are delivered") { receiver.requestCount == 20 }
            let replay = try await journal.run(
                ["replay", "--to", "app", "--seq", "6-15"], configured: true, environment: secret)
            #expect(replay.code == 0 && replay.output == "", "\(replay.errorOutput)")
            #expect(replay.errorOutput.hasPrefix("pulld: 10 events sent in "))
            let (first, again) = (receiver.requests[5..<15], receiver.requests[20...])
            #expect(again.map(\.body) == first.map(\.body))
            #expect(again.map { $0.headers["webhook-id"] } == first.map { $0.headers["webhook-id"] })
            #expect(again.allSatisfy { $0.headers["pulld-replay"] == "1" })
            #expect(first.allSatisfy { $0.headers["pulld-replay"] == nil })
            #expect(again.allSatisfy { $0.headers["webhook-signature"]?.hasPrefix("v1,") == true })
            let mid = try await journal.stage.published()[9].mid
            _ = try await journal.run(["replay", "--to", "app", "--mid", mid], configured: true, environment: secret)
            #expect(receiver.requestCount == 31)
            #expect(receiver.requests.last?.headers["webhook-id"] == "acme-\(mid)")
        }
    }

    @Test("Without a target the events are the lines of a file; a URL takes them with the secret of the environment")
    func toOutputAndURL() async throws {
        let receiver = try WebhookReceiver()
        try await JournalStage.with { journal in
            try await journal.publish("shop", "order.paid")
            try await journal.publish("crm", "deal")
            try await journal.daemon.hasWritten(2, within: .seconds(20))
            #expect(try await journal.run(["replay"]).lines == journal.lines)
            #expect(try await journal.run(["replay", "--until", "#1"]).lines == Array(journal.lines.prefix(1)))
            let terminal = try await journal.run(["replay", "--to", "terminal", "--module", "crm"], configured: true)
            #expect(terminal.lines == Array(journal.lines.suffix(1)), "\(terminal.errorOutput)")
            let url = "http://127.0.0.1:\(receiver.port)/other"
            let sent = try await journal.run(
                ["replay", "--to", url, "--command", "deal"], environment: ["PULLD_WEBHOOK_SECRET": JournalStage.secret]
            )
            #expect(sent.code == 0)
            let request = try #require(receiver.requests.first)
            #expect(receiver.requestCount == 1 && request.firstLine.hasPrefix("POST /other "))
            #expect(request.headers["webhook-signature"] != nil && request.headers["pulld-replay"] == "1")
            let unsigned = try await journal.run(["replay", "--to", url, "--rate", "4/s"])
            #expect(unsigned.code == 0 && receiver.requestCount == 3)
            #expect(receiver.requests.last?.headers["webhook-signature"] == nil)
        }
    }

    @Test("A dry run says what would be sent, and sends nothing")
    func dryRun() async throws {
        let receiver = try WebhookReceiver()
        try await JournalStage.with(webhook: receiver.port, options: ", retry: { attempts: 1 }") { journal in
            try await journal.publish("shop", "order.paid")
            try await journal.publish("crm", "deal")
            try await eventually(within: .seconds(30), "both are delivered") { receiver.requestCount == 2 }
            let said = try await journal.run(
                ["replay", "--to", "app", "--dry-run"], configured: true, environment: secret)
            #expect(said.code == 0 && receiver.requestCount == 2)
            #expect(said.output.hasPrefix("would be sent to the sink app: 2 events, #1 to #2, received "))
            #expect(said.output.contains("        1  acme  crm/deal\n"))
        }
    }

    @Test("An event that is not taken is tried 4 times, told with its number, and ends in 75")
    func refused() async throws {
        let receiver = try WebhookReceiver(status: "500 Internal Server Error")
        try await JournalStage.with { journal in
            try await journal.publish("shop", "order.paid")
            try await journal.daemon.hasWritten(1, within: .seconds(20))
            let replay = try await journal.run(["replay", "--to", "http://127.0.0.1:\(receiver.port)/"])
            #expect(replay.code == 75 && receiver.requestCount == 4)
            #expect(
                replay.errorOutput.hasPrefix(
                    """
                    pulld: #1 shop/order.paid was not taken: 500 Internal Server Error
                    pulld: 0 events sent, 1 not taken in
                    """))
        }
    }

    @Test("Ctrl-C ends it with 130, and it says how to go on")
    func interrupted() async throws {
        let receiver = try WebhookReceiver()
        try await JournalStage.with { journal in
            try await journal.stage.sandbox.load(count: 100, rate: 0)
            try await journal.daemon.hasWritten(100, within: .seconds(20))
            let replay = try journal.start(["replay", "--to", "http://127.0.0.1:\(receiver.port)/", "--rate", "10/s"])
            try await eventually(within: .seconds(30), "some are sent") { receiver.requestCount >= 3 }
            replay.signal(SIGINT)
            #expect(try await replay.exit(within: .seconds(30)).code == 130)
            let count = receiver.requestCount
            #expect(replay.errorOutput.hasPrefix("pulld: \(count) events sent; interrupted\n"), "\(replay.errorOutput)")
            #expect(replay.errorOutput.hasSuffix("replay with --seq \(count + 1)- and the same filters\n"))
        }
    }

    @Test("What cannot be a target is refused with what to do instead")
    func targets() async throws {
        try await JournalStage.with { journal in
            let cases: [(to: String, code: Int32, says: String)] = [
                ("log", 78, "redirect: pulld replay … > FILE"), ("nothing", 78, "it has log, terminal"),
                ("http://other.example/hook", 64, "--allow-remote"), ("http://169.254.169.254/", 64, "link-local"),
                ("http://me:s3cretc0de9@localhost/", 64, "ps"), ("ftp://localhost/", 64, "unix:/run/app.sock"),
            ]
            for test in cases {
                let result = try await journal.run(["replay", "--to", test.to], configured: true)
                #expect(result.code == test.code && result.output == "")
                #expect(result.errorOutput.contains(test.says), "\(result.errorOutput)")
                #expect(!result.errorOutput.contains("s3cretc0de9"))
            }
        }
    }
}

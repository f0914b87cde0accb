import Foundation
import Sandbox
import Testing

private let zero = "00000000000000000000000000"

@Suite("Long polling")
struct LongPollTests {
    @Test("A quiet poll ends with 304, the server's mark and the position: the sent one, the newest, or none")
    func quietPoll() async throws {
        try await Harness.run({ $0.pollHold = 0.05 }) { harness in
            let list = try await harness.channelList()
            let empty = try await harness.http.get("/sub/?CHANNEL_ID=\(list)")
            #expect(empty.status == 304)
            #expect(empty.headers["expires"] == "Thu, 01 Jan 1973 11:11:01 GMT")
            #expect(empty.headers["last-message-id"] == "")
            let id = harness.sandbox.publish(command: "c").description
            let newest = try await harness.http.get("/sub/?CHANNEL_ID=\(list)")
            #expect(newest.headers["last-message-id"] == id)
            let later = "99999999999999999999999999"
            let echo = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(later)")
            #expect(echo.status == 304)
            #expect(echo.headers["last-message-id"] == later)
            #expect(harness.sandbox.connections.isEmpty)
        }
    }

    @Test("With a position the whole history after it comes at once; without one, a single live message")
    func historyAndLive() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            let ids = (0..<5).map { harness.sandbox.publish(command: "c\($0)").description }
            let all = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(zero)")
            #expect(all.headers["content-type"] == "text/plain")
            #expect(envelopes(all.text).map(\.mid) == ids)
            let rest = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(ids[2])")
            #expect(envelopes(rest.text).map(\.mid) == Array(ids.suffix(2)))
            async let live = harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(ids[4])")
            let waiting = try await harness.connections(1)
            #expect(waiting.first?.isPoll == true)
            harness.sandbox.publish(command: "d")
            harness.sandbox.publish(command: "e")
            #expect(envelopes(try await live.text).map { $0.text["command"]?.string } == ["d"])
        }
    }

    @Test(
        "A position that is not 26 digits, or is given twice, is ignored without a word",
        arguments: [
            "mid=0000000000000000000000000", "mid=0000000000000000000000000f", "mid=\(zero)&mid=\(zero)",
        ])
    func unusablePosition(query: String) async throws {
        try await Harness.run({ $0.pollHold = 0.05 }) { harness in
            let list = try await harness.channelList()
            harness.sandbox.publish(command: "c")
            #expect(try await harness.http.get("/sub/?CHANNEL_ID=\(list)&\(query)").status == 304)
        }
    }

    @Test("Messages without expiry are live only; the others leave the store when their time is over")
    func expiry() async throws {
        let clock = TestClock()
        try await Harness.run({ $0.channelLife = 1_000_000 }, clock: clock) { harness in
            let list = try await harness.channelList()
            harness.sandbox.publish(command: "never", expiry: 0)
            harness.sandbox.publish(command: "short", expiry: 10)
            harness.sandbox.publish(command: "long", expiry: 1_000_000)
            clock.advance(by: 11)
            let first = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(zero)")
            #expect(envelopes(first.text).map { $0.text["command"]?.string } == ["long"])
            clock.advance(by: 86_400)
            harness.sandbox.publish(command: "new")
            let second = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(zero)")
            #expect(envelopes(second.text).map { $0.text["command"]?.string } == ["new"])
        }
    }

    @Test("Later servers give the newest 100 of a key and 200 over all, in the order of ids")
    func historyLimits() async throws {
        let limits: @Sendable (inout SandboxOptions) -> Void = {
            $0.historyPerChannel = 100
            $0.historyTotal = 150
        }
        try await Harness.run(limits) { harness in
            let list = try await harness.channelList()
            for index in 0..<240 {
                harness.sandbox.publish(command: "c\(index)", to: index < 120 ? .shared : .private())
            }
            let answer = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(zero)")
            let commands = envelopes(answer.text).compactMap { $0.text["command"]?.string }
            #expect(commands == (70..<120).map { "c\($0)" } + (140..<240).map { "c\($0)" })
            let shared = try await harness.config()["channels"]?["shared"]?["id"]?.string ?? ""
            let alone = try await harness.http.get("/sub/?CHANNEL_ID=\(shared)&mid=\(zero)")
            #expect(envelopes(alone.text).first?.text["command"]?.string == "c20")
            #expect(envelopes(alone.text).count == 100)
        }
    }

    @Test("A binary poll has octets for its type")
    func binaryPoll() async throws {
        let clock = TestClock()
        try await Harness.run(clock: clock) { harness in
            let list = try await harness.channelList()
            clock.advance(by: 1)
            harness.sandbox.publishBody(Array(#"{"a":1}"#.utf8))
            let answer = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&binaryMode=true&mid=\(zero)")
            #expect(answer.headers["content-type"] == "application/octet-stream")
            // The vector P1 with counter 1.
            let hex = answer.body.map { String(format: "%02x", $0) }.joined()
            #expect(hex == "0a250a230a210a0d1700000000000000000000000112077b2261223a317d1880a3052501f15365")
        }
    }
}

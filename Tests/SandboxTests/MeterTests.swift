import Foundation
import Sandbox
import Testing

@Suite("What the sandbox measures")
struct MeterTests {
    @Test("Pings at an interval measure the pongs and throw no message away")
    func pongs() async throws {
        try await Harness.run({ $0.flushWindow = 0.001 }) { harness in
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            _ = try await harness.fault(#"{"kind":"ping-interval","seconds":0.05}"#)
            var pings = 0
            while pings < 4 {
                harness.sandbox.publish(command: "c")
                let frame = try #require(try await client.frame())
                guard frame.opcode == 9 else { continue }
                pings += 1
                if pings == 4 { try await Task.sleep(for: .milliseconds(30)) }
                try await client.send(10, frame.payload)
            }
            _ = try await harness.fault(#"{"kind":"ping-interval","seconds":0}"#)
            try await eventually { try await harness.http.get("/sandbox/pongs").json["count"]?.lenientInt == 4 }
            let figures = try await harness.http.get("/sandbox/pongs").json
            #expect(figures["max"] == figures["p99"])
            #expect(try #require(figures["max"]?.lenientInt) >= 30)
            #expect(figures["p50"] != figures["max"])
            #expect(harness.sandbox.connections.first?.droppedMessages == 0)
            _ = try await harness.http.post("/sandbox/reset", "{}")
            #expect(try await harness.http.get("/sandbox/pongs").json["count"]?.lenientInt == 0)
        }
    }

    @Test("Polls at a time are counted for each set of channels; one that its client has given up does not count")
    func polls() async throws {
        try await Harness.run({ $0.users = 2 }) { harness in
            let list = try await harness.channelList()
            let other = try await harness.channelList(user: 2)
            func head(_ list: String) -> [UInt8] {
                Array("GET /sub/?CHANNEL_ID=\(list) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
            }
            // Given up and begun anew, as fast as possible: never two at a time.
            for _ in 0..<20 {
                let poll = try RawSocket(port: harness.port)
                try poll.write(head(list))
                _ = try await harness.connections(1)
                poll.disconnect()
            }
            let poll = try RawSocket(port: harness.port)
            try poll.write(head(list))
            let foreign = try RawSocket(port: harness.port)
            try foreign.write(head(other))
            _ = try await harness.connections(2)
            // The last of those given up may still stand for one of the two.
            try await eventually { try await harness.http.get("/sandbox/polls").json["current"]?.lenientInt == 2 }
            var figures = try await harness.http.get("/sandbox/polls").json
            #expect(figures["highest"]?.lenientInt == 1)
            // Some were given up before the server had read them.
            let total = figures["total"]?.lenientInt ?? 0
            #expect((3...22).contains(total))
            let second = try RawSocket(port: harness.port)
            try second.write(head(list))
            _ = try await harness.connections(3)
            figures = try await harness.http.get("/sandbox/polls").json
            #expect(figures["highest"]?.lenientInt == 2)
            second.disconnect()
            _ = try await harness.connections(2)
            _ = try await harness.http.post("/sandbox/reset", "{}")
            figures = try await harness.http.get("/sandbox/polls").json
            #expect(figures["highest"]?.lenientInt == 1 && figures["total"]?.lenientInt == 0)
            poll.disconnect()
            foreign.disconnect()
            _ = try await harness.connections(0)
            figures = try await harness.http.get("/sandbox/polls").json
            #expect(figures["current"]?.lenientInt == 0)
        }
    }

    @Test("Calls are told apart by user, and their density is the most in any second and any ten")
    func rate() async throws {
        let clock = TestClock()
        try await Harness.run({ $0.users = 3 }, clock: clock) { harness in
            for user in [1, 2, 3] { _ = try await harness.config(user: user) }
            clock.advance(by: 5)
            for user in [1, 2] { _ = try await harness.config(user: user) }
            clock.advance(by: 7)
            for _ in 0..<4 { _ = try await harness.config() }
            #expect(harness.sandbox.calls.map(\.user) == [1, 2, 3, 1, 2, 1, 1, 1, 1])
            let rate = try await harness.http.get("/sandbox/rest-rate").json
            #expect(rate["calls"]?.lenientInt == 9)
            #expect(rate["highest_1s"]?.lenientInt == 4)
            #expect(rate["highest_10s"]?.lenientInt == 6)
            #expect(rate["refused"]?.lenientInt == 0)
            _ = try await harness.http.post("/sandbox/reset", "{}")
            #expect(try await harness.http.get("/sandbox/rest-rate").json["calls"]?.lenientInt == 0)
        }
    }

    @Test("The leaky bucket lets fifty calls through at once, then two a second, by portal or by user")
    func limit() async throws {
        let clock = TestClock()
        for rule in SandboxOptions.RESTLimitRule.allCases {
            try await Harness.run({ ($0.restLimit, $0.users) = (rule, 2) }, clock: clock) { harness in
                func good(_ count: Int, user: Int = 1) async throws -> Int {
                    var good = 0
                    for _ in 0..<count {
                        let answer = try await harness.call("server.time", user: user)
                        if answer.status == 200 { good += 1 } else { #expect(answer.status == 503) }
                        if answer.status != 200 { #expect(answer.text.contains("QUERY_LIMIT_EXCEEDED")) }
                    }
                    return good
                }
                let isOff = rule == .off
                #expect(try await good(55) == (isOff ? 55 : 50))
                #expect(try await good(10, user: 2) == (rule == .portal ? 0 : 10))
                clock.advance(by: 3)
                #expect(try await good(10) == (isOff ? 10 : 6))
                let refused = try await harness.http.get("/sandbox/rest-rate").json["refused"]?.lenientInt
                #expect(refused == (isOff ? 0 : rule == .portal ? 19 : 9))
            }
        }
    }

    @Test("The ledger tells the moment of publication in microseconds")
    func moment() async throws {
        try await Harness.run { harness in
            func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }
            let before = now()
            harness.sandbox.publish(command: "c")
            let after = now()
            let line = try #require(try await harness.http.get("/sandbox/ledger").json["at"]?.lenientInt)
            #expect(Int(before)...Int(after) ~= line)
        }
    }
}

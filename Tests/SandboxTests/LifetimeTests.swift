import Foundation
import JSONText
import Sandbox
import Testing

@Suite("Ends of channels, and what is said about them")
struct LifetimeTests {
    @Test("All channels end at one moment, those made before it, too; afterwards lives are as usual")
    func commonEnd() async throws {
        let clock = TestClock()
        try await Harness.run({ ($0.users, $0.channelLife) = (3, 1_000) }, clock: clock) { harness in
            let before = try await harness.channelList()
            _ = try await harness.fault(#"{"kind":"end-channels-at","seconds":60}"#)
            clock.advance(by: 30)
            _ = try await harness.channelList(user: 2)
            #expect(try await harness.channelList() == before)
            let ends = harness.sandbox.calls.suffix(2).flatMap(\.ends)
            #expect(ends == Array(repeating: 1_700_000_060, count: 4))
            clock.advance(by: 31)
            #expect(try await harness.channelList() != before)
            #expect(harness.sandbox.calls.last?.ends == [1_700_001_061, 1_700_001_061])
        }
    }

    struct Variant: Sendable, CustomTestStringConvertible {
        var name: String
        var module = "pull"
        var command = "channel_expire"
        var action: String? = "reconnect"
        /// `date`, `number` or none.
        var start: String?
        var isKnown = true
        var testDescription: String { name }
    }

    static let variants = [
        Variant(name: "documented", start: "date"),
        Variant(name: "older", start: "date"),
        Variant(name: "deleted", start: "number"),
        Variant(name: "newest", action: "get_config"),
        Variant(name: "foreign", start: "number"),
        Variant(name: "unknown-id", start: "date", isKnown: false),
        Variant(name: "capitals", module: "PULL", command: "CHANNEL_EXPIRE", start: "date"),
        Variant(name: "broken-params", action: nil, isKnown: false),
        Variant(name: "no-params", action: nil, isKnown: false),
    ]

    @Test("channel_expire comes in every variant, with a new id behind it or without", arguments: variants)
    func expire(_ variant: Variant) async throws {
        try await Harness.run { harness in
            let before = try #require(try await harness.config()["channels"]?["shared"]?["id"]?.string)
            let client = try await harness.subscribe(Harness.encode(before))
            _ = try await harness.connections(1)
            for rotates in [false, true] {
                let order = #"{"kind":"channel-expire","variant":"\#(variant.name)","rotate":\#(rotates)}"#
                #expect(try await harness.fault(order).status == 200)
                let text = try #require(try await client.messages().first?.text)
                #expect(text["module_id"]?.string == variant.module)
                #expect(text["command"]?.string == variant.command)
                let params = text["params"]
                #expect(params?["action"]?.string == variant.action)
                #expect((params?["channel"]?["id"]?.string == before) == variant.isKnown)
                let start = params?["new_channel"]?["start"]
                #expect((start.map { $0.string == nil ? "number" : "date" }) == variant.start)
                if variant.name == "foreign" {
                    let foreign = try #require(params?["new_channel"]?["id"]?.string)
                    #expect(try await harness.subscribe(foreign).answer.status == 400)
                }
                let after = try await harness.config()["channels"]?["shared"]?["id"]?.string
                #expect((after != before) == rotates)
            }
            #expect(try await harness.fault(#"{"kind":"channel-expire","variant":"x"}"#).status == 400)
        }
    }

    @Test("Service commands go out by name", arguments: ["config_expire", "server_restart", "reopen", "open"])
    func service(command: String) async throws {
        try await Harness.run { harness in
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            _ = try await harness.fault(#"{"kind":"service","command":"\#(command)","channel":"private"}"#)
            let text = try #require(try await client.messages().first?.text)
            #expect(text["module_id"]?.string == "pull" && text["command"]?.string == command)
            #expect(text["params"] == .array([]))
        }
    }
}

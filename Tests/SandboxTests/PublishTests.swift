import Events
import Foundation
import PullProtocol
import Sandbox
import Testing

private let zero = "00000000000000000000000000"

@Suite("Publishing to the push server")
struct PublishTests {
    @Test("The portal's own way: ids without signature, expiry by header, one id for all receivers, 200 at once")
    func portalPublish() async throws {
        try await Harness.run { harness in
            let list = try await harness.channelList()
            let channels = try #require(try await harness.config()["channels"])
            let ids = ["private", "shared"].compactMap { channels[$0]?["id"]?.string?.prefix(32) }
            let path = "/pub/?CHANNEL_ID=\(ids.joined(separator: "/"))"
            let stored = try await harness.http.post(path, "not JSON", headers: ["Message-Expiry": "60"])
            #expect(stored.status == 200 && stored.body.isEmpty)
            #expect(try await harness.http.post(path, "live", headers: ["Message-Expiry": "soon"]).status == 200)
            #expect(harness.sandbox.ledger.map(\.expiry) == [60, 0])
            let poll = try await harness.http.get("/sub/?CHANNEL_ID=\(list)&mid=\(zero)")
            #expect(poll.text.components(separatedBy: "\"text\":not JSON}").count == 3)
            #expect(!poll.text.contains("live"))
        }
    }

    @Test("An id with a public part has to be signed, even for the portal; a body over a million characters is 413")
    func portalRefusals() async throws {
        try await Harness.run { harness in
            let id = try #require(try await harness.config()["channels"]?["private"]?["id"]?.string)
            let bare = try #require(id.split(separator: ".").first)
            #expect(try await harness.http.post("/pub/?CHANNEL_ID=\(bare)", "x").status == 400)
            #expect(try await harness.http.post("/pub/?CHANNEL_ID=\(id)", "x").status == 200)
            let large = String(repeating: "x", count: 1_000_001)
            #expect(try await harness.http.post("/pub/?CHANNEL_ID=\(id)", large).status == 413)
        }
    }

    @Test("Version 3 keeps a message without expiry for a day and refuses an empty one")
    func version3() async throws {
        try await Harness.run({ $0.serverVersion = 3 }) { harness in
            let id = try #require(try await harness.config()["channels"]?["shared"]?["id"]?.string).prefix(32)
            #expect(try await harness.http.post("/pub/?CHANNEL_ID=\(id)", "x").status == 200)
            #expect(harness.sandbox.ledger.map(\.expiry) == [86_400])
            let empty = try await harness.http.post("/pub/?CHANNEL_ID=\(id)", "")
            #expect(empty.status == 400 && empty.text == "Empty post requests are not allowed.")
        }
    }

    @Test("GET tells which channels are online, always with one subscriber")
    func statistics() async throws {
        try await Harness.run { harness in
            let id = try #require(try await harness.config()["channels"]?["shared"]?["id"]?.string)
            let path = "/pub/?CHANNEL_ID=\(id.prefix(32))"
            #expect(try await harness.http.get(path).text == #"{"infos":[]}"#)
            let clients = [try await harness.subscribe(id), try await harness.subscribe(id)]
            _ = try await harness.connections(clients.count)
            let online = #"{"infos":[{"channel":"\#(id.prefix(32))","subscribers":1}]}"#
            #expect(try await harness.http.get(path).text == online)
        }
    }

    @Test("A client publishes to a public id through its connection: its owner gets it with the sender")
    func clientPublish() async throws {
        try await Harness.run { harness in
            let publicID = try #require(try await harness.config()["channels"]?["private"]?["public_id"]?.string)
            let parts = publicID.split(separator: ".").map { bytes(hex: String($0)) }
            let client = try await harness.subscribe(nil, "&binaryMode=true")
            _ = try await harness.connections(1)
            let receiver = ChannelAddress(id: parts[0], signature: parts[1])
            try await client.send(2, RequestBatch.publish(Array("hi".utf8), to: [receiver], expiry: 60))
            let frame = try #require(try await client.frame())
            #expect(frame.opcode == 2)
            // Sender: type 1, and the 16 bytes of the public id.
            let sender: [UInt8] = [0x2A, 0x14, 0x08, 0x01, 0x12, 0x10] + parts[0]
            #expect(frame.payload.suffix(sender.count).elementsEqual(sender))
            try await client.send(2, RequestBatch.channelStatistics([receiver]))
            let answer = try #require(try await client.frame())
            #expect(answer.payload == [0x0A, 0x18, 0x12, 0x16, 0x0A, 0x14, 0x0A, 0x10] + parts[0] + [0x18, 0x01])
        }
    }

    struct Refused: Sendable, CustomTestStringConvertible {
        var code: Int
        var request: [UInt8]
        var testDescription: String { "\(code)" }
    }

    private static let stranger = ChannelAddress(
        id: [UInt8](repeating: 1, count: 16), signature: [UInt8](repeating: 2, count: 20))
    static let refused = [
        Refused(code: 4013, request: Array("hello".utf8)),
        Refused(code: 4013, request: []),
        Refused(code: 4017, request: RequestBatch.publish([0x30], to: [], expiry: 0)),
        Refused(
            code: 4018, request: RequestBatch.publish([0x30], to: Array(repeating: stranger, count: 101), expiry: 0)),
        Refused(
            code: 4020,
            request: RequestBatch.publish(
                [0x30], to: [ChannelAddress(id: stranger.id, isPrivate: true, signature: [])], expiry: 0)),
        Refused(code: 4021, request: RequestBatch.publish([0x30], to: [stranger], expiry: 0)),
    ]

    @Test("A request that is none, or not allowed, closes the connection with its code", arguments: refused)
    func refusedRequests(_ refused: Refused) async throws {
        try await Harness.run { harness in
            let client = try await harness.subscribe(nil, "&binaryMode=true")
            try await client.send(2, refused.request)
            #expect(try await client.frame()?.close?.code == refused.code)
        }
    }

    @Test("In text mode the server ignores what clients send")
    func textModeIgnores() async throws {
        try await Harness.run { harness in
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            try await client.send(1, Array("ping".utf8))
            try await client.send(2, Array("hello".utf8))
            harness.sandbox.publish(command: "c")
            #expect(try await client.frame()?.opcode == 1)
        }
    }

    @Test("The portal's binary form reaches private channels, with the back end as sender")
    func trustedBatch() async throws {
        try await Harness.run { harness in
            let id = try #require(try await harness.config()["channels"]?["private"]?["id"]?.string)
            let client = try await harness.subscribe(Harness.encode(id), "&binaryMode=true")
            _ = try await harness.connections(1)
            let receiver = ChannelAddress(id: bytes(hex: String(id.prefix(32))), isPrivate: true, signature: [])
            let batch = RequestBatch.publish(Array("x".utf8), to: [receiver], expiry: 5)
            let answer = try await harness.http.send("POST", "/pub/?binaryMode=true", body: batch)
            #expect(answer?.status == 200)
            let frame = try #require(try await client.frame())
            #expect(frame.payload.suffix(4) == [0x2A, 0x02, 0x08, 0x02])
        }
    }
}

private func bytes(hex: String) -> [UInt8] {
    let digits = Array(hex.utf8)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
        UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
    }
}

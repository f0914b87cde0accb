import Events
import Foundation
import Sandbox
import Testing

private let priv = "00112233445566778899aabbccddeeff"
private let pub = "ffeeddccbbaa99887766554433221100"
private let shared = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
private let privateID = "\(priv):\(pub).030f4b5ca318adba16b7a49ba051da2f1b53574e"
private let sharedID = "\(shared).1183164a0f0b588992d4c83dc49e68ec008b181b"

@Suite("Channel ids at the push server's door")
struct ChannelTests {
    struct Door: Sendable, CustomTestStringConvertible {
        var vector: String
        var list: String
        var isAccepted: Bool
        var testDescription: String { vector }
    }

    static let doors = [
        Door(vector: "S7", list: privateID, isAccepted: true),
        Door(vector: "S8", list: sharedID, isAccepted: true),
        Door(vector: "S7 and S8", list: "\(privateID)/\(sharedID)", isAccepted: true),
        Door(vector: "S9", list: "\(pub).dad6e6f9ec1789999926454d3ee6fc6851f5fc38", isAccepted: false),
        Door(
            vector: "S10", list: "\(priv):\(pub).ebe6842cf6329ff239dc5dc25c6faeeeac380937", isAccepted: false),
        Door(vector: "S11 upper case", list: privateID.uppercased(), isAccepted: false),
        Door(
            vector: "S11 without the 32nd digit", list: privateID.replacingOccurrences(of: "ff:", with: "f:"),
            isAccepted: false),
        Door(vector: "S11 with another digit", list: "\(privateID)0", isAccepted: false),
        Door(vector: "S11 unsigned", list: shared, isAccepted: false),
        Door(vector: "S12", list: "\(privateID)/\(sharedID)/", isAccepted: false),
        Door(vector: "empty", list: "", isAccepted: false),
        Door(vector: "one bad id of two", list: "\(privateID)/\(sharedID)0", isAccepted: false),
    ]

    @Test("A list of ids is accepted whole or refused whole, on WebSocket and long poll", arguments: doors)
    func door(_ door: Door) async throws {
        let change: @Sendable (inout SandboxOptions) -> Void = {
            $0.signatureKey = "unit-test-key-1"
            $0.pollHold = 0.01
        }
        try await Harness.run(change) { harness in
            let list = Harness.encode(door.list)
            let socket = try await harness.subscribe(list)
            let poll = try await harness.http.get("/sub/?CHANNEL_ID=\(list)")
            if door.isAccepted {
                #expect(socket.isOpen)
                #expect(poll.status == 304)
            } else {
                #expect(socket.answer.status == 400)
                #expect(socket.answer.text == "Wrong Channel Id.")
                #expect(poll.status == 400)
                #expect(poll.text == "4010: Wrong Channel Id.")
            }
        }
    }

    @Test("Later servers accept the upgrade and close with 4010 at once")
    func closeAfterAccept() async throws {
        try await Harness.run({ $0.wrongChannelAnswer = .closeAfterAccept }) { harness in
            let client = try await harness.subscribe("x")
            #expect(client.isOpen)
            let close = try #require(try await client.frame()?.close)
            #expect(close.code == 4010 && close.reason == "4010: Wrong Channel Id.")
        }
    }

    @Test("The cloud wants the licence's code in the URL, where a plus has to be encoded")
    func clientID() async throws {
        try await Harness.run({ $0.mode = .shared }) { harness in
            let code = try #require(try await harness.config()["clientId"]?.string)
            let list = try await harness.channelList()
            let without = try await harness.subscribe(list)
            #expect(without.answer.status == 400 && without.answer.text == "4036: Wrong Client Id.")
            let unencoded = try await harness.subscribe(list, "&clientId=\(code)")
            #expect(unencoded.answer.status == 400)
            let right = try await harness.subscribe(list, "&clientId=\(Harness.encode(code))")
            #expect(right.isOpen)
        }
    }

    @Test("A WebSocket on any other path is answered with 400")
    func otherPath() async throws {
        try await Harness.run { harness in
            let client = try await harness.subscribe(nil, path: "/elsewhere/")
            #expect(client.answer.status == 400)
        }
    }

    @Test("A channel's id stays until the first operation after its end, which makes a new one and tells the old")
    func lazyRotation() async throws {
        let clock = TestClock()
        try await Harness.run({ $0.channelLife = 100 }, clock: clock) { harness in
            let before = try #require(try await harness.config()["channels"]?["shared"])
            clock.advance(by: 99)
            #expect(try await harness.config()["channels"]?["shared"] == before)
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            clock.advance(by: 2)
            // The event is the first operation: it goes to the new id, and the old one hears of the change only.
            let body = #"{"COMMAND":"event"}"#
            #expect(try await harness.call("pull.application.event.add", body).status == 200)
            let frame = try #require(try await client.frame())
            let messages = envelopes(frame.text)
            #expect(messages.map { $0.text["command"]?.string } == ["channel_expire"])
            #expect(messages.first?.text["module_id"]?.string == "pull")
            let named = messages.first?.text["params"]?["channel"]?["id"]?.string
            #expect(named == before["id"]?.string)
            let after = try #require(try await harness.config()["channels"]?["shared"])
            #expect(after["id"] != before["id"])
            #expect(after["start"]?.string == "2023-11-15T00:15:01+02:00")
            #expect(after["end"]?.string == "2023-11-15T00:16:41+02:00")
            // Old ids stay connectable.
            let old = try await harness.subscribe(Harness.encode(try #require(before["id"]?.string)))
            #expect(old.isOpen)
        }
    }

    @Test("channel_expire comes in the form that was chosen", arguments: SandboxOptions.ExpireForm.allCases)
    func expireForms(form: SandboxOptions.ExpireForm) async throws {
        try await Harness.run({ $0.expireForm = form }) { harness in
            let config = try await harness.config()
            let client = try await harness.subscribe()
            _ = try await harness.connections(1)
            harness.sandbox.rotateNow()
            var found: [String: String] = [:]
            while found.count < 2 {
                let frame = try #require(try await client.frame())
                for (_, text) in envelopes(frame.text) {
                    let params = text["params"]
                    let id = try #require(params?["channel"]?["id"]?.string)
                    let isPrivate = config["channels"]?["private"]?["id"]?.string?.hasPrefix(id.prefix(32)) == true
                    #expect(!id.contains(":") && id.utf8.count == 73)
                    let type = params?["channel"]?["type"]?.string ?? "-"
                    let start = params?["new_channel"]?["start"]
                    let successor = start == nil ? "none" : start?.string == nil ? "number" : "date"
                    found[isPrivate ? "private" : "shared"] =
                        "\(params?["action"]?.string ?? "-") \(type) \(successor)"
                }
            }
            let client32 = harness.sandbox.options.clientID
            switch form {
            case .documented:
                #expect(found == ["private": "reconnect private date", "shared": "reconnect shared date"])
            case .older:
                #expect(found == ["private": "reconnect \(client32) none", "shared": "reconnect \(client32) date"])
            case .deleted:
                #expect(found == ["private": "reconnect \(client32) number", "shared": "reconnect \(client32) number"])
            case .newest:
                #expect(found == ["private": "get_config \(client32) none", "shared": "get_config \(client32) none"])
            }
        }
    }
}

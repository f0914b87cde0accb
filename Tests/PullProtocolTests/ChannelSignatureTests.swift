import PullProtocol
import Secrets
import Testing

struct ChannelSignatureTests {
    @Test("Signatures are over the text of the ids (S1, S2, S3, S4, S6)")
    func signatures() {
        let sign = { (one: String, other: String?) in
            ChannelSignature.sign(privateHex: one, publicHex: other, key: Vectors.key)
        }
        #expect(sign(Vectors.privateHex, nil) == "ebe6842cf6329ff239dc5dc25c6faeeeac380937")
        #expect(sign(Vectors.privateHex, Vectors.publicHex) == "030f4b5ca318adba16b7a49ba051da2f1b53574e")
        let ofPublic = ChannelSignature.signPublic(publicHex: Vectors.publicHex, key: Vectors.key)
        #expect(ofPublic == "dad6e6f9ec1789999926454d3ee6fc6851f5fc38")
        #expect(sign(Vectors.sharedHex, nil) == "1183164a0f0b588992d4c83dc49e68ec008b181b")
        let long = ChannelSignature.sign(privateHex: Vectors.sharedHex, key: Vectors.key, algorithm: .sha256)
        #expect(long == "910d8371f4fe625e5bb232ca4175f352c958f05b60952fc8b9bf2c7c33188428")
    }

    @Test("A signature over the raw bytes of an id is not the signature (S5)")
    func trap() {
        let wrong = Vectors.sharedHex + ".ce4174c371e765b7131d17b0698e55ea9e2d2f77"
        #expect(ChannelSignature.verify(wrong, for: .subscribe, key: Vectors.key) == nil)
        let signature = ChannelSignature.sign(privateHex: Vectors.privateHex, key: Vectors.key)
        #expect(signature != "ce4174c371e765b7131d17b0698e55ea9e2d2f77")
    }

    @Test("Ids of the usual lengths are taken, and a longer signature as well (S6, S7, S8)")
    func accepted() {
        #expect(Vectors.privateID.utf8.count == 106)
        #expect(Vectors.sharedID.utf8.count == 73)
        let long = ChannelSignature.sign(privateHex: Vectors.sharedHex, key: Vectors.key, algorithm: .sha256)
        let texts = [Vectors.privateID, Vectors.sharedID, Vectors.sharedHex, Vectors.sharedHex + "." + long]
        for text in texts { #expect(ChannelID(text)?.secret.exposed == text) }
        let list = Vectors.privateID + "/" + Vectors.sharedID
        let channels = ChannelSignature.verify(list, for: .subscribe, key: Vectors.key)
        #expect(channels?.map(\.privateHex) == [Vectors.privateHex, Vectors.sharedHex])
        #expect(channels?.map(\.publicHex) == [Vectors.publicHex, nil])
    }

    @Test("A public id is a receiver and no channel (S9)")
    func publicID() {
        #expect(ChannelSignature.verify(Vectors.publicID, for: .receive, key: Vectors.key)?.count == 1)
        #expect(ChannelSignature.verify(Vectors.publicID, for: .subscribe, key: Vectors.key) == nil)
        #expect(ChannelSignature.verify(Vectors.sharedID, for: .receive, key: Vectors.key) == nil)
        #expect(ChannelSignature.verify(Vectors.privateID, for: .receive, key: Vectors.key) == nil)
    }

    @Test(
        "One bad id makes the server refuse the whole list (S10, S11, S12)",
        arguments: [
            "\(Vectors.privateHex):\(Vectors.publicHex).\(Vectors.privateSignature)",
            Vectors.privateID.uppercased(),
            String(Vectors.privateID.prefix(31)) + Vectors.privateID.dropFirst(32),
            Vectors.privateID + "0",
            Vectors.sharedHex,
            "\(Vectors.privateID)/\(Vectors.sharedID)/",
            "\(Vectors.privateID)//\(Vectors.sharedID)",
            "/\(Vectors.sharedID)",
            "\(Vectors.sharedID)/\(Vectors.sharedHex).00",
            "", ".", ":", "\(Vectors.sharedHex):", "\(Vectors.sharedID).x", "a:b:c.d",
        ])
    func refused(list: String) {
        #expect(ChannelSignature.verify(list, for: .subscribe, key: Vectors.key) == nil)
    }

    @Test("The portal may publish without a signature, but not with a wrong one (S11)")
    func publishing() {
        #expect(ChannelSignature.verify(Vectors.sharedHex, for: .publish, key: Vectors.key)?.count == 1)
        #expect(ChannelSignature.verify(Vectors.privateID, for: .publish, key: Vectors.key)?.count == 1)
        #expect(ChannelSignature.verify(Vectors.sharedID + "0", for: .publish, key: Vectors.key) == nil)
    }

    @Test(
        "An id that would break the list or the address is none",
        arguments: [
            "", "a b", "a\tb", "a/b", "a?b", "a#b", "a&b", "a\u{0}b", "a\u{85}b", "a\u{A0}b", "a\u{2028}b",
            String(repeating: "a", count: 513),
        ])
    func invalidIDs(text: String) {
        #expect(ChannelID(text) == nil)
    }

    @Test("An id names its channel by the first 32 digits (V1) and never prints")
    func matching() throws {
        let id = try #require(ChannelID(Vectors.privateID))
        #expect(id.matches("\(Vectors.privateHex).\(Vectors.privateSignature)"))
        #expect(id.matches(Secret(Vectors.privateHex)))
        #expect(!id.matches(Vectors.sharedID))
        #expect(!id.matches(""))
        #expect(!id.matches("."))
        #expect(ChannelID(".x")?.matches(".x") == false)
        #expect(ChannelID("x.y")?.matches("x.z") == true)
        #expect(ChannelID(String(repeating: "a", count: 512)) != nil)
        let printed = "\(id) \(String(reflecting: id)) \(Vectors.both)"
        #expect(!printed.contains("0011") && !printed.contains("030f"))
    }
}

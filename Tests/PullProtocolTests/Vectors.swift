import Events
import PullProtocol
import Secrets

/// Ids and texts that the test vectors share.
enum Vectors {
    static let key: Secret = "unit-test-key-1"
    static let privateHex = "00112233445566778899aabbccddeeff"
    static let publicHex = "ffeeddccbbaa99887766554433221100"
    static let sharedHex = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
    static let privateSignature = "ebe6842cf6329ff239dc5dc25c6faeeeac380937"
    static let privateID = "\(privateHex):\(publicHex).030f4b5ca318adba16b7a49ba051da2f1b53574e"
    static let sharedID = "\(sharedHex).1183164a0f0b588992d4c83dc49e68ec008b181b"
    static let publicID = "\(publicHex).dad6e6f9ec1789999926454d3ee6fc6851f5fc38"
    static let a = MessageID(generation: 1_700_000_000, counter: 41)
    static let b = MessageID(generation: 1_700_000_000, counter: 42)
    static let c = MessageID(generation: 1_700_000_000, counter: 43)

    /// The ids of a list that are ids at all.
    static func ids(_ texts: String...) -> [ChannelID] {
        texts.compactMap { ChannelID($0) }
    }

    static func channels(private privateID: String? = nil, shared sharedID: String? = nil) -> [Channel] {
        let pairs = [(privateID, ChannelKind.private), (sharedID, ChannelKind.shared)]
        return pairs.compactMap { text, kind in
            text.flatMap { ChannelID($0) }.map { Channel(kind: kind, id: $0, end: 1_700_043_205) }
        }
    }

    static let both = channels(private: privateID, shared: sharedID)
}

extension Verdict {
    var keepsPosition: Bool { adopts == nil }
}

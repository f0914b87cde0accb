import PullProtocol
import Secrets

/// The channels of a `CHANNEL_ID`, after the check of their signatures, as keys of the push server's store.
struct ChannelList: Sendable {
    /// A private channel has two: messages of the portal go to its private id, messages of clients to its public one.
    private(set) var keys: [ChannelKey] = []
    /// Ids of those among them that have a public part. Connections to them are counted.
    private(set) var privateIDs: [String] = []
    /// The public id of the first channel that has one: the sender of what this subscriber publishes.
    private(set) var publicID: String?

    /// No channel at all.
    init() {}

    /// Nil as soon as one id is malformed or wrongly signed: one bad id spoils the list. Where the portal itself
    /// publishes, an id without a public part needs no signature.
    init?(_ text: String, for purpose: ChannelSignature.Purpose, key: Secret) {
        guard let channels = ChannelSignature.verify(text, for: purpose, key: key) else { return nil }
        if text.split(separator: "/").contains(where: { $0.contains(":") && !$0.contains(".") }) { return nil }
        for channel in channels {
            add(ChannelKey(id: channel.privateHex))
            if let publicHex = channel.publicHex {
                add(ChannelKey(id: publicHex, isPublic: true))
                privateIDs.append(channel.privateHex)
                publicID = publicID ?? publicHex
            }
        }
    }

    private mutating func add(_ key: ChannelKey) {
        if !keys.contains(key) { keys.append(key) }
    }
}

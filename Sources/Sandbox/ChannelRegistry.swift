import PullProtocol
import Secrets
import Synchronization

/// Whom a channel belongs to. An application has a set of its own beside the portal's interface channels.
enum ChannelOwner: Hashable, Sendable {
    case applicationShared
    case applicationPrivate(user: Int)
    case portalShared
    case portalPrivate(user: Int)

    var isShared: Bool { self == .applicationShared || self == .portalShared }
    var isApplication: Bool {
        switch self {
        case .applicationShared, .applicationPrivate: true
        case .portalShared, .portalPrivate: false
        }
    }
}

/// One life of a channel.
struct PortalChannel: Sendable {
    var owner: ChannelOwner
    /// 32 lower-case hex digits.
    var id: String
    /// The paired public id: private channels of version 4 only.
    var publicID: String?
    /// Unix seconds.
    var start: Double
    var end: Double

    var kind: String { owner.isShared ? "shared" : "private" }
}

/// The portal's channel table.
///
/// Rotation is lazy: an id lives on after its `end` until the first operation that needs the channel, and that operation
/// makes the new id and tells the old one (`channel_expire`). Asking earlier changes nothing.
final class ChannelRegistry: Sendable {
    /// A rotation that happened: the old life and the new.
    struct Change: Sendable {
        var old: PortalChannel
        var new: PortalChannel
    }

    private let options: SandboxOptions
    private let secrets: SecretLedger
    private let channels = Mutex<[ChannelOwner: PortalChannel]>([:])

    init(options: SandboxOptions, secrets: SecretLedger) {
        self.options = options
        self.secrets = secrets
    }

    /// The channel now, and the change if this call was the one that found it over.
    func channel(of owner: ChannelOwner) -> (channel: PortalChannel, change: Change?) {
        let now = options.clock()
        return channels.withLock { channels in
            let old = channels[owner]
            if let old, now < old.end { return (old, nil) }
            let new = make(owner, now: now)
            channels[owner] = new
            return (new, old.map { Change(old: $0, new: new) })
        }
    }

    /// Lets the lives of all channels, or of one owner's, end now. Nothing is sent and no id changes before the next
    /// operation that needs one.
    func endNow(_ owner: ChannelOwner? = nil) {
        let now = options.clock()
        channels.withLock { channels in
            for key in channels.keys where owner == nil || owner == key { channels[key]?.end = now }
        }
    }

    /// Replaces an owner's channel whatever its `end` says, as the portal's cleaning agent does.
    func rotate(_ owner: ChannelOwner) -> Change? {
        let now = options.clock()
        return channels.withLock { channels in
            guard let old = channels[owner] else { return nil }
            let new = make(owner, now: now)
            channels[owner] = new
            return Change(old: old, new: new)
        }
    }

    /// Owners whose channel has been asked for at least once.
    var owners: [ChannelOwner] { channels.withLock { Array($0.keys) } }

    private func make(_ owner: ChannelOwner, now: Double) -> PortalChannel {
        let channel = PortalChannel(
            owner: owner, id: RandomText.hex(32),
            publicID: owner.isShared || options.serverVersion < 4 ? nil : RandomText.hex(32), start: now,
            end: now + options.channelLife)
        secrets.add(channel.id, channel.publicID, id(of: channel), signedID(channel.id), publicID(of: channel))
        let signed = [id(of: channel), signedID(channel.id), publicID(of: channel)]
        for text in signed { secrets.add(text?.split(separator: ".").last.map(String.init)) }
        return channel
    }

    // MARK: Signed forms

    /// The config's `id`: `priv32:pub32.signature`, or `id32.signature`. The signature is computed at each answer, and
    /// is the same as long as the key stays.
    func id(of channel: PortalChannel) -> String {
        guard let publicID = channel.publicID else { return signedID(channel.id) }
        let signature = ChannelSignature.sign(privateHex: channel.id, publicHex: publicID, key: options.key)
        return "\(channel.id):\(publicID).\(signature)"
    }

    /// The config's `public_id`, of channels that have one.
    func publicID(of channel: PortalChannel) -> String? {
        channel.publicID.map { "\($0).\(publicSignature(of: $0))" }
    }

    func publicSignature(of id: String) -> String {
        ChannelSignature.signPublic(publicHex: id, key: options.key)
    }

    /// `id32.signature`, as service commands name any channel.
    func signedID(_ id: String) -> String {
        "\(id).\(ChannelSignature.sign(privateHex: id, key: options.key))"
    }
}

/// Ids and tokens without meaning.
enum RandomText {
    static func hex(_ digits: Int) -> String {
        String((0..<digits).map { _ in "0123456789abcdef".randomElement() ?? "0" })
    }
}

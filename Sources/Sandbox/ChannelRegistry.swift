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

    private struct State {
        var channels: [ChannelOwner: PortalChannel]
        /// A moment at which everything ends, lives that begin before it included.
        var commonEnd = 0.0
    }

    private let options: SandboxOptions
    private let secrets: SecretLedger
    private let file: StoreFile?
    private let state: Mutex<State>

    /// - Parameter stored: the channels of an earlier run.
    init(
        options: SandboxOptions, secrets: SecretLedger, file: StoreFile? = nil,
        stored: [ChannelOwner: PortalChannel] = [:]
    ) {
        self.options = options
        self.secrets = secrets
        self.file = file
        state = Mutex(State(channels: stored))
        for channel in stored.values { remember(channel) }
    }

    /// The channel now, and the change if this call was the one that found it over.
    func channel(of owner: ChannelOwner) -> (channel: PortalChannel, change: Change?) {
        let now = options.clock()
        return state.withLock { state in
            let old = state.channels[owner]
            if let old, now < old.end { return (old, nil) }
            let new = make(owner, now: now, in: &state)
            return (new, old.map { Change(old: $0, new: new) })
        }
    }

    /// Lets the lives of all channels end now. Nothing is sent and no id changes before the next operation that needs one.
    func endNow() {
        let now = options.clock()
        state.withLock { endAll(at: now, in: &$0) }
    }

    /// Lets the lives of all channels end in so many seconds, at the same moment; those of channels that begin before it,
    /// too. Who has asked before has been told another end.
    func endAll(in seconds: Double) {
        let end = options.clock() + seconds
        state.withLock { state in
            state.commonEnd = end
            endAll(at: end, in: &state)
        }
    }

    private func endAll(at end: Double, in state: inout State) {
        for (owner, channel) in state.channels {
            var channel = channel
            channel.end = end
            state.channels[owner] = channel
            file?.append(.channel(channel))
        }
    }

    /// Replaces an owner's channel whatever its `end` says, as the portal's cleaning agent does.
    func rotate(_ owner: ChannelOwner) -> Change? {
        let now = options.clock()
        return state.withLock { state in
            guard let old = state.channels[owner] else { return nil }
            return Change(old: old, new: make(owner, now: now, in: &state))
        }
    }

    /// Owners whose channel has been asked for at least once.
    var owners: [ChannelOwner] { state.withLock { Array($0.channels.keys) } }

    private func make(_ owner: ChannelOwner, now: Double, in state: inout State) -> PortalChannel {
        let end = now + options.channelLife
        let channel = PortalChannel(
            owner: owner, id: RandomText.hex(32),
            publicID: owner.isShared || options.serverVersion < 4 ? nil : RandomText.hex(32), start: now,
            end: now < state.commonEnd ? min(end, state.commonEnd) : end)
        state.channels[owner] = channel
        file?.append(.channel(channel))
        remember(channel)
        return channel
    }

    private func remember(_ channel: PortalChannel) {
        secrets.add(channel.id, channel.publicID)
        for text in [id(of: channel), signedID(channel.id), publicID(of: channel)] {
            secrets.add(text, text?.split(separator: ".").last.map(String.init))
        }
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
        var text = ""
        while text.utf8.count < digits {
            let part = String(UInt64.random(in: 0...UInt64.max), radix: 16)
            text += String(repeating: "0", count: 16 - part.utf8.count) + part
        }
        return String(text.prefix(digits))
    }
}

import Secrets

/// How the portal in a box behaves. The defaults are those of a real portal with a version 4 push server.
public struct SandboxOptions: Sendable {
    /// Who owns the push server: `personal` is a server of the portal's own, `shared` is the cloud, which wants a
    /// `clientId` in every connection URL.
    public enum Mode: String, Sendable {
        case personal
        case shared
    }

    /// What a wrongly signed channel id brings on a WebSocket.
    public enum WrongChannelAnswer: String, Sendable {
        /// The handshake fails with 400 `Wrong Channel Id.` (push server 2.0).
        case refusedHandshake = "handshake"
        /// The upgrade succeeds and close code 4010 follows at once (later 2.x).
        case closeAfterAccept = "close"
    }

    /// The four shapes in which portals of different age announce a changed application channel.
    public enum ExpireForm: String, Sendable, CaseIterable {
        /// The documentation's: `reconnect`, type `shared` or `private`, a full `new_channel`.
        case documented
        /// Older portals: `reconnect`, type is the application's client id, `new_channel` for the shared channel only.
        case older
        /// Sent when a cleaning agent deletes a channel: `new_channel` is the portal's general channel, the wrong one,
        /// and its `start` is a number.
        case deleted
        /// The newest portals: `get_config`, type is the client id, no `new_channel`.
        case newest
    }

    /// Whose calls share a bucket of the portal's limit: +1 a call, -2 a second, refusal above 50.
    public enum RESTLimitRule: String, Sendable, CaseIterable {
        /// No limit.
        case off
        /// All calls from one address.
        case portal
        /// The calls of each user from one address: every user stands for a portal of its own.
        case user
    }

    /// An IPv4 address of this machine. The control interface answers loopback peers only.
    public var host = "127.0.0.1"
    /// 0: any free port.
    public var port: UInt16 = 0
    /// What the config answer advertises when a TLS proxy stands in front, such as `https://localhost:8443`. With it
    /// the `*_secure` URLs are filled; without it they are empty and the plain ones carry the listening address.
    public var publicHTTPBase: String?
    /// The same for the WebSocket, such as `wss://localhost:8443`.
    public var publicWebSocketBase: String?
    /// 3: text envelopes only; 4: text or binary by the subscriber's wish; 5: JSON-RPC with a token, or as 4.
    public var serverVersion = 4
    public var mode = Mode.personal
    public var wrongChannelAnswer = WrongChannelAnswer.refusedHandshake
    public var expireForm = ExpireForm.older
    /// Seconds from a channel's creation to its `end`.
    public var channelLife = 43_205.0
    /// Seconds in which a WebSocket's messages are collected after one was sent at once.
    public var flushWindow = 0.4
    /// Seconds between pings, which are text frames from version 5 on. A connection that has not answered one when the next is due is destroyed.
    public var pingInterval = 120.0
    /// Seconds that a long poll waits for a message.
    public var pollHold = 40.0
    /// Newest messages that a resuming subscriber gets of each channel key. Nil: no limit (push server 2.0); later
    /// servers have 100.
    public var historyPerChannel: Int?
    /// Newest messages that it gets over all its keys. Nil: no limit; later servers have 200.
    public var historyTotal: Int?
    /// Seconds for which the push server keeps a message, if its expiry is not shorter; a day at most.
    public var retention = 86_400.0
    public var restLimit = RESTLimitRule.off
    /// A file in which messages, the counter, channels and tokens outlive the process. Nil: nothing does.
    public var storePath: String?
    /// Begin with an empty push server under a new generation of ids; channels, tokens and the ledger are taken from the
    /// file.
    public var forgetsMessages = false
    /// Of the random decisions about holes. Nil: another one each time.
    public var seed: UInt64?
    /// Shared by the portal and the push server.
    public var signatureKey = "sandbox-signature-key"
    public var isWebSocketEnabled = true
    /// Seconds that an access token lives.
    public var tokenLife = 3_600.0
    /// Users 1…N of the portal. Each has its own tokens, webhook code and private channel. User 1 is administrator.
    public var users = 1
    public var clientID = "local.0123456789abcd.01234567"
    public var clientSecret = "sandbox-client-secret"
    /// The public code of the licence: `clientId` in mode `shared`.
    public var licenceCode = "sandbox/licence+code="
    /// The portal's clock, Unix seconds. Channels, tokens and retention go by it; collecting, pings and polls go by the
    /// machine's monotonic clock.
    public var clock: @Sendable () -> Double

    public init(clock: @escaping @Sendable () -> Double = { WireDates.systemTime() }) {
        self.clock = clock
    }

    var key: Secret { Secret(signatureKey) }
}

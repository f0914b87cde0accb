public import Events
public import Secrets

/// One channel of a configuration.
public struct Channel: Sendable, Hashable {
    public var kind: ChannelKind
    public var id: ChannelID
    /// The signed public id: the right to publish to this user. Nil where there is none.
    public var publicID: Secret?
    /// Unix seconds, by the portal's clock: when it was made. Nil where the portal says nothing readable.
    public var start: Int64?
    /// Unix seconds, by the portal's clock. Where the portal says nothing readable: 12 hours after the answer.
    public var end: Int64
    /// Unix seconds, by the portal's clock: when it was replaced, as its subscribers were told. Nil: nothing was told yet.
    public var replacedAt: Int64?
    /// Of a former channel, as long as it is not known whether the pause after its end was one.
    public var pause: ChannelPause?

    public init(kind: ChannelKind, id: ChannelID, publicID: Secret? = nil, start: Int64? = nil, end: Int64) {
        self.kind = kind
        self.id = id
        self.publicID = publicID
        self.start = start
        self.end = end
    }
}

/// What a portal answers to `pull.application.config.get` and `pull.config.get`: where its push server is and what to
/// subscribe to.
public struct PullConfiguration: Sendable, Hashable {
    public enum Mode: String, Sendable {
        /// The portal's own push server.
        case personal
        /// A server for many portals, which wants a client id.
        case shared
    }

    /// 1, 2: nginx's push module. 3: push server 1.0. 4: push server 2.0. 5 and up: JSON-RPC.
    public var version: Int
    public var mode: Mode
    /// False: real time is switched off; no connection can be made.
    public var isEnabled: Bool
    /// Nil if WebSocket is switched off or has no usable address. Secure, or on this machine's loopback.
    public var webSocketURL: String?
    /// Nil if there is no usable address. Secure, or on this machine's loopback.
    public var longPollingURL: String?
    /// Private before shared. Empty only where `jwt` stands in for them, or where real time is switched off.
    public var channels: [Channel]
    public var clientID: Secret?
    /// Stands in for the channels' ids where it is there.
    public var jwt: Secret?
    /// Unix seconds, read from the token itself.
    public var jwtExpiry: Int64?
    /// Unix seconds: validity of the whole configuration.
    public var expiry: Int64?
    /// Changes when an administrator changes the server's settings.
    public var timestamp: Int
    /// The portal's clock when it answered, Unix seconds.
    public var portalTime: Double?
    /// Unix seconds: when to ask again at the latest. The earliest of all channels' ends, the configuration's and, five
    /// minutes ahead, the token's.
    public var earliestEnd: Int64
    /// The user whose private channel this is. Nil where the portal does not say.
    public var userID: Int?

    public init(
        version: Int, mode: Mode = .personal, isEnabled: Bool = true, webSocketURL: String? = nil,
        longPollingURL: String? = nil, channels: [Channel] = [], clientID: Secret? = nil, jwt: Secret? = nil,
        jwtExpiry: Int64? = nil, expiry: Int64? = nil, timestamp: Int = 0, portalTime: Double? = nil, earliestEnd: Int64
    ) {
        self.version = version
        self.mode = mode
        self.isEnabled = isEnabled
        self.webSocketURL = webSocketURL
        self.longPollingURL = longPollingURL
        self.channels = channels
        self.clientID = clientID
        self.jwt = jwt
        self.jwtExpiry = jwtExpiry
        self.expiry = expiry
        self.timestamp = timestamp
        self.portalTime = portalTime
        self.earliestEnd = earliestEnd
    }

    /// How to ask for the messages: what the official client asks of a server of this version.
    public var payloadMode: PayloadMode {
        switch version {
        case ...3: .text
        case 4: .binary
        default: .jsonRPC
        }
    }

    /// Whether a connection made from `other` is still the right one. False: switch over.
    public func makesSameConnections(as other: PullConfiguration) -> Bool {
        version == other.version && mode == other.mode && isEnabled == other.isEnabled
            && webSocketURL == other.webSocketURL && longPollingURL == other.longPollingURL
            && clientID == other.clientID && jwt == other.jwt && channels.map(\.id) == other.channels.map(\.id)
    }
}

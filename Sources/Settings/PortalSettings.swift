/// One portal of `portals:`.
public struct PortalSettings: Hashable, Sendable {
    public enum Channel: String, CaseIterable, Sendable {
        case shared
        case `private`
    }

    public enum Transport: String, CaseIterable, Sendable {
        /// WebSocket, and long polling where WebSocket is not to be had.
        case auto
        case websocket
        case longPolling = "long-polling"
    }

    /// What a subscription without a position begins with.
    public enum Start: String, CaseIterable, Sendable {
        /// What is sent from now on.
        case now
        /// What the push server still holds: up to a day.
        case retained
    }

    public static let defaultRefreshMargin = Duration.seconds(600)
    public static let defaultMaximumBackoff = Duration.seconds(600)
    public static let defaultWebSocketTrial = Duration.seconds(600)

    /// The operator's name for it: `[A-Za-z0-9][A-Za-z0-9._-]{0,62}`.
    public var name: String
    /// Scheme, host and perhaps port, no path: `https://acme.bitrix24.com`. Plain http only for a loopback host.
    public var url: String
    public var access: PortalAccess
    /// Not empty.
    public var channels: Set<Channel>
    public var transport: Transport
    /// PEM file of trusted authorities, absolute; nil: the system's.
    public var caFile: String?
    public var proxy: ProxySettings?
    /// How long before a channel or the portal's configuration ends it is renewed: 10 s to 24 h.
    public var refreshMargin: Duration
    public var start: Start
    /// Nil: none. Then what the server drops silently is lost.
    public var audit: AuditSettings?
    /// The longest wait between two attempts to connect: 1 s to 1 h.
    public var maximumBackoff: Duration
    /// How long after a fallback to long polling WebSocket is tried again, for the first time: 1 s to 24 h.
    public var webSocketTrial: Duration
    /// How often the portal may be asked; nil: the cloud's usual limit, and none for a portal on this machine.
    public var requestLimit: RequestLimitSettings?
    /// Whether portals that speak JSON-RPC (version 5) may be subscribed to.
    public var allowsJSONRPC: Bool
    /// From one test event of the daemon's own to the next: 10 s to 1 h; nil: none. With `oauth` only.
    public var heartbeat: Duration?

    public init(
        name: String, url: String, access: PortalAccess, channels: Set<Channel> = Set(Channel.allCases),
        transport: Transport = .auto, caFile: String? = nil, proxy: ProxySettings? = nil,
        refreshMargin: Duration = PortalSettings.defaultRefreshMargin, start: Start = .now,
        audit: AuditSettings? = AuditSettings(), maximumBackoff: Duration = PortalSettings.defaultMaximumBackoff,
        webSocketTrial: Duration = PortalSettings.defaultWebSocketTrial,
        requestLimit: RequestLimitSettings? = nil, allowsJSONRPC: Bool = false
    ) {
        self.name = name
        self.url = url
        self.access = access
        self.channels = channels
        self.transport = transport
        self.caFile = caFile
        self.proxy = proxy
        self.refreshMargin = refreshMargin
        self.start = start
        self.audit = audit
        self.maximumBackoff = maximumBackoff
        self.webSocketTrial = webSocketTrial
        self.requestLimit = requestLimit
        self.allowsJSONRPC = allowsJSONRPC
    }
}

/// `request_limit:` of a portal, shared by all portals of the file on the same host.
public enum RequestLimitSettings: Hashable, Sendable {
    /// A server of one's own.
    case off
    /// `burst`: 1 to 10,000 requests at once; `perSecond`: 1 to 1,000.
    case bucket(burst: Int, perSecond: Int)
}

/// `audit:` of a portal: the server is asked now and then what it holds, since it drops live messages silently in several
/// ordinary situations.
public struct AuditSettings: Hashable, Sendable {
    /// The longest time between two audits while the connection is a WebSocket: 10 s to 1 h. Long polling is audited every
    /// two minutes, or as often as this if that is oftener.
    public var interval: Duration
    /// How far back an audit asks: 10 s to 1 h. A message that the server numbers and stores later than that after a
    /// higher one is not found.
    public var lag: Duration

    public init(interval: Duration = .seconds(300), lag: Duration = .seconds(300)) {
        self.interval = interval
        self.lag = lag
    }
}

/// What opens a portal.
public enum PortalAccess: Hashable, Sendable {
    /// An application's authorisation: its own channels.
    case oauth(OAuthSettings)
    /// An incoming webhook's address, `https://PORTAL/rest/USER/CODE/`: the user's own channels.
    case webhook(SecretSource)
}

/// `oauth:` of a portal. Either a refresh token with the application's id and secret, or an access token alone, which
/// works until it expires.
public struct OAuthSettings: Hashable, Sendable {
    public var clientID: String?
    public var clientSecret: SecretSource?
    /// The first one; each renewal brings another, which is kept in the state.
    public var refreshToken: SecretSource?
    public var accessToken: SecretSource?
    /// The authorisation server, `https://oauth.bitrix24.tech`; nil: the vendor's usual one.
    public var server: String?

    public init(
        clientID: String? = nil, clientSecret: SecretSource? = nil, refreshToken: SecretSource? = nil,
        accessToken: SecretSource? = nil, server: String? = nil
    ) {
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.refreshToken = refreshToken
        self.accessToken = accessToken
        self.server = server
    }
}

/// `proxy:` of a portal: an address as it is, or one that holds a password and so comes from a secret.
public enum ProxySettings: Hashable, Sendable {
    case url(String)
    case secret(SecretSource)
}

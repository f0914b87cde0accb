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

    public static let defaultRefreshMargin = Duration.seconds(600)

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

    public init(
        name: String, url: String, access: PortalAccess, channels: Set<Channel> = Set(Channel.allCases),
        transport: Transport = .auto, caFile: String? = nil, proxy: ProxySettings? = nil,
        refreshMargin: Duration = PortalSettings.defaultRefreshMargin
    ) {
        self.name = name
        self.url = url
        self.access = access
        self.channels = channels
        self.transport = transport
        self.caFile = caFile
        self.proxy = proxy
        self.refreshMargin = refreshMargin
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

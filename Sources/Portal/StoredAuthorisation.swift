import Addresses
import JSONText
import PullProtocol
public import Secrets

/// What is kept of an application's authorisation on a portal, as a file and in memory.
///
/// ```
/// {"version":1,"url":"https://acme.bitrix24.com","client_id":"local.…","member_id":"…","access_token":"…",
///  "refresh_token":"…","expires":1790003600,"renewed_at":1790000000.5,"client_endpoint":"https://acme.bitrix24.com/rest/",
///  "server_endpoint":"https://oauth.bitrix.info/rest/","scope":"pull,crm","user_id":1,"form":"post","seed":"SHA-256"}
/// ```
public struct StoredAuthorisation: Sendable, Hashable {
    /// The portal's address in the settings when this was stored.
    public var url: String
    public var clientID: String
    /// Nil: there is none yet.
    public var accessToken: Secret?
    /// Nil: nothing can be renewed. What is stored always has one.
    public var refreshToken: Secret?
    /// Unix seconds, by the authorisation server. Nil: not known.
    public var expiry: Int64?
    /// Unix seconds. Nil: never.
    public var renewedAt: Double?
    /// The portal's constant identity.
    public var memberID: String?
    /// REST base of the portal; nil: made from its address.
    public var clientEndpoint: String?
    /// REST base of the authorisation server.
    public var serverEndpoint: String?
    public var scopes: [String]?
    public var userID: Int?
    /// The server takes no POST form, only the documented GET.
    public var usesGet = false
    /// SHA-256 of the settings' refresh token of that time, in hexadecimal digits. Nil: a person has authorised the
    /// application since, so the settings' token is the older one.
    public var seed: String?

    public init(url: String, clientID: String) {
        self.url = url
        self.clientID = clientID
    }

    /// Takes over what a token server has answered; what it leaves out stays as it is.
    mutating func take(_ answer: OAuthAnswer, at wall: Double) {
        accessToken = answer.accessToken
        if let token = answer.refreshToken { refreshToken = token }
        expiry = answer.expiry
        renewedAt = wall
        if let memberID = answer.memberID { self.memberID = memberID }
        if let endpoint = answer.clientEndpoint, Self.isUsable(endpoint, for: url) { clientEndpoint = endpoint }
        if let endpoint = answer.serverEndpoint { serverEndpoint = endpoint }
        if let scopes = answer.scopes { self.scopes = scopes }
        if let userID = answer.userID { self.userID = userID }
    }

    /// Plain http only for a portal on this machine: nothing that is answered makes a token cross a network in the clear,
    /// or sends it to another program here.
    private static func isUsable(_ endpoint: String, for url: String) -> Bool {
        guard let address = WebAddress(bare: endpoint), address.query == nil else { return false }
        return WebAddress(url)?.isLoopback == true ? address.isLoopback : address.scheme == "https"
    }
}

// MARK: as JSON

extension StoredAuthorisation {
    private static let version = 1

    var json: JSONValue {
        var members: [(key: String, value: JSONValue)] = [
            ("version", .number("\(Self.version)")), ("url", .string(url)), ("client_id", .string(clientID)),
        ]
        func add(_ key: String, _ value: JSONValue?) {
            if let value { members.append((key, value)) }
        }
        add("member_id", memberID.map { .string($0) })
        add("access_token", accessToken.map { .string($0.exposed) })
        add("refresh_token", refreshToken.map { .string($0.exposed) })
        add("expires", expiry.map { .number("\($0)") })
        add("renewed_at", renewedAt.map { .number("\($0)") })
        add("client_endpoint", clientEndpoint.map { .string($0) })
        add("server_endpoint", serverEndpoint.map { .string($0) })
        add("scope", scopes.map { .string($0.joined(separator: ",")) })
        add("user_id", userID.map { .number("\($0)") })
        add("form", .string(usesGet ? "get" : "post"))
        add("seed", seed.map { .string($0) })
        return .object(members)
    }

    /// Nil for what is no such document, of this version, with a refresh token.
    init?(_ json: JSONValue) {
        guard json["version"]?.lenientInt == Self.version, let url = json["url"]?.string,
            let clientID = json["client_id"]?.string, let refreshToken = Self.token(json["refresh_token"])
        else { return nil }
        self.init(url: url, clientID: clientID)
        self.refreshToken = refreshToken
        accessToken = Self.token(json["access_token"])
        memberID = json["member_id"]?.string
        expiry = json["expires"]?.lenientInt.map { Int64($0) }
        if case .number(let text) = json["renewed_at"] { renewedAt = Double(text).flatMap { $0.isFinite ? $0 : nil } }
        if let endpoint = json["client_endpoint"]?.string, Self.isUsable(endpoint, for: url) {
            clientEndpoint = endpoint
        }
        serverEndpoint = json["server_endpoint"]?.string
        scopes = json["scope"]?.string?.split(separator: ",").map(String.init)
        userID = json["user_id"]?.lenientInt
        usesGet = json["form"]?.string == "get"
        seed = json["seed"]?.string
    }

    private static func token(_ value: JSONValue?) -> Secret? {
        guard let text = value?.string, 1...4096 ~= text.utf8.count, text.utf8.allSatisfy({ 0x21...0x7E ~= $0 })
        else { return nil }
        return Secret(text)
    }
}

/// The tokens of the settings: the first ones, before any renewal.
public struct AuthorisationSeed: Sendable, Hashable {
    public var refreshToken: Secret?
    /// May save the first renewal.
    public var accessToken: Secret?

    public init(refreshToken: Secret? = nil, accessToken: Secret? = nil) {
        self.refreshToken = refreshToken
        self.accessToken = accessToken
    }

    /// Tells one seed from the next without keeping it. Nil: there is no refresh token.
    var digest: String? {
        refreshToken.map { Digest.hex(Digest.sha256(Array($0.exposed.utf8))) }
    }
}

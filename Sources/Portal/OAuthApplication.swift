import Addresses
public import Secrets
import Transport

/// An application on a portal, as the operator has set it.
public struct OAuthApplication: Sendable {
    /// The portal's name in the settings, for what people are told.
    public var portal: String
    /// The portal's address in the settings: scheme, host and perhaps port.
    public var url: String
    public var clientID: String
    public var clientSecret: Secret
    /// The authorisation server of the operator's choice, `https://oauth.bitrix24.tech`; nil: the vendor's usual one.
    public var server: String?

    public init(portal: String, url: String, clientID: String, clientSecret: Secret, server: String? = nil) {
        self.portal = portal
        self.url = url
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.server = server
    }

    /// What a person has to do when tokens cannot be renewed any more.
    var login: String { "authorise the application again: pulld login \(portal) --config FILE" }
}

/// A request to the token endpoint of an authorisation server (RFC 6749, sections 4.1.3 and 6). The client secret goes
/// there, so the server is one that the operator listed, or one of the vendor's.
struct TokenRequest: Sendable {
    /// Trusted without being listed; the first is the usual one.
    static let usualServers = ["https://oauth.bitrix.info", "https://oauth.bitrix24.tech"]
    static let path = "/oauth/token/"
    /// The cloud cuts requests at 60 s; a stop of the daemon waits for an answer that holds a new refresh token.
    static let timeout = Duration.seconds(30)
    static let maximumAnswerSize = 64 * 1024

    enum Grant: Sendable, Hashable {
        case refreshToken(Secret)
        case code(Secret)
    }

    /// Scheme, host and perhaps port.
    let server: String
    let grant: Grant
    /// The form that the vendor's own clients send, which keeps the secrets out of the address. False: the GET that is
    /// documented.
    let isPost: Bool
    private let application: OAuthApplication

    /// - Parameter serverEndpoint: where the last answer said the authorisation is kept.
    init(_ grant: Grant, of application: OAuthApplication, serverEndpoint: String?, isPost: Bool) {
        self.grant = grant
        self.application = application
        self.isPost = isPost
        server = Self.server(of: application, serverEndpoint: serverEndpoint)
    }

    static func server(of application: OAuthApplication, serverEndpoint: String?) -> String {
        let chosen = application.server ?? usualServers[0]
        guard let origin = serverEndpoint.flatMap({ WebAddress(bare: $0) })?.origin else { return chosen }
        return origin == application.server || usualServers.contains(origin) ? origin : chosen
    }

    /// Key of the server's budget.
    var host: String { WebAddress(server)?.host ?? server }

    var isLocal: Bool { WebAddress(server)?.isLoopback ?? false }

    func http(_ network: NetworkOptions) -> HTTPRequest {
        let fields: [(String, String)]
        switch grant {
        case .refreshToken(let token): fields = [("grant_type", "refresh_token"), ("refresh_token", token.exposed)]
        case .code(let code): fields = [("grant_type", "authorization_code"), ("code", code.exposed)]
        }
        let credentials = [("client_id", application.clientID), ("client_secret", application.clientSecret.exposed)]
        let form = (fields + credentials).map { "\($0.0)=\(Self.encoded($0.1))" }.joined(separator: "&")
        let address = server + Self.path
        return HTTPRequest(
            method: isPost ? .post : .get, url: Secret(isPost ? address : "\(address)?\(form)"),
            headers: [("Accept", "application/json")]
                + (isPost ? [("Content-Type", "application/x-www-form-urlencoded")] : []),
            body: isPost ? Array(form.utf8) : [], timeout: Self.timeout, maximumBodySize: Self.maximumAnswerSize,
            network: network)
    }

    /// Percent-encoded but for the unreserved characters (RFC 3986, section 2.3).
    static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                result.unicodeScalars.append(.init(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count < 2 ? "0" : "") + digits
            }
        }
        return result
    }
}

import Addresses
public import JSONText
public import PullProtocol
public import Secrets
import Timing
public import Transport

/// How pulld proves to a portal who it is.
public enum PortalCredential: Sendable {
    /// An OAuth application's access token: `pull.application.config.get`, the application's own channels.
    case application(accessToken: Secret)
    /// An incoming webhook's address, `https://PORTAL/rest/USER/CODE/`: `pull.config.get`, the user's own channels.
    case webhook(address: Secret)
}

/// Calls to one portal's REST interface. Tokens go into the body, never into the address.
public struct PortalClient: Sendable {
    /// The cloud cuts requests at 60 s.
    static let timeout = Duration.seconds(65)
    static let maximumAnswerSize = 4 * 1024 * 1024

    /// A webhook's address is its credential.
    private let base: Secret
    private let host: String
    private let credential: PortalCredential
    private let http: any HTTPClient
    private let network: NetworkOptions
    private let time: TimeSource
    private let budget: (shared: RequestBudget, limit: RequestLimit)?

    /// - Parameters:
    ///   - url: The portal's address, `https://acme.bitrix24.com`; http is taken for loopback hosts only.
    ///   - http: What carries the requests.
    ///   - budget: Keeps requests from coming too fast; nil: no limit.
    /// - Throws: `PortalError` when the address, or the webhook's, is not one of a portal.
    public init(
        url: String, credential: PortalCredential, http: any HTTPClient, network: NetworkOptions = NetworkOptions(),
        budget: (shared: RequestBudget, limit: RequestLimit)? = nil, time: TimeSource = .system
    ) throws(PortalError) {
        let address: String
        switch credential {
        case .application: address = url.hasSuffix("/") ? url + "rest/" : url + "/rest/"
        case .webhook(let webhook): address = webhook.exposed.hasSuffix("/") ? webhook.exposed : webhook.exposed + "/"
        }
        guard let parts = WebAddress(bare: address), parts.query == nil, ["http", "https"].contains(parts.scheme) else {
            throw .address("the portal's address is no URL", cure: "write it as https://acme.bitrix24.com")
        }
        guard parts.scheme == "https" || parts.isLoopback else {
            throw .address(
                "the portal's address is plain http", cure: "use https: a token must not cross a network in the clear")
        }
        base = Secret(address)
        host = parts.host
        self.credential = credential
        self.http = http
        self.network = network
        self.budget = budget
        self.time = time
    }

    /// The configuration of the channels. Always past the portal's cache (`CACHE=N`).
    ///
    /// - Returns: it, and by how many seconds the portal's clock is ahead of this machine's.
    public func configuration() async throws(PortalError) -> (configuration: PullConfiguration, skew: Double) {
        let method =
            switch credential {
            case .application: "pull.application.config.get"
            case .webhook: "pull.config.get"
            }
        let asked = time.now()
        let response = try await post(method, [("CACHE", .string("N"))])
        let answered = time.now()
        if case .failure(let error) = RESTAnswer.decode(status: response.status, body: response.body) {
            throw refusal(error, response)
        }
        do {
            let configuration = try PullConfiguration.decode(response.body, portalHost: host, now: answered.wall)
            // Whole seconds of the portal against the middle of the request: good to about a second.
            let middle = (asked.wall + answered.wall) / 2
            let skew = configuration.portalTime.map { $0 + 0.5 - middle } ?? 0
            return (configuration, abs(skew) < 2 ? 0 : skew)
        } catch {
            throw PortalError(configuration: error)
        }
    }

    /// Publishes an event through the portal: into the application's shared channel, or into the private channels of
    /// `users`. OAuth only. Returning means "queued": the portal sends in the background and says nothing about it.
    ///
    /// - Parameter params: a JSON object's bytes.
    public func publish(
        command: String, params: JSONValue, module: String? = nil, users: [String] = []
    ) async throws(PortalError) {
        var body: [(String, JSONValue)] = [("COMMAND", .string(command)), ("PARAMS", params)]
        if let module { body.append(("MODULE_ID", .string(module))) }
        // The portal compares strictly with a string.
        if users.count == 1 { body.append(("USER_ID", .string(users[0]))) }
        if users.count > 1 { body.append(("USER_ID", .array(users.map { .string($0) }))) }
        let response = try await post("pull.application.event.add", body)
        if case .failure(let error) = RESTAnswer.decode(status: response.status, body: response.body) {
            throw refusal(error, response)
        }
    }

    private func post(_ method: String, _ members: [(String, JSONValue)]) async throws(PortalError) -> HTTPResponse {
        var members = members
        if case .application(let token) = credential { members.append(("auth", .string(token.exposed))) }
        let request = HTTPRequest(
            method: .post, url: Secret(base.exposed + method + ".json"),
            headers: [("Content-Type", "application/json"), ("Accept", "application/json")],
            body: JSONValue.object(members).serialized(), timeout: Self.timeout,
            maximumBodySize: Self.maximumAnswerSize, network: network)
        if let budget {
            let wait = budget.shared.reserve(host, budget.limit)
            // Cancelled: the exchange will say so.
            if wait > .zero { try? await Task.sleep(for: wait) }
        }
        do {
            return try await http.exchange(request)
        } catch {
            throw PortalError(transport: error)
        }
    }

    private func refusal(_ error: RESTError, _ response: HTTPResponse) -> PortalError {
        let hasToken: Bool
        switch credential {
        case .application: hasToken = true
        case .webhook: hasToken = false
        }
        let retryAfter = response.header("retry-after").flatMap { Double($0) }
        return PortalError(rest: error, policy: RESTPolicy.of(error, hasToken: hasToken, retryAfter: retryAfter))
    }
}

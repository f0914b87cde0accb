import Addresses
public import JSONText
public import PullProtocol
public import Secrets
import Timing
public import Transport

/// How pulld proves to a portal who it is.
public enum PortalCredential: Sendable {
    /// An OAuth application's authorisation: `pull.application.config.get`, the application's own channels.
    case application(Authorisation)
    /// An incoming webhook's address, `https://PORTAL/rest/USER/CODE/`: `pull.config.get`, the user's own channels.
    case webhook(address: Secret)
}

/// Calls to one portal's REST interface. Tokens go into the body, never into the address.
public struct PortalClient: Sendable {
    /// The cloud cuts requests at 60 s.
    static let timeout = Duration.seconds(65)
    static let maximumAnswerSize = 4 * 1024 * 1024

    private let base: PortalBase
    private let credential: PortalCredential
    private let http: any HTTPClient
    private let network: NetworkOptions
    private let time: TimeSource
    private let budget: (shared: RequestBudget, limit: RequestLimit)?
    private let operating = OperatingTimes()

    /// - Parameters:
    ///   - url: The portal's address, `https://acme.bitrix24.com`; http is taken for loopback hosts only.
    ///   - http: What carries the requests.
    ///   - budget: Keeps requests from coming too fast; nil: no limit.
    /// - Throws: `PortalError` when the address, or the webhook's, is not one of a portal.
    public init(
        url: String, credential: PortalCredential, http: any HTTPClient, network: NetworkOptions = NetworkOptions(),
        budget: (shared: RequestBudget, limit: RequestLimit)? = nil, time: TimeSource = .system
    ) throws(PortalError) {
        switch credential {
        case .application: base = try PortalBase(url.hasSuffix("/") ? url + "rest/" : url + "/rest/")
        case .webhook(let webhook): base = try PortalBase(webhook.exposed)
        }
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
        let (response, host) = try await call(method, [("CACHE", .string("N"))])
        let answered = time.now()
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
        _ = try await call("pull.application.event.add", body)
    }

    /// No further calls are made: see `Authorisation.finish`.
    public func finish() async {
        if case .application(let authorisation) = credential { await authorisation.finish() }
    }

    // MARK: Calls

    /// Calls a method, and once more where another token, or another address, is to be had.
    ///
    /// - Returns: a good answer, and the host that gave it.
    private func call(
        _ method: String, _ members: [(String, JSONValue)]
    ) async throws(PortalError) -> (response: HTTPResponse, host: String) {
        guard case .application(let authorisation) = credential else {
            let response = try await post(method, members, to: base)
            guard let error = check(response, method, base) else { return (response, base.host) }
            throw refusal(error, response, method, hasToken: false)
        }
        var token = try await Self.token { () async throws(AuthorisationFailure) in
            try await authorisation.accessToken()
        }
        var wasRefused = false
        var hasMoved = false
        while true {
            let base = try token.endpoint.map { endpoint throws(PortalError) in try PortalBase(endpoint) } ?? self.base
            let auth = [("auth", JSONValue.string(token.secret.exposed))]
            let response = try await post(method, members + auth, to: base)
            guard let error = check(response, method, base) else {
                await authorisation.accepted(token)
                return (response, base.host)
            }
            let used = token
            if [301, 302, 307, 308].contains(response.status), !hasMoved {
                hasMoved = true
                let next = try await Self.token { () async throws(AuthorisationFailure) in
                    try await authorisation.accessToken(afterMoveFrom: used)
                }
                guard let next, next.endpoint != used.endpoint else { throw PortalError(moved: error) }
                token = next
            } else if Self.asksForAnother(error), !wasRefused, authorisation.isRenewable {
                wasRefused = true
                let next = try await Self.token { () async throws(AuthorisationFailure) in
                    try await authorisation.accessToken(insteadOf: used)
                }
                guard let next else { throw refusal(error, response, method, hasToken: true, wasRefused: true) }
                token = next
            } else {
                throw refusal(error, response, method, hasToken: true, wasRefused: wasRefused)
            }
        }
    }

    private static func token<Token: Sendable>(
        _ ask: () async throws(AuthorisationFailure) -> Token
    ) async throws(PortalError) -> Token {
        do throws(AuthorisationFailure) { return try await ask() } catch { throw PortalError(authorisation: error) }
    }

    private static func asksForAnother(_ error: RESTError) -> Bool {
        RESTPolicy.of(error) == .refreshToken
    }

    private func post(
        _ method: String, _ members: [(String, JSONValue)], to base: PortalBase
    ) async throws(PortalError) -> HTTPResponse {
        let request = HTTPRequest(
            method: .post, url: Secret(base.address.exposed + method + ".json"),
            headers: [("Content-Type", "application/json"), ("Accept", "application/json")],
            body: JSONValue.object(members).serialized(), timeout: Self.timeout,
            maximumBodySize: Self.maximumAnswerSize, network: network)
        // Cancelled: the exchange will say so.
        if let budget { await budget.shared.enter(base.host, budget.limit) }
        do {
            return try await http.exchange(request)
        } catch {
            throw PortalError(transport: error)
        }
    }

    /// The error in an answer, if it has one. What it says of limits is remembered.
    private func check(_ response: HTTPResponse, _ method: String, _ base: PortalBase) -> RESTError? {
        switch RESTAnswer.decode(status: response.status, body: response.body) {
        case .success(let answer):
            budget?.shared.served(base.host)
            operating.note(answer, of: method, at: time.now())
            return nil
        case .failure(let error):
            if error.code == "query_limit_exceeded", let budget { budget.shared.refused(base.host, budget.limit) }
            return error
        }
    }

    private func refusal(
        _ error: RESTError, _ response: HTTPResponse, _ method: String, hasToken: Bool, wasRefused: Bool = false
    ) -> PortalError {
        let retryAfter = response.header("retry-after").flatMap { Double($0) }
        let policy = RESTPolicy.of(
            error, hasToken: hasToken, afterRefresh: wasRefused,
            operatingReset: operating.wait(for: method, at: time.now()), retryAfter: retryAfter)
        return PortalError(rest: error, policy: policy)
    }
}

import Foundation

/// An application's authorisation, and faults of the authorisation server.
extension SandboxProcess {
    /// What an application's settings need.
    public struct Application: Sendable {
        public var clientID: String
        public var clientSecret: String
        /// User 1's at this moment: each works once.
        public var refreshToken: String

        /// For `{ env: … }` of `oauth(server:)`.
        public var environment: [String: String] { ["CLIENT_SECRET": clientSecret, "REFRESH_TOKEN": refreshToken] }

        /// `oauth:` of a portal, in one line.
        public func oauth(server: String, hasSeed: Bool = true) -> String {
            let seed = hasSeed ? ", refresh_token: { env: REFRESH_TOKEN }" : ""
            return
                "oauth: { client_id: \(clientID), client_secret: { env: CLIENT_SECRET }\(seed), server: \"\(server)\" }"
        }
    }

    /// Its secrets are remembered for the search for leaks.
    public func application() async throws -> Application {
        let credentials = try await object("GET", "credentials") as? [String: Any]
        let user = (credentials?["users"] as? [[String: Any]])?.first
        guard let id = credentials?["client_id"] as? String, let secret = credentials?["client_secret"] as? String,
            let token = user?["refresh_token"] as? String
        else { throw LoopbackHTTP.Failure(description: "the sandbox has no application") }
        for text in [secret, token] { OutputCollector.shared.remember(secret: text) }
        return Application(clientID: id, clientSecret: secret, refreshToken: token)
    }

    /// Requests at the token endpoint, oldest first.
    public func tokenRequests() async throws -> [Call] {
        try await calls().filter { $0.method == "oauth" }
    }

    /// The next `count` new tokens reach nobody, and the old ones are used up.
    public func loseTokenAnswers(count: Int = 1) async throws {
        try await fault("lose-token-answers", ["count": count])
    }

    /// The authorisation server is shut. Nil opens it.
    public func blockTokens(_ kind: Blockade?) async throws {
        try await fault("block-tokens", kind?.members ?? ["off": true])
    }

    /// The portal answers at this name of this machine, and at any other with a redirect.
    public func rename(to host: String) async throws { try await fault("rename", ["host": host]) }

    /// Plays the person: opens the address of an application and returns where that leads.
    public func authorise(_ address: String) async throws -> String {
        guard let url = URL(string: address), let query = url.query else {
            throw LoopbackHTTP.Failure(description: "not an address")
        }
        let answer = try await LoopbackHTTP.request("GET", port: port, path: "\(url.path)/?\(query)")
        guard answer.status == 302, let place = answer.headers["location"] else {
            throw LoopbackHTTP.Failure(description: "the application is not let in: \(answer.status)")
        }
        return place
    }
}

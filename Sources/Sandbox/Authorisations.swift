import Synchronization

/// One user's credentials, as the portal's list shows them.
public struct SandboxCredentials: Sendable {
    public var user: Int
    public var accessToken: String
    public var refreshToken: String
    public var webhookCode: String
}

/// The portal's users with their tokens and webhook codes.
final class Authorisations: Sendable {
    /// What a request's token turns out to be.
    enum Check: Sendable, Equatable {
        case user(Int)
        case expired
        case unknown
    }

    private struct State {
        var users: [SandboxCredentials] = []
        /// Every access token ever issued, with its user and its end in Unix seconds.
        var access: [String: (user: Int, end: Double)] = [:]
        /// Valid ones only: each works once.
        var refresh: [String: Int] = [:]
        var webhooks: [String: Int] = [:]
        /// Authorisation codes with their user and their end: each works once.
        var codes: [String: (user: Int, end: Double)] = [:]
    }

    /// Seconds that an authorisation code lives.
    private static let codeLife = 30.0

    private let options: SandboxOptions
    private let secrets: SecretLedger
    private let file: StoreFile?
    private let life: @Sendable () -> Double
    private let state = Mutex(State())

    /// - Parameters:
    ///   - stored: the tokens that an earlier run has issued, oldest first.
    ///   - life: seconds that the access tokens live which are issued from now on; nil: as the options say.
    init(
        options: SandboxOptions, secrets: SecretLedger, file: StoreFile? = nil,
        life: (@Sendable () -> Double?)? = nil, stored: [(user: SandboxCredentials, end: Double)] = []
    ) {
        self.options = options
        self.secrets = secrets
        self.file = file
        self.life = { life?() ?? options.tokenLife }
        var known: [Int: SandboxCredentials] = [:]
        for token in stored { known[token.user.user] = token.user }
        state.withLock { state in
            // A later token of a user makes his earlier refresh token useless.
            for token in stored { state.access[token.user.accessToken] = (token.user.user, token.end) }
            for user in 1...max(options.users, 1) {
                let credentials =
                    known[user]
                    ?? SandboxCredentials(
                        user: user, accessToken: RandomText.hex(70), refreshToken: RandomText.hex(70),
                        webhookCode: RandomText.hex(16))
                state.users.append(credentials)
                state.webhooks[credentials.webhookCode] = user
                secrets.add(credentials.webhookCode)
                if known[user] == nil {
                    install(credentials, in: &state)
                } else {
                    state.refresh[credentials.refreshToken] = user
                    secrets.add(credentials.accessToken, credentials.refreshToken)
                }
            }
        }
    }

    var credentials: [SandboxCredentials] { state.withLock { $0.users } }

    func check(accessToken: String) -> Check {
        let now = options.clock()
        return state.withLock { state in
            guard let token = state.access[accessToken] else { return .unknown }
            return now < token.end ? .user(token.user) : .expired
        }
    }

    func user(ofWebhook code: String) -> Int? {
        state.withLock { $0.webhooks[code] }
    }

    /// Both tokens change; the old refresh token is dead from here on.
    ///
    /// - Returns: nil if the refresh token is unknown or used.
    func rotate(refreshToken: String) -> SandboxCredentials? {
        state.withLock { state in
            guard let user = state.refresh.removeValue(forKey: refreshToken) else { return nil }
            return renew(user, in: &state)
        }
    }

    /// A code for the tokens of a user. Nil if there is no such user.
    func issueCode(for user: Int) -> String? {
        let code = RandomText.hex(35)
        return state.withLock { state in
            guard 1...state.users.count ~= user else { return nil }
            state.codes[code] = (user, options.clock() + Self.codeLife)
            secrets.add(code)
            return code
        }
    }

    /// New tokens for a code.
    ///
    /// - Returns: nil if the code is unknown, used or too old.
    func redeem(code: String) -> SandboxCredentials? {
        state.withLock { state in
            guard let (user, end) = state.codes.removeValue(forKey: code), options.clock() < end else { return nil }
            state.refresh = state.refresh.filter { $0.value != user }
            return renew(user, in: &state)
        }
    }

    private func renew(_ user: Int, in state: inout State) -> SandboxCredentials {
        var credentials = state.users[user - 1]
        credentials.accessToken = RandomText.hex(70)
        credentials.refreshToken = RandomText.hex(70)
        state.users[user - 1] = credentials
        install(credentials, in: &state)
        return credentials
    }

    /// Ends the life of every access token.
    func expireAccessTokens() {
        state.withLock { state in
            for token in state.access.keys { state.access[token]?.end = 0 }
        }
    }

    /// Makes every refresh token unusable, as the removal of the application does.
    func revokeRefreshTokens() {
        state.withLock { $0.refresh = [:] }
    }

    private func install(_ credentials: SandboxCredentials, in state: inout State) {
        let end = options.clock() + life()
        file?.append(.token(credentials, end: end))
        state.access[credentials.accessToken] = (credentials.user, end)
        state.refresh[credentials.refreshToken] = credentials.user
        secrets.add(credentials.accessToken, credentials.refreshToken)
    }
}

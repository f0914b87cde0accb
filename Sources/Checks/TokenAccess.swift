import Portal
import Secrets
import Settings
import Synchronization
import Timing
import Transport

/// Where the daemon keeps what must survive a restart.
public struct StatePlace: Hashable, Sendable {
    public var directory: String
    /// It is the daemon's and no other: nothing that is kept there is kept for nobody.
    public var isSure: Bool

    public init(directory: String, isSure: Bool) {
        self.directory = directory
        self.isSure = isSure
    }
}

/// An application's authorisation, as the daemon has it: its stored tokens first, then those of the settings.
struct TokenAccess {
    let authorisation: Authorisation
    /// There was an access token to begin with.
    let hadToken: Bool
    /// Why what is there can be used and not renewed; nil: it can be, or need not.
    private let obstacle: String?

    /// Of an access token alone.
    init(fixed token: Secret) {
        self.init(.fixed(accessToken: token), hadToken: true)
    }

    /// A renewal makes the former refresh token useless. So it is done only where its outcome is kept for the daemon, in
    /// its own store and under its lock: a daemon that runs finds it there.
    ///
    /// - Parameters:
    ///   - seed: the tokens of the settings.
    ///   - state: nil: there is none.
    init(
        _ application: OAuthApplication, seed: AuthorisationSeed, state: StatePlace?, http: any HTTPClient,
        network: NetworkOptions, budget: RequestBudget
    ) throws(TokenStoreError) {
        guard let state else {
            self.init(unsure: seed.accessToken)
            return
        }
        let store = TokenStore(state: state.directory, portal: application.portal)
        let stored = try store.read()
        guard stored != nil || state.isSure else {
            self.init(unsure: seed.accessToken)
            return
        }
        var surroundings = Authorisation.Surroundings(storage: store, http: http) { seed }
        surroundings.network = network
        surroundings.budget = budget
        self.init(
            Authorisation(application, surroundings),
            hadToken: stored?.accessToken != nil || seed.accessToken != nil)
    }

    private init(_ authorisation: Authorisation, hadToken: Bool, obstacle: String? = nil) {
        self.authorisation = authorisation
        self.hadToken = hadToken
        self.obstacle = obstacle
    }

    private init(unsure token: Secret?) {
        self.init(
            .fixed(accessToken: token ?? Secret("")), hadToken: token != nil,
            obstacle: "the daemon's state directory is not known here, and nobody else may renew tokens")
    }

    /// What is to be said when there is nothing to ask the portal with.
    var absence: Finding? {
        guard let obstacle, !hadToken else { return nil }
        return .failed(
            .token, .configuration, obstacle,
            cure: "write state: /PATH into the file, or run the check with the daemon's STATE_DIRECTORY")
    }

    /// How it stands with a token that the portal has taken.
    func accepted() async -> String {
        guard authorisation.isRenewable else {
            return obstacle == nil
                ? "accepted; it cannot be renewed, and works an hour at most" : "accepted; \(obstacle ?? "")"
        }
        let figures = await authorisation.figures
        let word = figures.renewals > 0 ? "renewed" : "accepted"
        guard let expiry = figures.expiry else { return word }
        return "\(word), works for \(TimeSpan.text(Double(expiry) - TimeSource.system.now().wall))"
    }
}

import Addresses
import PullProtocol
import Secrets
import Timing
import Transport

/// The rules by which an application's tokens are renewed: upon a refusal and not before, once for everybody, and with
/// the new refresh token on disk before the new access token is used. Pure: what has to be done is returned, and its
/// outcome is the next event.
///
/// ```
///  wanted ─► look ──────────────────────────────► give, or fail
///     ├────► queue ─► open ─► send ─► save ─► give
///     │                │       └─► look (invalid_grant: has another process renewed?) ─► give, send, or fail
///     │                └─► give (it has)
///     └────► open ─► save (an earlier answer that could not be stored)
/// ```
struct AuthorisationMachine: Sendable {
    private enum Phase: Sendable, Hashable {
        case idle
        case looking
        case queueing
        case opening
        case sending(isPost: Bool)
        case rereading(isPost: Bool)
        case saving
    }

    /// Nothing is renewed more often without a token's having worked in between.
    static let leastInterval = 3600.0
    /// Refresh tokens live for 180 days.
    static let longestInterval = 60 * 86_400.0
    /// How often a person's work is looked for in the store. The server is asked less often.
    static let localLook = 300.0

    let application: OAuthApplication
    private var phase = Phase.idle
    private var want = Want.any
    private var hasLooked = false
    /// What may be used.
    private(set) var current: StoredAuthorisation?
    private var generation: UInt64 = 0
    /// The portal has refused the present access token.
    private var isRefused = false
    /// The portal has taken the present access token, or it is of an earlier run.
    private var isAccepted = true
    /// An answer that is not on disk yet, and the refresh token that was there when it was asked for.
    private var unsaved: (tokens: StoredAuthorisation, replaced: Secret?, news: [AuthorisationNote])?
    private var storedRefreshToken: Secret?
    private var answerWasLost = false
    /// No renewal until then.
    private var blocked: (until: Duration, failure: AuthorisationFailure)?
    private var backoff = Backoff.serverFault
    private var movedAt: Duration?
    private var hasEnded = false
    private(set) var renewals = 0
    /// To be told, in order; whoever tells them empties it.
    var notes: [AuthorisationNote] = []

    init(application: OAuthApplication) {
        self.application = application
    }

    /// - Parameter random: between 0 and 1, for the jitter of waits.
    mutating func handle(_ event: Event, at now: Moment, random: Double) -> Step {
        switch (event, phase) {
        case (.accepted(let generation), _):
            if generation == self.generation { isAccepted = true }
            return .keep
        case (.wanted(let want), .idle):
            self.want = want
            return wanted(at: now)
        case (.looked(let result), .looking): return looked(result, at: now, random)
        case (.placed, .queueing): return begin(.opening, .open)
        case (.withdrawn, .queueing), (.withdrawn, .sending): return begin(.idle, .keep)
        case (.opened(let result), .opening): return opened(result, at: now, random)
        case (.answered(.success(let answer), _), .sending(let isPost)):
            return answered(answer, isPost: isPost, at: now)
        case (.answered(.failure(let error), let retryAfter), .sending(let isPost)):
            return refused(error, isPost: isPost, wasReread: false, retryAfter, at: now, random)
        case (.unanswered(let error), .sending): return unanswered(error, at: now, random)
        case (.looked(let result), .rereading(let isPost)):
            return reread(result, isPost: isPost, at: now, random)
        case (.saved(let error), .saving): return saved(error, at: now, random)
        case (.ended, .idle):
            hasEnded = true
            return unsaved == nil ? .keep : begin(.opening, .open)
        default: return .keep
        }
    }

    // MARK: Is a renewal needed

    private mutating func wanted(at now: Moment) -> Step {
        if unsaved != nil {
            if let failure = blocking(at: now) { return fail(failure) }
            return begin(.opening, .open)
        }
        guard hasLooked else { return begin(.looking, .look) }
        switch want {
        case .any:
            // Where another one is not to be had yet, the portal's refusal is what is to be told.
            let isGood = isRefused ? !mayRenew(at: now) : !isOverdue(at: now) || blocking(at: now) != nil
            if let token, isGood { return .give(token) }
        case .insteadOf(let generation, let reason):
            // Somebody else has had it renewed meanwhile.
            if let token, generation != self.generation, !isRefused { return .give(token) }
            if reason == .moved {
                if let movedAt, (now.monotonic - movedAt).inSeconds < Self.leastInterval { return .keep }
                movedAt = now.monotonic
            } else {
                if generation == self.generation { isRefused = true }
                guard mayRenew(at: now) else { return .keep }
            }
        }
        return renew(at: now)
    }

    private mutating func renew(at now: Moment) -> Step {
        guard let failure = blocking(at: now) else { return approach() }
        // Perhaps somebody has done something about it.
        return failure.needsPerson ? begin(.looking, .look) : fail(failure)
    }

    /// Not where a new token is refused, too: then it is not the token that is wrong.
    private func mayRenew(at now: Moment) -> Bool {
        if isAccepted { return true }
        if let expiry = current?.expiry, now.wall >= Double(expiry) { return true }
        return current?.renewedAt.map { abs(now.wall - $0) >= Self.leastInterval } ?? true
    }

    private func isOverdue(at now: Moment) -> Bool {
        guard current?.refreshToken != nil, let renewedAt = current?.renewedAt else { return false }
        return abs(now.wall - renewedAt) >= Self.longestInterval
    }

    private func blocking(at now: Moment) -> AuthorisationFailure? {
        guard let blocked, now.monotonic < blocked.until else { return nil }
        var failure = blocked.failure
        let left = (blocked.until - now.monotonic).inSeconds
        failure.retryAfter = failure.needsPerson ? min(left, Self.localLook) : left
        return failure
    }

    private var token: AccessToken? {
        current?.accessToken.map { AccessToken(secret: $0, generation: generation, endpoint: endpoint) }
    }

    /// The operator's address wins where he has changed it since.
    private var endpoint: String? { current?.url == application.url ? current?.clientEndpoint : nil }

    // MARK: What is stored

    private mutating func looked(_ result: Result<Looked, TokenStoreError>, at now: Moment, _ random: Double) -> Step {
        switch result {
        case .failure(let error): return failStore(error, at: now, random)
        case .success(let looked):
            let isFirst = !hasLooked
            hasLooked = true
            let isNew = adopt(looked)
            if isNew, !isFirst { notes.append(.foundNewer) }
            if let token, isNew { return give(token) }
            if !isFirst, let failure = blocking(at: now) { return fail(failure) }
            return approach()
        }
    }

    private mutating func opened(_ result: Result<Looked, TokenStoreError>, at now: Moment, _ random: Double) -> Step {
        switch result {
        case .failure(let error): return failStore(error, at: now, random)
        case .success(let looked):
            if let unsaved {
                if looked.stored?.refreshToken == unsaved.replaced { return begin(.saving, .save(unsaved.tokens)) }
                // Somebody has stored others since.
                self.unsaved = nil
            }
            if adopt(looked), let token {
                notes.append(.foundNewer)
                return give(token)
            }
            storedRefreshToken = looked.stored?.refreshToken
            return send(isPost: current?.usesGet != true, at: now)
        }
    }

    private mutating func reread(
        _ result: Result<Looked, TokenStoreError>, isPost: Bool, at now: Moment, _ random: Double
    ) -> Step {
        switch result {
        case .failure(let error): return failStore(error, at: now, random)
        case .success(let looked):
            guard adopt(looked) else {
                let error = RESTError(code: "invalid_grant", status: 400)
                return refused(error, isPost: isPost, wasReread: true, nil, at: now, random)
            }
            notes.append(.foundNewer)
            if let token { return give(token) }
            storedRefreshToken = looked.stored?.refreshToken
            return send(isPost: isPost, at: now)
        }
    }

    /// Chooses between store and settings.
    ///
    /// - Returns: whether these are other tokens than the present ones.
    private mutating func adopt(_ looked: Looked) -> Bool {
        if let damage = looked.damage { notes.append(.damagedStore(damage)) }
        guard var chosen = Self.choose(looked, for: application) else { return false }
        let isSame = chosen.refreshToken == current?.refreshToken && current != nil
        if isSame, chosen.accessToken == current?.accessToken { return false }
        chosen.seed = looked.seed.digest ?? chosen.seed
        current = chosen
        generation += 1
        isRefused = false
        isAccepted = true
        answerWasLost = false
        blocked = nil
        backoff.reset()
        return true
    }

    /// What is stored, unless the settings have another token than the one that it came from, or it is of another
    /// application.
    static func choose(_ looked: Looked, for application: OAuthApplication) -> StoredAuthorisation? {
        let seed = looked.seed
        if let stored = looked.stored, stored.clientID == application.clientID,
            stored.seed == nil || seed.digest == nil || stored.seed == seed.digest
        {
            return stored
        }
        guard seed.refreshToken != nil || seed.accessToken != nil else { return nil }
        var chosen = StoredAuthorisation(url: application.url, clientID: application.clientID)
        chosen.refreshToken = seed.refreshToken
        chosen.accessToken = seed.accessToken
        // A token of another portal is a mistake, however new it is.
        if let stored = looked.stored, stored.url == application.url { chosen.memberID = stored.memberID }
        return chosen
    }

    // MARK: Asking the server

    /// Nobody stands in the server's line with the store locked, or without anything to send.
    private mutating func approach() -> Step {
        guard let request = request(isPost: current?.usesGet != true) else { return begin(.opening, .open) }
        return begin(.queueing, .queue(request))
    }

    private func request(isPost: Bool) -> TokenRequest? {
        current?.refreshToken.map {
            TokenRequest(.refreshToken($0), of: application, serverEndpoint: current?.serverEndpoint, isPost: isPost)
        }
    }

    private mutating func send(isPost: Bool, at now: Moment) -> Step {
        guard let request = request(isPost: isPost) else {
            let failure = AuthorisationFailure(
                code: .absent, message: "token: there is no refresh token that a new access token could be had with",
                cure: application.login, retryAfter: Self.localLook, needsPerson: true)
            return block(failure, for: Self.leastInterval, at: now)
        }
        return begin(.sending(isPost: isPost), .send(request))
    }

    private mutating func answered(_ answer: OAuthAnswer, isPost: Bool, at now: Moment) -> Step {
        guard let old = current else { return .keep }
        guard answer.belongs(to: old.memberID) else {
            return block(.otherPortal(application), for: Self.leastInterval, at: now)
        }
        var tokens = old
        tokens.url = application.url
        tokens.take(answer, at: now.wall)
        tokens.usesGet = !isPost
        var news = [
            AuthorisationNote.renewed(
                refreshTokenIsNew: answer.refreshToken != nil, hasPullScope: !answer.lacksPullScope)
        ]
        if !isPost, !old.usesGet { news.append(.usesGet) }
        let base = old.clientEndpoint ?? application.url + "/rest/"
        if let endpoint = tokens.clientEndpoint, let new = WebAddress(endpoint), new.origin != WebAddress(base)?.origin
        {
            news.append(.moved(host: new.host))
        }
        unsaved = (tokens, storedRefreshToken, news)
        return begin(.saving, .save(tokens))
    }

    private mutating func refused(
        _ error: RESTError, isPost: Bool, wasReread: Bool, _ retryAfter: Double?, at now: Moment, _ random: Double
    ) -> Step {
        switch OAuthPolicy.of(error, usedPost: isPost, storeWasReread: wasReread) {
        case .rereadStore: return begin(.rereading(isPost: isPost), .look)
        case .tryGetForm: return send(isPost: false, at: now)
        case .retry:
            let asked = min(max(retryAfter ?? 0, 0), 3600)
            let wait = max(asked.isFinite ? asked : 0, backoff.next(random: random).inSeconds)
            return block(.faulty(error, retryAfter: wait), for: wait, at: now)
        case .fatal(let seconds):
            // Once more from the beginning, when it is looked at again.
            if !isPost { current?.usesGet = false }
            return block(
                .refused(error, application, answerWasLost: answerWasLost), for: seconds, at: now)
        }
    }

    private mutating func unanswered(_ error: TransportError, at now: Moment, _ random: Double) -> Step {
        if error.isRequestSent {
            answerWasLost = true
            notes.append(.answerLost)
        }
        let wait = backoff.next(random: random).inSeconds
        return block(.unreachable(error, retryAfter: wait), for: wait, at: now)
    }

    private mutating func saved(_ error: TokenStoreError?, at now: Moment, _ random: Double) -> Step {
        if let error {
            let wait = backoff.next(random: random).inSeconds
            return block(.notStored(error, retryAfter: wait), for: wait, at: now)
        }
        guard let (tokens, _, news) = unsaved else { return .keep }
        notes += news
        current = tokens
        unsaved = nil
        generation += 1
        isRefused = false
        isAccepted = false
        answerWasLost = false
        blocked = nil
        backoff.reset()
        renewals += 1
        guard let token else { return .keep }
        return give(token)
    }

    // MARK: Ends

    private mutating func begin(_ phase: Phase, _ step: Step) -> Step {
        self.phase = phase
        return step
    }

    private mutating func give(_ token: AccessToken) -> Step {
        begin(.idle, .give(token))
    }

    private mutating func failStore(_ error: TokenStoreError, at now: Moment, _ random: Double) -> Step {
        let wait = backoff.next(random: random).inSeconds
        return block(.store(error, retryAfter: wait), for: wait, at: now)
    }

    private mutating func block(_ failure: AuthorisationFailure, for seconds: Double, at now: Moment) -> Step {
        blocked = (now.monotonic + .seconds(seconds), failure)
        notes.append(hasEnded && unsaved != nil ? .lost(.lost(failure, application)) : .failed(failure))
        return fail(failure)
    }

    /// A token that nobody has refused is good for what it is wanted for, though it could not be renewed.
    private mutating func fail(_ failure: AuthorisationFailure) -> Step {
        phase = .idle
        switch want {
        case .any:
            if let token, !isRefused, unsaved == nil { return .give(token) }
        case .insteadOf(_, .moved): return .keep
        case .insteadOf(_, .refused): break
        }
        return .fail(failure)
    }
}

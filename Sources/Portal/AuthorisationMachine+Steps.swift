import PullProtocol
import Transport

/// What happens to the machine, and what it wants done.
extension AuthorisationMachine {
    enum Reason: Sendable, Hashable {
        /// The portal says that it has expired or is none.
        case refused
        /// The portal's address answered with a redirect.
        case moved
    }

    enum Want: Sendable, Hashable {
        case any
        /// Another one than that of this generation.
        case insteadOf(UInt64, Reason)
    }

    struct Looked: Sendable {
        var stored: StoredAuthorisation?
        /// Something is stored that cannot be understood: as good as nothing, where the settings have a token.
        var damage: TokenStoreError?
        var seed: AuthorisationSeed
    }

    enum Event: Sendable {
        /// A call is to be made, or its token was refused. Not while a step is under way.
        case wanted(Want)
        case looked(Result<Looked, TokenStoreError>)
        case opened(Result<Looked, TokenStoreError>)
        case answered(Result<OAuthAnswer, RESTError>, retryAfter: Double?)
        case unanswered(TransportError)
        /// Nil: it is safe.
        case saved(TokenStoreError?)
        /// The portal has taken the token of this generation.
        case accepted(UInt64)
        /// A request to the server may be made.
        case placed
        /// Nobody waits any more for what would be sent, and it has not been.
        case withdrawn
        /// No further calls. What is not on disk has its last chance.
        case ended
    }

    enum Step: Sendable {
        case give(AccessToken)
        /// There is no other token to be had: the portal's refusal stands.
        case keep
        case fail(AuthorisationFailure)
        /// Read the store and the settings' tokens.
        case look
        /// Wait until one more request to its server may be made. The store is open to others meanwhile: it may take minutes.
        case queue(TokenRequest)
        /// As `look`, once nobody else can change the store, and with room for what will be saved.
        case open
        case send(TokenRequest)
        case save(StoredAuthorisation)
    }
}

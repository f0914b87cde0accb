import Addresses
import PullProtocol
public import Secrets
public import Timing
public import Transport

/// A person lets an application into a portal (RFC 6749, section 4.1): he opens `address`, agrees, and is redirected to an
/// address with a code, which is exchanged for the first tokens within its 30 s.
public struct AuthorisationRequest: Sendable {
    /// Longest line that is read.
    public static let maximumInputLength = 8192

    private let application: OAuthApplication
    /// Comes back with the code: proof that the answer belongs to this question (RFC 6749, section 10.12).
    private let state: String

    public init(_ application: OAuthApplication) {
        var random = SystemRandomNumberGenerator()
        self.application = application
        state = Digest.hex((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &random) })
    }

    /// What the person has to open. Holds no secret.
    public var address: String {
        "\(application.url)/oauth/authorize/?client_id=\(TokenRequest.encoded(application.clientID))"
            + "&response_type=code&state=\(state)"
    }

    /// The tokens, stored.
    public struct Outcome: Sendable {
        /// Host of the portal as the authorisation server names it, where that is not the one in the settings.
        public var otherHost: String?
        public var userID: Int?
    }

    /// What is in the line that the person has pasted.
    private struct Input {
        var code: Secret
        /// Where the redirected address says that the authorisation is kept; only looked up among the trusted servers.
        var server: String?
    }

    /// Exchanges a code and stores the tokens.
    ///
    /// - Parameter line: the redirected address, or the code alone.
    /// - Throws: `PortalError`; nothing is stored then.
    public func finish(
        _ line: Secret, storage: any TokenStorage, http: any HTTPClient, network: NetworkOptions = NetworkOptions(),
        time: TimeSource = .system, wait: @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }
    ) async throws(PortalError) -> Outcome {
        do throws(AuthorisationFailure) {
            let input = try input(line.exposed)
            let stored = try await open(storage, wait)
            defer { storage.close() }
            let (answer, isPost) = try await exchange(
                input, TokenExchange(http: http, network: network, budget: nil), time)
            return try store(answer, isPost: isPost, over: stored, in: storage, at: time.now().wall)
        } catch {
            throw PortalError(authorisation: error)
        }
    }

    private func input(_ line: String) throws(AuthorisationFailure) -> Input {
        let text = line.drop { $0 == " " || $0 == "\t" }.prefix { !$0.isWhitespace }
        guard text.contains("://") else {
            guard 1...512 ~= text.utf8.count, text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
                throw .input("this is neither an address nor a code", cure: "paste the whole address")
            }
            return Input(code: Secret(String(text)))
        }
        guard let address = WebAddress(String(text)), let query = address.query else {
            throw .input("this is not the redirected address", cure: "paste the whole address, with its ?code=…")
        }
        let fields = query.split(separator: "&").map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        func value(_ name: String) -> String? {
            fields.first { $0.first == name && $0.count == 2 }.map { $0[1] }
        }
        guard value("state") == state else {
            throw .input(
                "the address is not the answer to this question (state)",
                cure: "open the address that was just printed, and paste where that leads")
        }
        guard let code = value("code"), code.utf8.count <= 512,
            code.utf8.allSatisfy({ 0x21...0x7E ~= $0 && $0 != 0x25 })
        else {
            throw .input("the address has no code", cure: "agree to the application's access on the portal")
        }
        return Input(code: Secret(code), server: value("server_domain").map { "https://\($0)" })
    }

    /// A running daemon may be about to renew the tokens: that takes seconds.
    private func open(
        _ storage: any TokenStorage, _ wait: @Sendable (Duration) async -> Void
    ) async throws(AuthorisationFailure) -> StoredAuthorisation? {
        var attempts = 100
        while true {
            do throws(TokenStoreError) {
                try storage.open()
                break
            } catch {
                attempts -= 1
                guard error.code == .busy, attempts > 0 else { throw .store(error, retryAfter: 60) }
                await wait(.milliseconds(100))
            }
        }
        do throws(TokenStoreError) { return try storage.read() } catch {
            // It is about to be replaced.
            if error.code == .damaged { return nil }
            storage.close()
            throw .store(error, retryAfter: 60)
        }
    }

    private func exchange(
        _ input: Input, _ server: TokenExchange, _ time: TimeSource
    ) async throws(AuthorisationFailure) -> (OAuthAnswer, isPost: Bool) {
        for isPost in [true, false] {
            let request = TokenRequest(
                .code(input.code), of: application, serverEndpoint: input.server, isPost: isPost)
            switch await server.send(request, time: time) {
            case .answered(.success(let answer), _): return (answer, isPost)
            case .answered(.failure(let error), _):
                if isPost, OAuthPolicy.of(error, usedPost: true, storeWasReread: true) == .tryGetForm { continue }
                throw .codeRefused(error)
            case .unanswered(let error): throw .unreachable(error, retryAfter: 60)
            case .wanted, .looked, .opened, .saved, .accepted, .placed, .withdrawn, .ended: throw .cancelled
            }
        }
        throw .cancelled
    }

    private func store(
        _ answer: OAuthAnswer, isPost: Bool, over stored: StoredAuthorisation?, in storage: any TokenStorage,
        at wall: Double
    ) throws(AuthorisationFailure) -> Outcome {
        let earlier = stored.flatMap { $0.url == application.url ? $0 : nil }
        guard answer.belongs(to: earlier?.memberID) else { throw .otherPortal(application) }
        guard !answer.lacksPullScope else { throw .lacksScope }
        guard answer.refreshToken != nil else { throw .noRefreshToken }
        var tokens = StoredAuthorisation(url: application.url, clientID: application.clientID)
        tokens.take(answer, at: wall)
        tokens.usesGet = !isPost
        do throws(TokenStoreError) { try storage.save(tokens) } catch {
            throw .store(error, retryAfter: 60)
        }
        let host = tokens.clientEndpoint.flatMap { WebAddress($0)?.host }
        let isOther = host != nil && host != WebAddress(application.url)?.host
        return Outcome(otherHost: isOther ? host : nil, userID: tokens.userID)
    }
}

extension AuthorisationFailure {
    fileprivate static func input(_ message: String, cure: String) -> AuthorisationFailure {
        AuthorisationFailure(code: .input, message: message, cure: cure, retryAfter: 0, needsPerson: true)
    }

    fileprivate static func codeRefused(_ error: RESTError) -> AuthorisationFailure {
        AuthorisationFailure(
            code: .refused(error.code), message: "the authorisation server refuses the code: \(error.description)",
            cure: error.code == "invalid_grant" ? "begin again: a code works once, and for 30 seconds" : error.cure,
            retryAfter: 0, needsPerson: OAuthPolicy.of(error, usedPost: false, storeWasReread: true) != .retry)
    }

    fileprivate static let lacksScope = AuthorisationFailure(
        code: .refused("insufficient_scope"), message: "the application does not have the scope pull",
        cure: "give it the scope pull in the portal's list of applications, then begin again", retryAfter: 0,
        needsPerson: true)

    fileprivate static let noRefreshToken = AuthorisationFailure(
        code: .absent, message: "the authorisation server gave no refresh token", cure: "begin again", retryAfter: 0,
        needsPerson: true)
}

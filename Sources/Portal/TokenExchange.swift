import PullProtocol
import Timing
import Transport

/// Asks an authorisation server.
struct TokenExchange: Sendable {
    let http: any HTTPClient
    let network: NetworkOptions
    /// Nil: no limit.
    let budget: RequestBudget?

    /// Returns when the request may be sent, or when the task is cancelled.
    func enter(_ request: TokenRequest) async {
        await budget(for: request)?.enter(request.host, .authorisationServer)
    }

    /// Takes a place for a request that follows another one at once, since it cannot wait: the store is locked.
    func count(_ request: TokenRequest) {
        _ = budget(for: request)?.reserve(request.host, .authorisationServer)
    }

    func send(_ request: TokenRequest, time: TimeSource) async -> AuthorisationMachine.Event {
        let budget = budget(for: request)
        do throws(TransportError) {
            let response = try await http.exchange(request.http(network))
            let answer = OAuthAnswer.decode(status: response.status, body: response.body, now: time.now().wall)
            let retryAfter = response.header("retry-after").flatMap { Double($0) }
            switch answer {
            case .failure(let error)
            where [429, 503].contains(response.status) || error.code == "query_limit_exceeded":
                budget?.refused(request.host, .authorisationServer)
            case .success: budget?.served(request.host)
            case .failure: break
            }
            return .answered(answer, retryAfter: retryAfter)
        } catch {
            return .unanswered(error)
        }
    }

    private func budget(for request: TokenRequest) -> RequestBudget? { request.isLocal ? nil : budget }
}

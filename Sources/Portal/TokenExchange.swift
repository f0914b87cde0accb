import PullProtocol
import Timing
import Transport

/// Asks an authorisation server.
struct TokenExchange: Sendable {
    let http: any HTTPClient
    let network: NetworkOptions
    /// Nil: no limit.
    let budget: RequestBudget?

    func send(_ request: TokenRequest, time: TimeSource) async -> AuthorisationMachine.Event {
        let budget = request.isLocal ? nil : budget
        await budget?.enter(request.host, .cloud)
        do throws(TransportError) {
            let response = try await http.exchange(request.http(network))
            let answer = OAuthAnswer.decode(status: response.status, body: response.body, now: time.now().wall)
            let retryAfter = response.header("retry-after").flatMap { Double($0) }
            switch answer {
            case .failure(let error) where response.status == 429 || error.code == "query_limit_exceeded":
                budget?.refused(request.host, .cloud)
            case .success: budget?.served(request.host)
            case .failure: break
            }
            return .answered(answer, retryAfter: retryAfter)
        } catch {
            return .unanswered(error)
        }
    }
}

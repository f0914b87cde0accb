import Foundation
import Portal
import Secrets
import Testing
import Transport

@testable import Checks

/// Nobody is to be asked.
private struct NoHTTP: HTTPClient {
    func exchange(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        throw TransportError(stage: .cancelled, message: "no test asks anybody")
    }
}

@Suite struct TokenAccessTests {
    private func access(isSure: Bool, stored: Bool, token: String?) throws -> TokenAccess {
        let directory = "/tmp/pulld-test-tokens-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        if stored {
            let text = """
                {"version":1,"url":"https://acme.example","client_id":"local.1","refresh_token":"a-refresh-token",\
                "access_token":"an-access-token"}
                """
            try FileManager.default.createDirectory(
                atPath: directory + "/tokens", withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(fileURLWithPath: directory + "/tokens/acme.json"))
        }
        return try TokenAccess(
            OAuthApplication(
                portal: "acme", url: "https://acme.example", clientID: "local.1", clientSecret: Secret("a-secret")),
            seed: AuthorisationSeed(refreshToken: Secret("a-seed"), accessToken: token.map { Secret($0) }),
            state: StatePlace(directory: directory, isSure: isSure), http: NoHTTP(), network: NetworkOptions(),
            budget: RequestBudget())
    }

    @Test(
        "A token is renewed only where the daemon keeps its own: in a place that is surely its, or has its tokens",
        arguments: [(true, false, true), (true, true, true), (false, true, true), (false, false, false)])
    func renewal(isSure: Bool, stored: Bool, isRenewable: Bool) throws {
        let access = try access(isSure: isSure, stored: stored, token: "an-access-token")
        #expect(access.authorisation.isRenewable == isRenewable)
        #expect(access.absence == nil)
    }

    @Test("With nothing to ask with, and nobody to renew, what is wrong is the place")
    func absence() throws {
        let absence = try access(isSure: false, stored: false, token: nil).absence
        #expect(absence?.stage == .token && absence?.outcome == .failed(.configuration))
        #expect(absence?.cure.contains("STATE_DIRECTORY") == true)
        #expect(try access(isSure: true, stored: false, token: nil).absence == nil)
    }

    @Test("A token that cannot be renewed says so")
    func fixed() async {
        let text = await TokenAccess(fixed: Secret("an-access-token")).accepted()
        #expect(text == "accepted; it cannot be renewed, and works an hour at most")
    }
}

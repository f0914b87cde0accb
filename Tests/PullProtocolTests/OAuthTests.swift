import PullProtocol
import Testing

struct OAuthTests {
    static let renewal = """
        {"access_token":"a","refresh_token":"r2","expires":"1780319382","expires_in":"3600",\
        "client_endpoint":"https://p.test/rest/","server_endpoint":"https://oauth.test/rest/",\
        "member_id":"m","scope":"pull,crm","user_id":"67"}
        """

    private func decode(_ body: String, status: Int = 200, now: Double = 1000.9) throws -> OAuthAnswer {
        try OAuthAnswer.decode(status: status, body: Array(body.utf8), now: now).get()
    }

    @Test("A renewal is read (O1)")
    func renewal() throws {
        let answer = try decode(Self.renewal)
        #expect(answer.accessToken.exposed == "a")
        #expect(answer.refreshToken?.exposed == "r2")
        #expect(answer.expiry == 1_780_319_382)
        #expect(answer.userID == 67)
        #expect(answer.clientEndpoint == "https://p.test/rest/")
        #expect(answer.serverEndpoint == "https://oauth.test/rest/")
        #expect(answer.memberID == "m")
        #expect(answer.scopes == ["pull", "crm"])
        #expect(!answer.lacksPullScope)
        #expect(!"\(answer)".contains("r2"))
    }

    @Test("Without a time of expiry the lifetime counts from now (O2)")
    func lifetime() throws {
        let without = Self.renewal.replacing("\"expires\":\"1780319382\",", with: "")
        #expect(try decode(without).expiry == 4600)
        #expect(try decode("{\"access_token\":\"a\"}").expiry == 4600)
        #expect(try decode("{\"access_token\":\"a\",\"expires_in\":-5}", now: .nan).expiry == 0)
        #expect(try decode("{\"access_token\":\"a\",\"expires_in\":1e300}", now: 1e300).expiry >= 0)
    }

    @Test("A token that was revoked is looked up in the store once, then it is fatal (O3)", arguments: [200, 400])
    func invalidGrant(status: Int) {
        let body = Array("{\"error\":\"invalid_grant\"}".utf8)
        guard case .failure(let error) = OAuthAnswer.decode(status: status, body: body, now: 0) else {
            Issue.record("no error")
            return
        }
        #expect(OAuthPolicy.of(error, usedPost: true, storeWasReread: false) == .rereadStore)
        #expect(OAuthPolicy.of(error, usedPost: true, storeWasReread: true) == .fatal(recheckAfter: 3600))
    }

    @Test("An answer for another portal does not belong to the stored one (O4)")
    func memberID() throws {
        let answer = try decode(Self.renewal)
        #expect(answer.belongs(to: "m"))
        #expect(answer.belongs(to: nil))
        #expect(!answer.belongs(to: "n"))
        #expect(try decode("{\"access_token\":\"a\"}").belongs(to: "n"))
    }

    @Test("Without a new refresh token the old one stays (O5)")
    func noRefreshToken() throws {
        let answer = try decode("{\"access_token\":\"a\",\"refresh_token\":\"\"}")
        #expect(answer.refreshToken == nil)
        #expect(answer.scopes == nil && !answer.lacksPullScope)
    }

    @Test(
        "A list of rights without pull is a lack; the word app, which servers say in its place, and nothing are none",
        arguments: [
            ("crm, task", true), ("crm", true), ("app,crm", true), ("crm, pull", false), ("pull", false),
            ("app", false), (" app ", false), ("", false), (" , ", false),
        ])
    func scope(text: String, isLack: Bool) throws {
        #expect(try decode(#"{"access_token":"a","scope":"\#(text)"}"#).lacksPullScope == isLack)
    }

    @Test(
        "Every error of a renewal has its policy",
        arguments: [
            ("invalid_client", 401, OAuthPolicy.fatal(recheckAfter: 3600)),
            ("invalid_scope", 400, .fatal(recheckAfter: 3600)),
            ("insufficient_scope", 400, .fatal(recheckAfter: 3600)),
            ("PAYMENT_REQUIRED", 402, .fatal(recheckAfter: 86_400)),
            ("invalid_request", 400, .tryGetForm), ("http_404", 404, .tryGetForm), ("http_405", 405, .tryGetForm),
            ("http_503", 503, .retry), ("http_429", 429, .retry), ("not_json", 200, .retry),
            ("incomplete_answer", 200, .retry), ("anything", 400, .fatal(recheckAfter: 3600)),
            ("http_302", 302, .fatal(recheckAfter: 3600)),
        ])
    func policies(code: String, status: Int, policy: OAuthPolicy) {
        #expect(OAuthPolicy.of(RESTError(code: code, status: status), usedPost: true, storeWasReread: false) == policy)
    }

    @Test("The documented form is tried once", arguments: ["invalid_request", "http_404"])
    func getFormOnce(code: String) {
        let error = RESTError(code: code, status: code == "http_404" ? 404 : 400)
        #expect(OAuthPolicy.of(error, usedPost: false, storeWasReread: false) == .fatal(recheckAfter: 3600))
    }

    @Test(
        "A token that could break a request is none, and neither is an address that cannot be trusted",
        arguments: [
            "{}", "{\"access_token\":\"a\\r\\nb\"}", "{\"access_token\":\"\"}", "{\"access_token\":[]}",
            "{\"access_token\":\"é\"}",
        ])
    func unusable(body: String) throws {
        #expect(throws: RESTError.self) { try decode(body) }
        let plain = try decode("{\"access_token\":\"a\",\"client_endpoint\":\"http://p.test/rest/\"}")
        #expect(plain.clientEndpoint == nil)
        let local = try decode("{\"access_token\":\"a\",\"client_endpoint\":\"http://127.0.0.1:80/rest/\"}")
        #expect(local.clientEndpoint == "http://127.0.0.1:80/rest/")
    }
}

import JSONText
import PullProtocol
import Testing

struct RESTTests {
    private func error(_ status: Int, _ body: String) -> RESTError? {
        guard case .failure(let error) = RESTAnswer.decode(status: status, body: Array(body.utf8)) else { return nil }
        return error
    }

    @Test("An error is one whatever status it comes with (C8)")
    func errorUnderGoodStatus() throws {
        let body = "{\"error\":\"SERVER_ERROR\",\"error_description\":\"Push & Pull server is not configured\"}"
        let found = try #require(error(200, body))
        #expect(found.code == "server_error")
        #expect(found.explanation == "Push & Pull server is not configured")
        #expect(RESTPolicy.of(found) == .retryAfter(600))
        #expect(RESTPolicy.alarms(found))
    }

    @Test("Both forms of errors are understood (C15)")
    func objectForm() {
        let found = error(401, "{\"error\":{\"code\":\"expired_token\",\"message\":\"The access token has expired\"}}")
        #expect(found == RESTError(code: "expired_token", explanation: "The access token has expired", status: 401))
    }

    @Test(
        "Every code has its policy (C9)",
        arguments: [
            ("expired_token", 401, RESTPolicy.refreshToken), ("invalid_token", 401, .refreshToken),
            ("NO_AUTH_FOUND", 401, .refreshToken), ("WRONG_AUTH_TYPE", 403, .fatal(recheckAfter: 3600)),
            ("insufficient_scope", 401, .fatal(recheckAfter: 3600)),
            ("INVALID_CREDENTIALS", 403, .fatal(recheckAfter: 3600)),
            ("user_access_error", 401, .fatal(recheckAfter: 3600)), ("ACCESS_DENIED", 403, .fatal(recheckAfter: 3600)),
            ("AUTHORIZE_ERROR", 403, .fatal(recheckAfter: 3600)),
            ("APPLICATION_NOT_FOUND", 401, .fatal(recheckAfter: 3600)),
            ("authorization_error", 403, .fatal(recheckAfter: 3600)), ("CONNECTION_ERROR", 401, .retry(.rest)),
            ("CONNECTION_ERROR", 403, .retry(.rest)), ("METHOD_CONFIRM_WAITING", 401, .retryAfter(600)),
            ("METHOD_CONFIRM_DENIED", 403, .fatal(recheckAfter: 3600)), ("SERVER_ERROR", 500, .retryAfter(600)),
            ("INVALID_REQUEST", 400, .fatal(recheckAfter: 3600)),
            ("ERROR_METHOD_NOT_FOUND", 404, .fatal(recheckAfter: 3600)),
            ("ERROR_CORE", 400, .fatal(recheckAfter: 3600)), ("ERROR_ARGUMENT", 400, .fatal(recheckAfter: 3600)),
            ("ANYTHING", 400, .fatal(recheckAfter: 3600)), ("PARAMS_ERROR", 400, .fatal(recheckAfter: 3600)),
            ("ERROR_BATCH_METHOD_NOT_ALLOWED", 405, .fatal(recheckAfter: 3600)),
            ("QUERY_LIMIT_EXCEEDED", 503, .retry(.queryLimit)), ("OPERATION_TIME_LIMIT", 429, .retryAfter(60)),
            ("OVERLOAD_LIMIT", 503, .retryAfter(3600)), ("INTERNAL_SERVER_ERROR", 500, .retry(.serverFault)),
            ("ERROR_UNEXPECTED_ANSWER", 500, .retry(.serverFault)), ("PORTAL_DELETED", 403, .retryAfter(3600)),
            ("ANYTHING", 502, .retry(.rest)), ("ANYTHING", 408, .retry(.rest)),
            ("ANYTHING", 418, .fatal(recheckAfter: 3600)),
            ("ANYTHING", 200, .retry(.serverFault)),
        ])
    func policies(code: String, status: Int, policy: RESTPolicy) throws {
        let found = try #require(error(status, "{\"error\":\"\(code)\"}"))
        #expect(RESTPolicy.of(found) == policy)
        #expect(!found.cure.isEmpty)
    }

    @Test("A token is renewed once, and only where there is one to renew (C9)")
    func refreshOnce() {
        let expired = RESTError(code: "expired_token", status: 401)
        #expect(RESTPolicy.of(expired, afterRefresh: true) == .retry(.rest))
        #expect(RESTPolicy.of(expired, hasToken: false) == .fatal(recheckAfter: 3600))
        let invalid = RESTError(code: "invalid_token", status: 401)
        #expect(RESTPolicy.of(invalid, afterRefresh: true) == .fatal(recheckAfter: 3600))
        let missing = RESTError(code: "NO_AUTH_FOUND", status: 401)
        #expect(RESTPolicy.of(missing, afterRefresh: true) == .fatal(recheckAfter: 3600))
        #expect(!RESTPolicy.alarms(expired))
        #expect(RESTPolicy.alarms(invalid))
    }

    @Test("Waits that a server asks for are kept, within an hour")
    func waits() {
        let limit = RESTError(code: "operation_time_limit", status: 429)
        #expect(RESTPolicy.of(limit, operatingReset: 200) == .retryAfter(200))
        #expect(RESTPolicy.of(limit, operatingReset: -5) == .retryAfter(1))
        #expect(RESTPolicy.of(limit, operatingReset: .infinity) == .retryAfter(3600))
        let busy = RESTError(code: "http_503", status: 503)
        #expect(RESTPolicy.of(busy, retryAfter: 30) == .retryAfter(30))
        #expect(RESTPolicy.of(busy, retryAfter: 1e9) == .retryAfter(3600))
        #expect(RESTPolicy.of(busy, retryAfter: 0) == .retry(.rest))
    }

    @Test(
        "What is no JSON comes from something on the way (C13)",
        arguments: [
            (200, "<html>", "not_json"), (502, "<html>", "http_502"), (200, "", "not_json"), (200, "7", "not_json"),
        ])
    func notJSON(status: Int, body: String, code: String) throws {
        let found = try #require(error(status, body))
        #expect(found.code == code)
        #expect(RESTPolicy.of(found) == .retry(.rest))
    }

    @Test("JSON under a bad status is an error without a code of its own")
    func badStatus() {
        #expect(error(404, "{}")?.code == "http_404")
        #expect(error(500, "{\"result\":true}")?.code == "http_500")
    }

    @Test(
        "Members named error that say nothing are none",
        arguments: [
            "{\"error\":\"\",\"result\":1}", "{\"error\":null}", "{\"error\":false}", "{\"error\":0}", "{\"error\":[]}",
            "{\"result\":[]}",
        ])
    func noError(body: String) {
        #expect(error(200, body) == nil)
    }

    @Test("A server's words are shortened, and lose what is secret")
    func cleaning() throws {
        let long = String(repeating: "x ", count: 1000)
        let found = RESTError(code: "a\r\nb", explanation: "see https://h/?auth=zz " + long, status: 400)
        #expect(found.code == "unknown")
        #expect(found.explanation.hasPrefix("see https://h/?auth=*** x"))
        #expect(found.explanation.count <= 301)
        #expect(!found.description.contains("zz"))
        #expect(RESTError(code: "", status: 400).code == "unknown")
    }
}

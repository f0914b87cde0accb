import JSONText
import PullProtocol
import Testing
import Transport

@testable import Portal

@Suite("Errors of a portal")
struct PortalErrorTests {
    enum Kind: Equatable {
        case schedule
        case after(Double)
        /// Needs a person; looked at again hourly.
        case person
    }

    struct Row: CustomTestStringConvertible {
        var code: String
        var status: Int
        var kind: Kind

        init(_ code: String, _ status: Int, _ kind: Kind) {
            (self.code, self.status, self.kind) = (code, status, kind)
        }

        var testDescription: String { "\(code) \(status)" }
    }

    static let table = [
        // A token alone cannot be renewed.
        Row("expired_token", 401, .person), Row("invalid_token", 401, .person), Row("NO_AUTH_FOUND", 401, .person),
        Row("WRONG_AUTH_TYPE", 403, .person), Row("insufficient_scope", 403, .person),
        Row("insufficient_scope", 401, .person), Row("INVALID_CREDENTIALS", 403, .person),
        Row("user_access_error", 401, .person), Row("ACCESS_DENIED", 403, .person),
        Row("AUTHORIZE_ERROR", 403, .person), Row("APPLICATION_NOT_FOUND", 401, .person),
        Row("authorization_error", 403, .person), Row("CONNECTION_ERROR", 401, .schedule),
        Row("CONNECTION_ERROR", 403, .schedule), Row("METHOD_CONFIRM_WAITING", 401, .after(600)),
        Row("METHOD_CONFIRM_DENIED", 403, .person), Row("SERVER_ERROR", 500, .after(600)),
        Row("SERVER_ERROR", 200, .after(600)), Row("INVALID_REQUEST", 400, .person),
        Row("ERROR_METHOD_NOT_FOUND", 404, .person), Row("ERROR_CORE", 400, .person),
        Row("ERROR_ARGUMENT", 400, .person), Row("SOMETHING_ELSE", 400, .person),
        Row("USER_ID_ACCESS_ERROR", 400, .person), Row("MODULE_ID_ERROR", 400, .person),
        Row("COMMAND_ERROR", 400, .person), Row("PARAMS_ERROR", 400, .person),
        Row("ERROR_BATCH_METHOD_NOT_ALLOWED", 405, .person), Row("ERROR_BATCH_LENGTH_EXCEEDED", 400, .person),
        Row("QUERY_LIMIT_EXCEEDED", 503, .schedule), Row("OPERATION_TIME_LIMIT", 429, .after(60)),
        Row("OVERLOAD_LIMIT", 503, .after(3600)), Row("INTERNAL_SERVER_ERROR", 500, .schedule),
        Row("ERROR_UNEXPECTED_ANSWER", 500, .schedule), Row("PORTAL_DELETED", 500, .after(3600)),
        Row("PORTAL_DELETED", 403, .after(3600)), Row("unheard_of", 500, .schedule), Row("unheard_of", 408, .schedule),
        Row("unheard_of", 418, .person),
    ]

    static func kind(_ error: PortalError?) -> Kind? {
        guard let error else { return nil }
        switch (error.needsPerson, error.retry) {
        case (true, .after(3600)): return .person
        case (false, .after(let seconds)): return .after(seconds)
        case (false, .schedule): return .schedule
        case (true, _): return nil
        }
    }

    static func refusal(
        _ status: Int, _ body: String, headers: [(name: String, value: String)] = []
    ) async throws -> PortalError? {
        let client = try Stand.application(StandInHTTP(status, body, headers: headers))
        return await Stand.failure { () async throws(PortalError) in try await client.configuration() }
    }

    @Test(
        "every known code has its way to go on, a cure, and its name in the message", arguments: PortalErrorTests.table)
    func known(row: Row) async throws {
        for body in [
            #"{"error":"\#(row.code)","error_description":"see ?auth=\#(Stand.token)&x=1"}"#,
            #"{"error":{"code":"\#(row.code)","message":"Bearer \#(Stand.token)"}}"#,
        ] {
            let error = try await Self.refusal(row.status, body)
            #expect(Self.kind(error) == row.kind)
            guard case .rest(let rest) = error?.code else {
                Issue.record("the code is \(String(describing: error?.code))")
                continue
            }
            #expect(rest.code == row.code.lowercased() && rest.status == row.status)
            #expect(error?.message.contains(rest.code) == true)
            #expect(error?.cure.isEmpty == false)
            #expect(!"\(error.map { "\($0)" } ?? "") \(String(reflecting: error))".contains(Stand.token))
        }
    }

    @Test(
        "a webhook cannot be renewed: its refusals need a person, too", arguments: ["NO_AUTH_FOUND", "expired_token"])
    func webhook(code: String) async throws {
        let client = try Stand.webhook(StandInHTTP(401, #"{"error":"\#(code)"}"#))
        let error = await Stand.failure { () async throws(PortalError) in try await client.configuration() }
        #expect(Self.kind(error) == .person)
        #expect(error?.description.contains("s3cr3t") == false)
    }

    @Test("Retry-After is obeyed, up to an hour", arguments: [("17", 17.0), ("0.5", 1), ("1e9", 3600), ("inf", 3600)])
    func retryAfter(value: String, seconds: Double) async throws {
        let error = try await Self.refusal(
            503, #"{"error":"QUERY_LIMIT_EXCEEDED"}"#, headers: [("retry-after", value)])
        #expect(error?.retry == .after(seconds))
    }

    @Test("a Retry-After that makes no sense counts as none", arguments: ["", "-5", "nan", "soon"])
    func senselessRetryAfter(value: String) async throws {
        let error = try await Self.refusal(
            503, #"{"error":"QUERY_LIMIT_EXCEEDED"}"#, headers: [("retry-after", value)])
        #expect(error?.retry == .schedule(.queryLimit))
    }

    @Test("a redirect is not followed: an error that says the portal has moved", arguments: [301, 302, 307, 308])
    func redirect(status: Int) async throws {
        let http = StandInHTTP(status, "<html>", headers: [("location", "https://evil.example/?\(Stand.token)")])
        let client = try Stand.application(http)
        let error = await Stand.failure { () async throws(PortalError) in try await client.configuration() }
        #expect(http.requests.count == 1)
        #expect(Self.kind(error) == .person)
        #expect(error?.cure.contains("write its new address as `url`") == true)
        #expect(error?.description.contains("evil") == false)
    }

    @Test("a page instead of JSON passes by itself", arguments: [200, 502, 503])
    func page(status: Int) async throws {
        let error = try await Self.refusal(status, "<html>\(Stand.token)</html>")
        #expect(Self.kind(error) == .schedule)
        #expect(error?.description.contains("s3cr3t") == false)
    }

    @Test(
        "what the way to the portal lacks is told with its stage and cure",
        arguments: [TransportError.Stage.dns, .connect, .proxy, .tls, .http])
    func transport(stage: TransportError.Stage) async throws {
        let failure = TransportError(
            stage: stage, message: "it broke", cure: "mend it", partialBody: Array(Stand.token.utf8))
        let client = try Stand.application(StandInHTTP(.failure(failure)))
        let error = await Stand.failure { () async throws(PortalError) in try await client.configuration() }
        #expect(error?.code == .transport(stage))
        #expect(error?.description == "\(stage.rawValue): it broke (mend it)")
        #expect(Self.kind(error) == .schedule)
    }

    @Test(
        "an answer that no connection can be made from says why",
        arguments: [
            #"{"result":{}}"#, #"{"result":[]}"#, "[]",
            "{}", #"{"result":null}"#,
        ])
    func configuration(body: String) async throws {
        let error = try await Self.refusal(200, body)
        #expect(error != nil && error?.message.isEmpty == false)
        if case .rest = error?.code { Issue.record("the code is \(String(describing: error?.code))") }
    }

    @Test("a publication that is refused says so")
    func publish() async throws {
        let client = try Stand.application(StandInHTTP(400, #"{"error":"USER_ID_ACCESS_ERROR"}"#))
        let error = await Stand.failure { () async throws(PortalError) in
            try await client.publish(command: "x", params: .object([]), users: ["9"])
        }
        #expect(Self.kind(error) == .person)
    }
}

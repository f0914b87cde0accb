import Foundation
import JSONText
import PullProtocol
import Secrets
import Synchronization
import Testing
import Timing
import Transport

@testable import Portal

/// Answers as it is told and keeps what was asked.
final class StandInHTTP: HTTPClient {
    private let answer: Result<HTTPResponse, TransportError>
    private let asked = Mutex<[HTTPRequest]>([])

    init(_ answer: Result<HTTPResponse, TransportError>) {
        self.answer = answer
    }

    convenience init(_ status: Int, _ body: String, headers: [(name: String, value: String)] = []) {
        self.init(.success(HTTPResponse(status: status, headers: headers, body: Array(body.utf8))))
    }

    func exchange(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        asked.withLock { $0.append(request) }
        return try answer.get()
    }

    var requests: [HTTPRequest] { asked.withLock { $0 } }
}

enum Stand {
    static let now = 1_790_000_000.0
    static let time = TimeSource { Moment(monotonic: .seconds(1), wall: now) }
    static let token = "s3cr3t0access0token0"
    static let webhookCode = "s3cr3t0webhook0code0"

    static func application(_ http: StandInHTTP) throws -> PortalClient {
        try PortalClient(
            url: "https://acme.bitrix24.com", credential: .application(.fixed(accessToken: Secret(token))), http: http,
            time: time)
    }

    static func webhook(_ http: StandInHTTP) throws -> PortalClient {
        try PortalClient(
            url: "https://acme.bitrix24.com",
            credential: .webhook(address: Secret("https://acme.bitrix24.com/rest/1/\(webhookCode)")), http: http,
            time: time)
    }

    /// A whole answer of `pull.application.config.get`, its clock `ahead` of this machine's by seconds.
    static func configuration(ahead: Double = 0) -> String {
        let date = ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: now + ahead))
        let end = ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: now + 43_200))
        let hash = String(repeating: "0123456789abcdef", count: 2)
        let signature = String(repeating: "0123456789", count: 4)
        return """
            {"result":{"server":{"version":4,"server_enabled":true,"mode":"shared","websocket_enabled":true,
            "long_pooling_secure":"https://rt.bitrix24.com/sub/","websocket_secure":"wss://rt.bitrix24.com/subws/"},
            "channels":{"shared":{"id":"\(hash).\(signature)","start":"\(date)","end":"\(end)","type":"shared"},
            "private":{"id":"\(hash):\(hash).\(signature)","public_id":"\(hash).\(signature)","start":"\(date)",
            "end":"\(end)","type":"private"}},"clientId":"licence"},
            "time":{"start":1,"finish":2,"duration":1,"date_start":"\(date)","date_finish":"\(date)"}}
            """
    }

    static func body(_ request: HTTPRequest) -> String {
        String(decoding: request.body, as: UTF8.self)
    }

    static func failure<T>(_ operation: () async throws(PortalError) -> T) async -> PortalError? {
        do {
            _ = try await operation()
            Issue.record("it succeeded")
            return nil
        } catch {
            return error
        }
    }
}

@Suite("Calls to a portal")
struct PortalClientTests {
    @Test("an application asks past the cache, with its token in the body and nowhere else")
    func application() async throws {
        let http = StandInHTTP(200, Stand.configuration())
        let (configuration, skew) = try await Stand.application(http).configuration()
        #expect(configuration.version == 4)
        #expect(skew == 0)
        let request = try #require(http.requests.first)
        #expect(http.requests.count == 1 && request.method == .post)
        #expect(request.url.exposed == "https://acme.bitrix24.com/rest/pull.application.config.get.json")
        #expect(request.headers.contains { $0 == ("Content-Type", "application/json") })
        #expect(!request.headers.contains { $0.value.contains(Stand.token) })
        #expect(Stand.body(request) == #"{"CACHE":"N","auth":"\#(Stand.token)"}"#)
        #expect(request.timeout >= .seconds(60))
    }

    @Test("a webhook asks for the user's channels, and its address is all its proof")
    func webhook() async throws {
        let http = StandInHTTP(200, Stand.configuration())
        _ = try await Stand.webhook(http).configuration()
        let request = try #require(http.requests.first)
        #expect(
            request.url.exposed == "https://acme.bitrix24.com/rest/1/\(Stand.webhookCode)/pull.config.get.json")
        #expect(Stand.body(request) == #"{"CACHE":"N"}"#)
    }

    @Test("addresses with and without a slash at the end give the same call", arguments: ["", "/"])
    func slash(end: String) async throws {
        let http = StandInHTTP(200, Stand.configuration())
        let client = try PortalClient(
            url: "https://acme.bitrix24.com" + end, credential: .application(.fixed(accessToken: "t")), http: http)
        _ = try? await client.configuration()
        #expect(
            http.requests.first?.url.exposed == "https://acme.bitrix24.com/rest/pull.application.config.get.json")
    }

    @Test(
        "an address that a token must not go to is refused, without repeating it",
        arguments: [
            "http://acme.bitrix24.com", "ftp://acme.bitrix24.com", "acme.bitrix24.com", "",
            "https://user:s3cr3t@acme.bitrix24.com", "https://acme.bitrix24.com?x=s3cr3t",
        ])
    func addresses(url: String) async throws {
        for credential in [
            PortalCredential.application(.fixed(accessToken: "t")), .webhook(address: Secret(url + "/rest/1/s3cr3t/")),
        ] {
            let error = await Stand.failure { () async throws(PortalError) in
                try PortalClient(url: url, credential: credential, http: StandInHTTP(200, "{}"))
            }
            #expect(error?.code == .address && error?.needsPerson == true && error?.cure.isEmpty == false)
            #expect(error?.description.contains("s3cr3t") == false)
        }
    }

    @Test("plain http is taken for this machine itself", arguments: ["http://127.0.0.1:8080", "http://localhost"])
    func loopback(url: String) throws {
        _ = try PortalClient(url: url, credential: .application(.fixed(accessToken: "t")), http: StandInHTTP(200, "{}"))
    }

    @Test("how far the portal's clock is ahead; less than two seconds is nothing", arguments: [0, 1, -1, 120, -7200])
    func skew(ahead: Double) async throws {
        let http = StandInHTTP(200, Stand.configuration(ahead: ahead))
        let skew = try await Stand.application(http).configuration().skew
        #expect(abs(ahead) < 2 ? skew == 0 : abs(skew - ahead) <= 1)
    }

    @Test("a client, its requests and its credential print no secret")
    func printing() async throws {
        let http = StandInHTTP(200, Stand.configuration())
        for client in [try Stand.application(http), try Stand.webhook(http)] {
            var text = "\(client)"
            dump(client, to: &text)
            _ = try await client.configuration()
            for request in http.requests { text += "\(request.url) \(String(reflecting: request.url))" }
            #expect(!text.contains("s3cr3t"))
        }
    }

    @Test(
        "publishing sends command, params and the token; one user as a string, several as a list",
        arguments: [
            ([], nil, ""), (["7"], "crm", #""MODULE_ID":"crm","USER_ID":"7","#),
            (["7", "8"], nil, #""USER_ID":["7","8"],"#),
        ])
    func publish(users: [String], module: String?, members: String) async throws {
        let http = StandInHTTP(200, #"{"result":true}"#)
        try await Stand.application(http).publish(
            command: "order.paid", params: .object([("id", .number("1"))]), module: module, users: users)
        let request = try #require(http.requests.first)
        #expect(request.url.exposed == "https://acme.bitrix24.com/rest/pull.application.event.add.json")
        #expect(
            Stand.body(request)
                == #"{"COMMAND":"order.paid","PARAMS":{"id":1},\#(members)"auth":"\#(Stand.token)"}"#)
    }
}

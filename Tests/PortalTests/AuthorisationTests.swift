import Foundation
import PullProtocol
import Secrets
import Synchronization
import Testing
import Timing
import Transport

@testable import Portal

/// A portal and its authorisation server, whose tokens work once.
private final class RotatingPortal: HTTPClient {
    struct State {
        var access = "s3cr3t0a0"
        var refresh = "s3cr3t0r0"
        var number = 0
        var host = "acme.bitrix24.com"
        /// The token server knows of the new name.
        var tellsHost = true
        /// Requests for tokens, whether they have been answered or not.
        var asked = 0
        var tokenRequests = 0
        var calls = 0
        var hosts: [String] = []
        var isSlow = false
    }

    let state = Mutex(State())

    func exchange(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        let text = request.url.exposed
        let isSlow = state.withLock { state in
            if text.contains("/oauth/token/") { state.asked += 1 }
            return state.isSlow
        }
        if text.contains("/oauth/token/"), isSlow { try? await Task.sleep(for: .milliseconds(200)) }
        return state.withLock { state in
            let body = String(decoding: request.body, as: UTF8.self)
            if text.contains("/oauth/token/") {
                state.tokenRequests += 1
                guard body.contains("refresh_token=\(state.refresh)&") else {
                    return Self.answer(400, #"{"error":"invalid_grant"}"#)
                }
                state.number += 1
                state.access = "s3cr3t0a\(state.number)"
                state.refresh = "s3cr3t0r\(state.number)"
                let endpoint = state.tellsHost ? #","client_endpoint":"https://\#(state.host)/rest/""# : ""
                return Self.answer(
                    200,
                    """
                    {"access_token":"\(state.access)","refresh_token":"\(state.refresh)","expires_in":3600,\
                    "member_id":"m","scope":"pull"\(endpoint)}
                    """)
            }
            state.calls += 1
            state.hosts.append(text)
            guard text.hasPrefix("https://\(state.host)/") else {
                return HTTPResponse(status: 302, headers: [("location", "https://evil.example/rest/")], body: [])
            }
            guard body.contains(#""auth":"\#(state.access)""#) else {
                return Self.answer(401, #"{"error":"expired_token"}"#)
            }
            return Self.answer(200, Stand.configuration())
        }
    }

    func expire() { state.withLock { $0.access = "s3cr3t0nobodys" } }

    static func answer(_ status: Int, _ body: String) -> HTTPResponse {
        HTTPResponse(status: status, headers: [], body: Array(body.utf8))
    }
}

/// Cannot save when told so; otherwise as in memory.
private final class FaultyStore: TokenStorage {
    private let memory = MemoryTokenStore()
    let isFull = Mutex(false)

    func read() -> StoredAuthorisation? { memory.read() }
    func open() {}
    func close() {}
    func save(_ authorisation: StoredAuthorisation) throws(TokenStoreError) {
        if isFull.withLock({ $0 }) { throw TokenStoreError(code: .full, message: "no room", cure: "make room") }
        memory.save(authorisation)
    }
}

@Suite("Renewing tokens")
struct AuthorisationTests {
    private let portal = RotatingPortal()
    private let store = FaultyStore()
    private let notes = NoteBook()

    final class NoteBook: Sendable {
        let all = Mutex<[AuthorisationNote]>([])
    }

    private func client(seed: AuthorisationSeed? = nil, time: TimeSource = .system) throws -> PortalClient {
        let seed = seed ?? AuthorisationSeed(refreshToken: "s3cr3t0r0", accessToken: "s3cr3t0a0")
        var surroundings = Authorisation.Surroundings(storage: store, http: portal) { seed }
        surroundings.time = time
        surroundings.onNote = { [notes] note in notes.all.withLock { $0.append(note) } }
        return try PortalClient(
            url: "https://acme.bitrix24.com",
            credential: .application(Authorisation(MachineStand.application, surroundings)), http: portal, time: time)
    }

    @Test("A call with an expired token is repeated with a new one, and the next call uses that")
    func expired() async throws {
        let client = try client()
        _ = try await client.configuration()
        portal.expire()
        _ = try await client.configuration()
        _ = try await client.configuration()
        portal.state.withLock { state in
            #expect(state.tokenRequests == 1)
            #expect(state.calls == 4)
        }
        #expect(store.read()?.refreshToken == "s3cr3t0r1")
    }

    @Test("O6: twenty calls that meet expired_token at once are one renewal", arguments: [false, true])
    func singleFlight(isSlow: Bool) async throws {
        let client = try client()
        portal.state.withLock { $0.isSlow = isSlow }
        for round in 1...3 {
            portal.expire()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<20 { group.addTask { _ = try await client.configuration() } }
                try await group.waitForAll()
            }
            portal.state.withLock { #expect($0.tokenRequests == round) }
        }
    }

    @Test("A caller that gives up does not take a renewal with it that the server knows of: its answer is stored")
    func cancelled() async throws {
        let client = try client()
        portal.state.withLock { $0.isSlow = true }
        portal.expire()
        let call = Task { try await client.configuration() }
        for _ in 0..<1000 where portal.state.withLock({ $0.asked }) == 0 { try await Task.sleep(for: .milliseconds(1)) }
        call.cancel()
        _ = await call.result
        #expect(store.read()?.refreshToken == "s3cr3t0r1")
    }

    @Test("Where the new token cannot be stored the call fails with the cause and the cure, and the token goes nowhere")
    func notStored() async throws {
        let client = try client()
        portal.expire()
        store.isFull.withLock { $0 = true }
        let error = await Stand.failure { () async throws(PortalError) in try await client.configuration() }
        #expect(error?.code == .authorisation(.notStored))
        #expect(error?.description.contains("no room") == true && error?.description.contains("make room") == true)
        portal.state.withLock { #expect($0.calls == 1, "the new token is not used") }
        #expect("\(notes.all.withLock { $0 })".contains("notStored"))
    }

    @Test("A renamed portal: the redirect is not followed, the authorisation server is asked, and its word is taken")
    func renamed() async throws {
        let client = try client()
        _ = try await client.configuration()
        portal.state.withLock { $0.host = "new.bitrix24.com" }
        _ = try await client.configuration()
        _ = try await client.configuration()
        portal.state.withLock { state in
            #expect(state.tokenRequests == 1)
            #expect(!state.hosts.contains { $0.contains("evil") })
            #expect(state.hosts.last?.hasPrefix("https://new.bitrix24.com/rest/") == true)
            #expect(state.calls == 4)
        }
        #expect(store.read()?.clientEndpoint == "https://new.bitrix24.com/rest/")
        #expect(notes.all.withLock { $0 }.contains(.moved(host: "new.bitrix24.com")))
    }

    @Test("A redirect that the authorisation server knows nothing of is an error with a cure, and asks it once an hour")
    func redirected() async throws {
        let client = try client()
        portal.state.withLock {
            $0.host = "new.bitrix24.com"
            $0.tellsHost = false
        }
        for _ in 0..<5 {
            let error = await Stand.failure { () async throws(PortalError) in try await client.configuration() }
            #expect(error?.needsPerson == true && error?.retry == .after(3600))
            #expect(error?.cure.contains("url") == true)
            #expect(error?.description.contains("evil") == false)
        }
        portal.state.withLock { state in
            #expect(state.tokenRequests == 1)
            #expect(state.hosts.allSatisfy { $0.hasPrefix("https://acme.bitrix24.com/") })
        }
    }

    @Test("A token that cannot be renewed says so: a fixed one, and one that nobody has authorised")
    func notRenewable() async throws {
        portal.expire()
        let fixed = try PortalClient(
            url: "https://acme.bitrix24.com", credential: .application(.fixed(accessToken: "t")), http: portal)
        let error = await Stand.failure { () async throws(PortalError) in try await fixed.configuration() }
        #expect(error?.needsPerson == true && error?.cure.contains("put a new one into the settings") == true)
        let nobodys = try client(seed: AuthorisationSeed())
        let absent = await Stand.failure { () async throws(PortalError) in try await nobodys.configuration() }
        #expect(absent?.code == .authorisation(.absent) && absent?.cure.contains("pulld login acme") == true)
        portal.state.withLock { #expect($0.tokenRequests == 0) }
    }

    @Test("invalid_grant is the error of the call, with the cure, and costs no further request")
    func invalidGrant() async throws {
        let client = try client(seed: AuthorisationSeed(refreshToken: "s3cr3t0old", accessToken: "s3cr3t0old"))
        for _ in 0..<5 {
            let error = await Stand.failure { () async throws(PortalError) in try await client.configuration() }
            #expect(error?.code == .authorisation(.refused("invalid_grant")))
            #expect(error?.needsPerson == true && error?.cure.contains("pulld login acme") == true)
        }
        portal.state.withLock { state in
            #expect(state.tokenRequests == 1)
            #expect(state.calls == 1, "a token that is known to be refused is not tried again")
        }
    }

    @Test("Nothing that is said, thrown or described holds a token or the client secret")
    func secrets() async throws {
        let client = try client()
        portal.expire()
        store.isFull.withLock { $0 = true }
        var text = ""
        for _ in 0..<2 {
            let error = await Stand.failure { () async throws(PortalError) in try await client.configuration() }
            text += "\(String(describing: error)) \(String(reflecting: error))"
        }
        store.isFull.withLock { $0 = false }
        portal.state.withLock { $0.refresh = "s3cr3t0changed" }
        let other = try self.client()
        let error = await Stand.failure { () async throws(PortalError) in try await other.configuration() }
        text += "\(String(describing: error)) \(notes.all.withLock { "\($0)" }) \(client)"
        dump(client, to: &text)
        dump(MachineStand.application, to: &text)
        #expect(!text.contains("s3cr3t"))
        #expect(text.contains("invalid_grant"))
    }

    @Test("OPERATION_TIME_LIMIT waits until the time that the last good answer of the method has named")
    func operatingTime() async throws {
        let good = #"{"result":true,"time":{"start":5000,"finish":5001,"operating_reset_at":5301}}"#
        let http = Script([(200, good), (429, #"{"error":"OPERATION_TIME_LIMIT"}"#)])
        let client = try PortalClient(
            url: "https://acme.bitrix24.com", credential: .application(.fixed(accessToken: "t")), http: http,
            time: Stand.time)
        try await client.publish(command: "x", params: .object([]))
        let publishing = await Stand.failure { () async throws(PortalError) in
            try await client.publish(command: "x", params: .object([]))
        }
        #expect(publishing?.retry == .after(300))
        let asking = await Stand.failure { () async throws(PortalError) in try await client.configuration() }
        #expect(asking?.retry == .after(60), "another method has its own time")
    }
}

/// One answer after the other, the last one again and again.
private final class Script: HTTPClient {
    private let answers: Mutex<[(Int, String)]>

    init(_ answers: [(Int, String)]) { self.answers = Mutex(answers) }

    func exchange(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        answers.withLock { answers in
            let (status, body) = answers.count > 1 ? answers.removeFirst() : answers[0]
            return RotatingPortal.answer(status, body)
        }
    }
}

@Suite("Authorising by a person")
struct AuthorisationRequestTests {
    private let store = MemoryTokenStore()

    private static func grant(member: String = "m", scope: String = "pull,crm") -> String {
        """
        {"access_token":"s3cr3t0a","refresh_token":"s3cr3t0r","expires_in":3600,"member_id":"\(member)",\
        "scope":"\(scope)","client_endpoint":"https://acme.bitrix24.com/rest/","user_id":7}
        """
    }

    private func redirect(_ request: AuthorisationRequest, state: String? = nil, more: String = "") throws -> Secret {
        let own = try #require(request.address.split(separator: "=").last.map(String.init))
        return Secret("https://app.example/handler?code=s3cr3t0code&state=\(state ?? own)&domain=acme\(more)")
    }

    private func failure(_ line: Secret? = nil, _ http: StandInHTTP) async throws -> PortalError? {
        let request = AuthorisationRequest(MachineStand.application)
        let line = try line ?? redirect(request)
        return await Stand.failure { () async throws(PortalError) in
            try await request.finish(line, storage: store, http: http, time: Stand.time)
        }
    }

    @Test("The address is the portal's, with the application and a state that nobody can guess")
    func address() {
        let first = AuthorisationRequest(MachineStand.application).address
        let parts = "https://acme.bitrix24.com/oauth/authorize/?client_id=local.1&response_type=code&state="
        #expect(first.hasPrefix(parts) && first.count == parts.count + 32)
        #expect(first != AuthorisationRequest(MachineStand.application).address)
    }

    @Test(
        "The code of the redirected address, or the code alone, brings the tokens into the store",
        arguments: ["pull,crm", "app", ""])
    func exchange(scope: String) async throws {
        let request = AuthorisationRequest(MachineStand.application)
        for line in [try redirect(request), "  s3cr3t0code \n"] {
            let http = StandInHTTP(200, Self.grant(scope: scope))
            let outcome = try await request.finish(line, storage: store, http: http, time: Stand.time)
            #expect(outcome.userID == 7 && outcome.otherHost == nil)
            let body = try #require(http.requests.first.map(Stand.body))
            #expect(body.hasPrefix("grant_type=authorization_code&code=s3cr3t0code&client_id=local.1&"))
            #expect(store.read()?.refreshToken == "s3cr3t0r" && store.read()?.seed == nil)
        }
    }

    @Test("The server that the redirected address names is asked if it is one of the vendor's, and no other")
    func server() async throws {
        for (name, server) in [("oauth.bitrix24.tech", "oauth.bitrix24.tech"), ("evil.example", "oauth.bitrix.info")] {
            let request = AuthorisationRequest(MachineStand.application)
            let http = StandInHTTP(200, Self.grant())
            let line = try redirect(request, more: "&server_domain=\(name)")
            _ = try await request.finish(line, storage: store, http: http, time: Stand.time)
            #expect(http.requests.first?.url.exposed == "https://\(server)/oauth/token/")
        }
    }

    @Test(
        "What is not the answer to this question is refused before anything is sent",
        arguments: [
            "https://app.example/?code=s3cr3t0code&state=00112233445566778899aabbccddeeff",
            "https://app.example/?code=s3cr3t0code", "https://app.example/", "", "   ", "not\u{0}acode", "é",
        ])
    func input(line: String) async throws {
        let http = StandInHTTP(200, Self.grant())
        let error = try await failure(Secret(line), http)
        #expect(error?.code == .authorisation(.input) && error?.cure.isEmpty == false)
        #expect(error?.description.contains("s3cr3t") == false)
        #expect(http.requests.isEmpty && store.read() == nil)
    }

    @Test("A refusal of the person has no code")
    func denied() async throws {
        let request = AuthorisationRequest(MachineStand.application)
        let own = try #require(request.address.split(separator: "=").last)
        let error = await Stand.failure { () async throws(PortalError) in
            try await request.finish(
                Secret("https://app.example/?error=access_denied&state=\(own)"), storage: store,
                http: StandInHTTP(200, Self.grant()))
        }
        #expect(error?.code == .authorisation(.input))
    }

    @Test("Another portal, a missing scope, an old code: refused, and what is stored stays")
    func refusals() async throws {
        var old = StoredAuthorisation(url: MachineStand.application.url, clientID: "local.1")
        old.refreshToken = "old"
        old.memberID = "m"
        store.save(old)
        let other = try await failure(nil, StandInHTTP(200, Self.grant(member: "other")))
        #expect(other?.code == .authorisation(.otherPortal))
        let scope = try await failure(nil, StandInHTTP(200, Self.grant(scope: "crm")))
        #expect(scope?.code == .authorisation(.refused("insufficient_scope")) && scope?.needsPerson == true)
        let late = try await failure(nil, StandInHTTP(400, #"{"error":"invalid_grant"}"#))
        #expect(late?.code == .authorisation(.refused("invalid_grant")) && late?.cure.contains("30 seconds") == true)
        let down = try await failure(nil, StandInHTTP(503, "<html>"))
        #expect(down?.needsPerson == false)
        #expect(store.read() == old)
    }
}

import Foundation
import JSONText
import Portal
import Secrets
import Synchronization
import TestRandom
import Timing
import Transport

/// A portal and its authorisation server over a year of simulated time. A refresh token works once.
final class YearPortal: HTTPClient {
    struct Figures: Sendable {
        var calls = 0
        var expired = 0
        var tokenRequests = 0
        var renewals = 0
        /// Renewals although the access token of before had not been refused.
        var needless = 0
        /// By the refresh token of another life or person: used up.
        var usedUp = 0
        var highestTokenRequestsInHour = 0
    }

    enum Outage: Sendable {
        case unreachable
        case fault
        /// The request is taken, the tokens are changed, and the answer is lost.
        case answerLost
    }

    private struct State {
        var now = Moment(monotonic: .seconds(1000), wall: 1_790_000_000)
        var random: SeededRandom
        var access = ""
        var accessEnd = 0.0
        var accessWasRefused = false
        var refresh = ""
        var number = 0
        var channel = 0
        var channelEnd = 0.0
        var outage: (end: Double, kind: Outage)?
        var tokenTimes: [Double] = []
        var figures = Figures()
    }

    private let state: Mutex<State>

    init(seed: UInt64) {
        state = Mutex(State(random: SeededRandom(seed: seed)))
    }

    var time: TimeSource { TimeSource { self.state.withLock { $0.now } } }
    var figures: Figures { state.withLock { $0.figures } }
    /// The only refresh token that works.
    var refreshToken: Secret { state.withLock { Secret($0.refresh) } }

    func pass(_ duration: Duration) {
        state.withLock { state in
            state.now.monotonic += duration
            state.now.wall += duration.inSeconds
        }
    }

    /// A person authorises the application.
    func authorise() -> (access: Secret, refresh: Secret) {
        state.withLock { state in
            Self.issue(&state)
            return (Secret(state.access), Secret(state.refresh))
        }
    }

    func fails(for seconds: Double, _ kind: Outage) {
        state.withLock { $0.outage = ($0.now.wall + seconds, kind) }
    }

    func exchange(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        // Others get their turn, as on a network.
        await Task.yield()
        let body = String(decoding: request.body, as: UTF8.self)
        let isToken = request.url.exposed.hasSuffix("/oauth/token/")
        let answer = state.withLock { isToken ? Self.token(body, &$0) : .success(Self.rest(body, &$0)) }
        return try answer.get()
    }

    // MARK: The authorisation server

    private static func issue(_ state: inout State) {
        state.number += 1
        state.access = "access-\(state.number)-\(state.random.next())"
        state.refresh = "refresh-\(state.number)-\(state.random.next())"
        state.accessEnd = state.now.wall + 3600
        state.accessWasRefused = false
    }

    private static func token(_ body: String, _ state: inout State) -> Result<HTTPResponse, TransportError> {
        state.figures.tokenRequests += 1
        state.tokenTimes.append(state.now.wall)
        let now = state.now.wall
        state.tokenTimes.removeAll { $0 < now - 3600 }
        state.figures.highestTokenRequestsInHour = max(
            state.figures.highestTokenRequestsInHour, state.tokenTimes.count)
        var losesAnswer = false
        if let outage = state.outage, state.now.wall < outage.end {
            switch outage.kind {
            case .unreachable: return .failure(TransportError(stage: .connect, message: "refused"))
            case .fault: return .success(answer(503, "<html>maintenance</html>"))
            case .answerLost: losesAnswer = true
            }
        }
        guard body.contains("refresh_token=\(state.refresh)&") else {
            state.figures.usedUp += 1
            return .success(answer(400, #"{"error":"invalid_grant"}"#))
        }
        state.figures.renewals += 1
        if !state.accessWasRefused { state.figures.needless += 1 }
        issue(&state)
        if losesAnswer {
            return .failure(TransportError(stage: .http, message: "no answer", isTimeout: true, isRequestSent: true))
        }
        return .success(
            answer(
                200,
                """
                {"access_token":"\(state.access)","refresh_token":"\(state.refresh)","expires_in":3600,\
                "expires":\(Int(state.accessEnd)),"client_endpoint":"https://acme.bitrix24.com/rest/",\
                "server_endpoint":"https://oauth.bitrix24.tech/rest/","member_id":"m","scope":"pull"}
                """))
    }

    // MARK: The portal

    private static func rest(_ body: String, _ state: inout State) -> HTTPResponse {
        state.figures.calls += 1
        guard body.contains(#""auth":"\#(state.access)""#), state.now.wall < state.accessEnd else {
            state.figures.expired += 1
            if body.contains(state.access) { state.accessWasRefused = true }
            return answer(401, #"{"error":"expired_token","error_description":"expired"}"#)
        }
        if state.now.wall >= state.channelEnd {
            state.channel += 1
            state.channelEnd = state.now.wall + 43_205
        }
        let id = String(repeating: "0", count: 32 - "\(state.channel)".count) + "\(state.channel)"
        let signature = String(repeating: "0123456789", count: 4)
        let end = Int(state.channelEnd)
        return answer(
            200,
            """
            {"result":{"server":{"version":4,"server_enabled":true,"websocket_enabled":true,\
            "long_pooling_secure":"https://rt.example.test/sub/","websocket_secure":"wss://rt.example.test/subws/"},\
            "channels":{"shared":{"id":"\(id).\(signature)","end":\(end),"type":"shared"}}},\
            "time":{"start":\(Int(state.now.wall)),"finish":\(Int(state.now.wall))}}
            """)
    }

    private static func answer(_ status: Int, _ body: String) -> HTTPResponse {
        HTTPResponse(status: status, headers: [], body: Array(body.utf8))
    }
}

/// What a machine's disk holds, over the lives of its processes.
final class YearDisk: Sendable {
    struct State {
        var stored: StoredAuthorisation?
        var isFull = false
        /// The process dies when it saves next, before anything is on disk.
        var diesAtSave = false
    }

    let state = Mutex(State())

    /// As one process sees it.
    final class Handle: TokenStorage {
        private let disk: YearDisk
        let isDead = Mutex(false)
        private static let gone = TokenStoreError(code: .inputOutput, message: "the process is dead", cure: "")

        init(_ disk: YearDisk) { self.disk = disk }

        func open() throws(TokenStoreError) { if isDead.withLock({ $0 }) { throw Self.gone } }
        func close() {}

        func read() throws(TokenStoreError) -> StoredAuthorisation? {
            if isDead.withLock({ $0 }) { throw Self.gone }
            return disk.state.withLock { $0.stored }
        }

        func save(_ authorisation: StoredAuthorisation) throws(TokenStoreError) {
            let isFull = disk.state.withLock { state in
                if state.diesAtSave {
                    state.diesAtSave = false
                    isDead.withLock { $0 = true }
                }
                return state.isFull
            }
            if isDead.withLock({ $0 }) { throw Self.gone }
            if isFull { throw TokenStoreError(code: .full, message: "no room", cure: "make room") }
            disk.state.withLock { $0.stored = authorisation }
        }
    }
}

import PullProtocol
import Secrets
import Timing
import Transport

@testable import Portal

/// An authorisation machine between a disk and a server of the test's.
struct MachineStand {
    static let application = OAuthApplication(
        portal: "acme", url: "https://acme.bitrix24.com", clientID: "local.1", clientSecret: "s3cr3t0client")

    var machine: AuthorisationMachine
    var now = Moment(monotonic: .seconds(1000), wall: 1_790_000_000)
    var disk: StoredAuthorisation?
    var diskFault: TokenStoreError?
    var openFault: TokenStoreError?
    var saveFault: TokenStoreError?
    var seed = AuthorisationSeed()
    /// What each request is answered with.
    var server: (TokenRequest) -> AuthorisationMachine.Event
    /// Happens when a request is under way.
    var onRequest: (inout MachineStand) -> Void = { _ in }
    private(set) var requests: [TokenRequest] = []
    /// `look`, `queue`, `open`, `send`, `save`, in order.
    private(set) var steps: [String] = []
    var notes: [AuthorisationNote] = []

    init(
        _ application: OAuthApplication = Self.application,
        server: @escaping (TokenRequest) -> AuthorisationMachine.Event = { _ in Self.grant("a2", "r2") }
    ) {
        machine = AuthorisationMachine(application: application)
        self.server = server
    }

    /// With tokens of an earlier run on the disk.
    static func stored(
        server: @escaping (TokenRequest) -> AuthorisationMachine.Event = { _ in Self.grant("a2", "r2") }
    ) -> MachineStand {
        var stand = MachineStand(server: server)
        var tokens = StoredAuthorisation(url: application.url, clientID: application.clientID)
        tokens.accessToken = "a1"
        tokens.refreshToken = "r1"
        tokens.memberID = "m"
        tokens.renewedAt = stand.now.wall - 7200
        tokens.expiry = Int64(stand.now.wall) - 3600
        stand.disk = tokens
        return stand
    }

    mutating func pass(_ seconds: Double) {
        now.monotonic += .seconds(seconds)
        now.wall += seconds
    }

    mutating func ask(_ want: AuthorisationMachine.Want = .any) -> AuthorisationMachine.Step {
        goOn(from: send(.wanted(want)))
    }

    /// The portal's session ends: nothing more is sent.
    mutating func end() {
        _ = goOn(from: send(.ended))
    }

    /// Until there is an end.
    private mutating func goOn(from first: AuthorisationMachine.Step) -> AuthorisationMachine.Step {
        var step = first
        while true {
            switch step {
            case .give, .keep, .fail: return step
            case .look:
                steps.append("look")
                step = send(.looked(looked))
            case .queue:
                steps.append("queue")
                step = send(.placed)
            case .open:
                steps.append("open")
                step = send(.opened(openFault.map { .failure($0) } ?? looked))
            case .send(let request):
                steps.append("send")
                requests.append(request)
                onRequest(&self)
                step = send(server(request))
            case .save(let tokens):
                steps.append("save")
                if saveFault == nil { disk = tokens }
                step = send(.saved(saveFault))
            }
        }
    }

    /// The token for a call, then another one since it is refused.
    mutating func refused() -> AuthorisationMachine.Step {
        guard case .give(let token) = ask() else { return .keep }
        return ask(.insteadOf(token.generation, .refused))
    }

    mutating func accept() {
        guard case .give(let token) = ask() else { return }
        _ = send(.accepted(token.generation))
    }

    mutating func send(_ event: AuthorisationMachine.Event) -> AuthorisationMachine.Step {
        let step = machine.handle(event, at: now, random: 0)
        notes += machine.notes
        machine.notes = []
        return step
    }

    private var looked: Result<AuthorisationMachine.Looked, TokenStoreError> {
        guard let diskFault else { return .success(.init(stored: disk, seed: seed)) }
        return diskFault.code == .damaged
            ? .success(.init(stored: nil, damage: diskFault, seed: seed)) : .failure(diskFault)
    }

    // MARK: Answers

    static func answer(_ status: Int, _ body: String, retryAfter: Double? = nil) -> AuthorisationMachine.Event {
        .answered(
            OAuthAnswer.decode(status: status, body: Array(body.utf8), now: 1_790_000_000), retryAfter: retryAfter)
    }

    static func grant(
        _ access: String, _ refresh: String?, member: String = "m", endpoint: String? = nil, server: String? = nil
    ) -> AuthorisationMachine.Event {
        var members = [
            #""access_token":"\#(access)""#, #""expires_in":3600"#, #""member_id":"\#(member)""#,
            #""scope":"pull,crm""#,
        ]
        if let refresh { members.append(#""refresh_token":"\#(refresh)""#) }
        if let endpoint { members.append(#""client_endpoint":"\#(endpoint)""#) }
        if let server { members.append(#""server_endpoint":"\#(server)""#) }
        return answer(200, "{\(members.joined(separator: ","))}")
    }

    static func refusal(_ code: String, _ status: Int = 400) -> AuthorisationMachine.Event {
        answer(status, #"{"error":"\#(code)"}"#)
    }

    static let broken = TokenStoreError(code: .inputOutput, message: "the disk is gone", cure: "mend it")
}

extension AuthorisationMachine.Step {
    var token: String? { if case .give(let token) = self { token.secret.exposed } else { nil } }
    var endpoint: String? { if case .give(let token) = self { token.endpoint } else { nil } }
    var failure: AuthorisationFailure? { if case .fail(let failure) = self { failure } else { nil } }
    var isKept: Bool { if case .keep = self { true } else { false } }
}

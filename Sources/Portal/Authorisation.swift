import Dispatch
import PullProtocol
public import Secrets
public import Timing
public import Transport

/// An application's authorisation on one portal: gives each REST call its access token, and renews it when the portal
/// has refused it, once for all who ask. The driver of `AuthorisationMachine`: it holds the store and the sockets and
/// decides nothing.
public actor Authorisation {
    /// What a renewal needs.
    public struct Surroundings: Sendable {
        public var storage: any TokenStorage
        /// Reads the tokens of the settings, again each time: a newer refresh token there wins over what is stored.
        public var seed: @Sendable () -> AuthorisationSeed
        public var http: any HTTPClient
        public var network = NetworkOptions()
        /// Of the authorisation servers, each its own; nil: no limit.
        public var budget: RequestBudget?
        public var time = TimeSource.system
        /// Between 0 and 1.
        public var random: @Sendable () -> Double = { Double.random(in: 0...1) }
        /// Called in order.
        public var onNote: @Sendable (AuthorisationNote) -> Void = { _ in }

        public init(
            storage: any TokenStorage, http: any HTTPClient, seed: @escaping @Sendable () -> AuthorisationSeed
        ) {
            self.storage = storage
            self.http = http
            self.seed = seed
        }
    }

    /// What can be said of it in a status.
    public struct Figures: Sendable, Hashable {
        /// Renewals of this process.
        public var renewals: Int
        /// Unix seconds; nil: never.
        public var renewedAt: Double?
        /// Unix seconds, as the server has said; nil: not known.
        public var expiry: Int64?
    }

    private enum Kind {
        case fixed(AccessToken)
        case renewable(Surroundings)
    }

    /// Waiting for disks has a thread of its own.
    private static let disk = DispatchQueue(label: "tokens")
    /// How long a cancelled caller still waits: the answer that is under way may hold the only refresh token there is.
    static let grace = Duration.seconds(10)
    /// How long `finish` takes at most.
    static let finishLimit = Duration.seconds(5)

    private let kind: Kind
    /// Nil for a fixed token.
    private var machine: AuthorisationMachine?
    private var cycle: Task<AuthorisationMachine.Step, Never>?
    private var waiting: [UInt64: CheckedContinuation<AuthorisationMachine.Step?, Never>] = [:]
    private var lastWaiting: UInt64 = 0
    /// The wait for the server's budget.
    private var line: Task<Void, Never>?
    /// This cycle has asked the server: what it answers is to be kept.
    private var hasSent = false
    private var hasFinished = false

    private init(_ kind: Kind, _ machine: AuthorisationMachine?) {
        self.kind = kind
        self.machine = machine
    }

    /// - Parameter application: whose authorisation it is.
    public init(_ application: OAuthApplication, _ surroundings: Surroundings) {
        self.init(.renewable(surroundings), AuthorisationMachine(application: application))
    }

    /// One that cannot be renewed: the token works until it expires.
    public static func fixed(accessToken: Secret) -> Authorisation {
        Authorisation(.fixed(AccessToken(secret: accessToken, generation: 0, endpoint: nil)), nil)
    }

    /// Whether a refused token can be replaced at all.
    public nonisolated var isRenewable: Bool {
        if case .renewable = kind { true } else { false }
    }

    public var figures: Figures {
        Figures(
            renewals: machine?.renewals ?? 0, renewedAt: machine?.current?.renewedAt, expiry: machine?.current?.expiry)
    }

    /// The token for a call.
    public func accessToken() async throws(AuthorisationFailure) -> AccessToken {
        guard let token = try await token(.any) else { throw .cancelled }
        return token
    }

    /// Another token, because the portal says that this one has expired or is none.
    ///
    /// - Returns: nil if there is none: the refusal stands.
    public func accessToken(insteadOf old: AccessToken) async throws(AuthorisationFailure) -> AccessToken? {
        try await token(.insteadOf(old.generation, .refused))
    }

    /// Another token, and perhaps another address, because the portal's address answers with a redirect. Where that leads
    /// is not believed: only the authorisation server says where a portal is.
    func accessToken(afterMoveFrom old: AccessToken) async throws(AuthorisationFailure) -> AccessToken? {
        try await token(.insteadOf(old.generation, .moved))
    }

    /// The portal has taken the token.
    func accepted(_ token: AccessToken) {
        _ = handle(.accepted(token.generation))
    }

    /// The portal's session has ended, and nobody asks any more: what waits for its turn at the server is given up, an
    /// answer that is under way is waited for and stored, and one that could not be stored has its last chance. Returns
    /// after 5 s at most, also where the task is cancelled.
    public func finish() async {
        guard case .renewable(let surroundings) = kind, !hasFinished else { return }
        hasFinished = true
        line?.cancel()
        let deadline = surroundings.time.now().monotonic + Self.finishLimit
        await cycleEnds(within: Self.finishLimit)
        guard cycle == nil else { return }
        let step = handle(.ended)
        if step.isEnd { return }
        cycle = Task { await run(step, surroundings) }
        await cycleEnds(within: deadline - surroundings.time.now().monotonic)
    }

    private func token(_ want: AuthorisationMachine.Want) async throws(AuthorisationFailure) -> AccessToken? {
        let surroundings: Surroundings
        switch kind {
        case .fixed(let token): return want == .any ? token : nil
        case .renewable(let renewable): surroundings = renewable
        }
        // After the cycle of somebody else the answer is there, or a cycle of one's own is needed.
        for _ in 0..<4 {
            guard !hasFinished else { throw .cancelled }
            let isOwn = cycle == nil
            var step: AuthorisationMachine.Step
            if isOwn {
                step = handle(.wanted(want))
                if !step.isEnd {
                    cycle = Task { [step] in await run(step, surroundings) }
                    guard let end = await end() else { throw .cancelled }
                    step = end
                }
            } else {
                guard let end = await end() else { throw .cancelled }
                step = end
            }
            switch step {
            case .give(let token):
                if case .insteadOf(token.generation, _) = want { continue }
                return token
            case .fail(let failure): throw failure
            case .keep:
                if isOwn, want != .any { return nil }
            case .look, .queue, .open, .send, .save: continue
            }
        }
        return nil
    }

    /// Goes through a renewal to its end, whoever has stopped waiting for it.
    private func run(
        _ first: AuthorisationMachine.Step, _ surroundings: Surroundings
    ) async -> AuthorisationMachine.Step {
        let exchange = TokenExchange(
            http: surroundings.http, network: surroundings.network, budget: surroundings.budget)
        var step = first
        var isOpen = false
        var isPlaced = false
        while !step.isEnd {
            switch step {
            case .look: step = handle(.looked(await look(surroundings, opens: false)))
            case .open:
                isOpen = true
                step = handle(.opened(await look(surroundings, opens: true)))
            case .queue(let request):
                isPlaced = await place(for: request, exchange)
                step = handle(isPlaced ? .placed : .withdrawn)
            case .send(let request):
                guard isWanted else {
                    step = handle(.withdrawn)
                    continue
                }
                hasSent = true
                if !isPlaced { exchange.count(request) }
                isPlaced = false
                step = handle(await exchange.send(request, time: surroundings.time))
            case .save(let tokens):
                let storage = surroundings.storage
                step = handle(
                    .saved(
                        await Self.onDisk {
                            Self.failure { () throws(TokenStoreError) in
                                try storage.save(tokens)
                            }
                        }))
            case .give, .keep, .fail: break
            }
        }
        if isOpen {
            let storage = surroundings.storage
            await Self.onDisk { storage.close() }
        }
        cycle = nil
        hasSent = false
        let all = waiting
        waiting = [:]
        for continuation in all.values { continuation.resume(returning: step) }
        return step
    }

    private func handle(_ event: AuthorisationMachine.Event) -> AuthorisationMachine.Step {
        guard case .renewable(let surroundings) = kind, var machine else { return .keep }
        let step = machine.handle(event, at: surroundings.time.now(), random: surroundings.random())
        let notes = machine.notes
        machine.notes = []
        self.machine = machine
        for note in notes { surroundings.onNote(note) }
        return step
    }

    private func look(
        _ surroundings: Surroundings, opens: Bool
    ) async -> Result<AuthorisationMachine.Looked, TokenStoreError> {
        await Self.onDisk {
            let storage = surroundings.storage
            if opens, let error = Self.failure({ () throws(TokenStoreError) in try storage.open() }) {
                return .failure(error)
            }
            do throws(TokenStoreError) {
                return .success(.init(stored: try storage.read(), seed: surroundings.seed()))
            } catch {
                guard error.code == .damaged else { return .failure(error) }
                return .success(.init(stored: nil, damage: error, seed: surroundings.seed()))
            }
        }
    }

    /// Waits until the request may be sent.
    ///
    /// - Returns: false when nobody wants that any more.
    private func place(for request: TokenRequest, _ exchange: TokenExchange) async -> Bool {
        while isWanted {
            let line = Task { await exchange.enter(request) }
            self.line = line
            await line.value
            self.line = nil
            if !line.isCancelled { return isWanted }
        }
        return false
    }

    /// A token that nobody waits for is not asked for: an answer that comes after the end would be lost.
    private var isWanted: Bool { !hasFinished && !waiting.isEmpty }

    // MARK: Waiting

    /// The end of the cycle that is under way; nil when this task is cancelled, and the grace has passed if the server has
    /// been asked.
    private func end() async -> AuthorisationMachine.Step? {
        lastWaiting += 1
        let id = lastWaiting
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard cycle != nil else { return continuation.resume(returning: .keep) }
                waiting[id] = continuation
            }
        } onCancel: {
            Task { await giveUp(id) }
        }
    }

    private func giveUp(_ id: UInt64) async {
        if hasSent { try? await Task.sleep(for: Self.grace) }
        abandon(id)
        if waiting.isEmpty { line?.cancel() }
    }

    private func abandon(_ id: UInt64) {
        waiting.removeValue(forKey: id)?.resume(returning: nil)
    }

    private func cycleEnds(within limit: Duration) async {
        guard cycle != nil, limit > .zero else { return }
        lastWaiting += 1
        let id = lastWaiting
        let timer = Task {
            try? await Task.sleep(for: limit)
            abandon(id)
        }
        _ = await withCheckedContinuation { waiting[id] = $0 }
        timer.cancel()
    }

    // MARK: The disk

    private static func onDisk<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            disk.async { continuation.resume(returning: work()) }
        }
    }

    private static func failure(_ work: () throws(TokenStoreError) -> Void) -> TokenStoreError? {
        do throws(TokenStoreError) {
            try work()
            return nil
        } catch {
            return error
        }
    }
}

extension AuthorisationMachine.Step {
    /// Nothing is to be done for it any more.
    fileprivate var isEnd: Bool {
        switch self {
        case .give, .keep, .fail: true
        case .look, .queue, .open, .send, .save: false
        }
    }
}

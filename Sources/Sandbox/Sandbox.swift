import Events
import FlyingFox

/// A Bitrix24 portal and its push server in one process, for tests and demonstrations: REST, tokens, channels that
/// rotate, WebSocket and long polling, faults on demand.
///
/// Everything is served over plain HTTP on one port:
///
/// | path | what |
/// |---|---|
/// | `/rest/…` | the portal's methods |
/// | `/oauth/token/`, `/oauth/authorize/` | the authorisation server |
/// | `/subws/`, `/sub/` | the push server's subscribers |
/// | `/pub/`, `/publish/` | the portal's and the clients' publishing |
/// | `/sandbox/…` | the control interface, from this machine only |
public final class Sandbox: Sendable {
    public let options: SandboxOptions
    /// Faults that wait for the next occasion.
    public let faults: Faults

    let jobs = BackgroundJobs()
    let secrets = SecretLedger()
    let ledgerStore: Ledger
    let callLog = CallLog()
    let polls = PollMeter()
    let upgrades = UpgradeMeter()
    let peers = PeerWatch()
    let addresses: PortalAddresses
    let authorisations: Authorisations
    let registry: ChannelRegistry
    let hub: PushHub
    let events: PortalEvents
    let load: LoadGenerator
    let cuts: Repetition
    let measuringPings: Repetition
    private let listening = ListeningPort()
    private let file: StoreFile?
    /// Why the store file cannot be used.
    private let fileFailure: (any Error)?

    public init(_ options: SandboxOptions = SandboxOptions()) {
        self.options = options
        secrets.add(options.signatureKey, options.clientSecret)
        if options.mode == .shared { secrets.add(options.licenceCode) }
        addresses = PortalAddresses(options: options)
        var stored = StoredState()
        var file: StoreFile?
        var fileFailure: (any Error)?
        do {
            if let path = options.storePath { (file, stored) = try StoreFile.open(path) }
        } catch {
            fileFailure = error
        }
        if options.forgetsMessages { stored.forgetStore() }
        self.file = file
        self.fileFailure = fileFailure
        faults = Faults(seed: options.seed)
        ledgerStore = Ledger(stored.ledger)
        authorisations = Authorisations(
            options: options, secrets: secrets, file: file, life: { [faults] in faults.tokenLife },
            stored: stored.tokens)
        registry = ChannelRegistry(options: options, secrets: secrets, file: file, stored: stored.channels)
        let hub = PushHub(
            options: options, jobs: jobs, ledger: ledgerStore, faults: faults, file: file, stored: stored)
        self.hub = hub
        events = PortalEvents(options: options, registry: registry, hub: hub, jobs: jobs)
        load = LoadGenerator(
            options: options, events: events, hub: hub, jobs: jobs,
            lastNumber: stored.ledger.compactMap(\.number).max() ?? 0)
        cuts = Repetition(jobs: jobs) { hub.cutAll() }
        measuringPings = Repetition(jobs: jobs) { hub.measurePongs() }
    }

    /// Serves until the task is cancelled.
    ///
    /// - Throws: when the address cannot be listened on, and when the store file cannot be used or written.
    public func run() async throws {
        if let fileFailure {
            listening.fail(fileFailure)
            throw fileFailure
        }
        SocketLimit.raise()
        let publishing = BinaryPublishing(options: options, hub: hub)
        let router = Router(sandbox: self, publishing: publishing)
        let serving = HTTPServing(
            route: { await router.answer($0) },
            makeSession: { [options, hub, jobs] subscription in
                WebSocketSession(
                    subscription: subscription, options: options, hub: hub, jobs: jobs, publishing: publishing)
            })
        let server = try HTTPServing.server(options: options, handler: serving)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await self.jobs.run() }
                group.addTask { try await server.run() }
                group.addTask { try await self.announce(server) }
                if let file {
                    group.addTask { for await failure in file.failures { throw failure } }
                }
                while try await group.next() != nil, !Task.isCancelled {}
                group.cancelAll()
            }
        } catch {
            listening.fail(error)
            if !Task.isCancelled { throw error }
        }
    }

    private func announce(_ server: HTTPServer) async throws {
        try await server.waitUntilListening(timeout: 30)
        if case .ip4(_, let port) = await server.listeningAddress {
            addresses.listening(on: port)
            listening.open(port)
        }
    }

    /// The port, as soon as connections are accepted.
    ///
    /// - Throws: what `run()` threw, if it could not listen.
    public func waitUntilListening() async throws -> UInt16 {
        try await listening.wait()
    }
}

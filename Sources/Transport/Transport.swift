import CCurl
import Secrets
import WebSocket

/// Every socket of the process but the sinks': HTTP exchanges and WebSockets through libcurl, on one event loop.
///
/// Names, TCP, proxies and TLS are libcurl's; upgrade and frames are the module WebSocket's, so that any libcurl does.
/// `shutdown` must be called in the end: the loop's thread lives until then.
public actor Transport: HTTPClient {
    private let loop: LoopThread
    private let userAgent: String
    private let exchanges: Exchanges
    /// libcurl looks a link's connection up among all of its multi handle, at every call: so none holds too many.
    private var linkMultis: [CurlMulti] = []
    private static let linksPerMulti = 256
    private let share = CurlShare()
    private let scratch = ReadBuffer(size: WebSocketLink.turnBudget)
    private var links: [UInt64: WebSocketLink] = [:]
    private var linksByDescriptor: [Int32: WebSocketLink] = [:]
    /// Links that libcurl still works on, by their easy handle.
    private var connecting: [UnsafeMutableRawPointer: WebSocketLink] = [:]
    /// Links with more to read than their turn allowed.
    private var busy: [WebSocketLink] = []
    /// Links with a deadline: upgrading or closing.
    private var timed: Set<UInt64> = []
    private var nextExpiry: Int64 = 0
    private var nextIdentity: UInt64 = 0
    var probes: [UInt64: ProbeWork] = [:]
    private(set) var isShutDown = false

    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// `userAgent` names the program and its version to the servers.
    public init(userAgent: String) {
        loop = LoopThread()
        exchanges = Exchanges(loop: loop)
        self.userAgent = userAgent
        loop.start(handler: self)
    }

    /// Ends every exchange and connection as cancelled, then the loop. Nothing can be started afterwards.
    public func shutdown() {
        guard !isShutDown else { return }
        isShutDown = true
        exchanges.cancelAll()
        cancelProbes()
        for link in Array(links.values) { drop(link, .transport(.cancelled)) }
        loop.stop()
    }

    // MARK: HTTP

    public func exchange(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        switch await begin(request, pieceSize: nil, Exchange.Signals()) {
        case (_, .ended(let result)): return try result.get()
        case (_, .piece): preconditionFailure("a body that is wanted as a whole came in pieces")
        }
    }

    /// As `exchange`, for an answer that may be large: the body of a 200 is taken while it comes, and nothing more is
    /// received meanwhile. `timeout` holds until the answer begins, and then for the time between any two bytes.
    ///
    /// - Parameters:
    ///   - pieceSize: bytes that have to be there before they are given away.
    ///   - sent: called when the request goes out, so when the name, the connection, a proxy's tunnel and TLS are there; once
    ///     more where a kept connection turns out to be dead. On the loop's thread, as `begins`: must not block.
    ///   - begins: called when the answer begins.
    ///   - take: takes bytes from the front and returns how many. What it leaves comes again with what follows, once that
    ///     has doubled it; `maximumBodySize` limits it.
    /// - Returns: the answer, with what was not taken as its body; so does the error's `partialBody`.
    public nonisolated(nonsending) func exchange(
        _ request: HTTPRequest, pieceSize: Int = 64 * 1024, sent: @escaping @Sendable () -> Void = {},
        begins: @escaping @Sendable () -> Void = {},
        take: nonisolated(nonsending) ([UInt8]) async -> Int
    ) async throws(TransportError) -> HTTPResponse {
        let signals = Exchange.Signals(sent: sent, begins: begins)
        var (identity, step) = await begin(request, pieceSize: max(1, pieceSize), signals)
        while true {
            switch step {
            case .ended(let result): return try result.get()
            case .piece(let bytes):
                let count = min(max(0, await take(bytes)), bytes.count)
                step = await goOn(identity, with: count == 0 ? bytes : Array(bytes[count...]))
            }
        }
    }

    private func begin(
        _ request: HTTPRequest, pieceSize: Int?, _ signals: Exchange.Signals
    ) async -> (identity: UInt64, step: Exchange.Step) {
        nextIdentity += 1
        let identity = nextIdentity
        let step = await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                begin(request, identity, pieceSize, signals, waiter)
            }
        } onCancel: {
            cancelExchange(identity)
        }
        return (identity, step)
    }

    /// By way of `post`, whatever executor the compiler thinks a closure without `self` belongs on. The order of both posts
    /// makes no difference: an exchange that ended meanwhile says so to whoever asks next.
    private nonisolated func goOn(_ identity: UInt64, with rest: [UInt8]) async -> Exchange.Step {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                loop.post { self.assumeIsolated { $0.exchanges.goOn(identity, with: rest, waiter) } }
            }
        } onCancel: {
            cancelExchange(identity)
        }
    }

    private nonisolated func cancelExchange(_ identity: UInt64) {
        loop.post { self.assumeIsolated { $0.exchanges.cancel(identity) } }
    }

    private func begin(
        _ request: HTTPRequest, _ identity: UInt64, _ pieceSize: Int?, _ signals: Exchange.Signals,
        _ waiter: CheckedContinuation<Exchange.Step, Never>
    ) {
        guard !isShutDown, !Task.isCancelled else { return waiter.resume(returning: .ended(.failure(.cancelled))) }
        guard let address = Address(request.url), ["http", "https"].contains(address.scheme) else {
            return waiter.resume(returning: .ended(.failure(.notAnAddress)))
        }
        let easy = newEasy(request.url, address, request.network)
        exchanges.begin(
            Exchange(
                request: request, identity: identity, easy: easy, pieceSize: pieceSize, sent: signals.sent,
                begins: { [exchanges] in
                    exchanges.answerBegins(identity)
                    signals.begins()
                }, waiter: waiter))
    }

    // MARK: WebSocket

    /// Opens a WebSocket: name, proxy, TCP, TLS, upgrade. The error of a refused upgrade has the answer's status.
    public func connectWebSocket(_ request: WebSocketRequest) async throws(TransportError) -> WebSocketConnection {
        nextIdentity += 1
        let identity = nextIdentity
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                open(request, identity, continuation)
            }
        } onCancel: {
            loop.post { self.assumeIsolated { $0.cancelOpening(identity) } }
        }
        if Task.isCancelled, case .success = result {
            // Opened in the moment of giving up: nobody would take it.
            beginClose(identity, code: 1001, reason: "")
            throw .cancelled
        }
        return try result.get()
    }

    private func open(
        _ request: WebSocketRequest, _ identity: UInt64,
        _ continuation: CheckedContinuation<Result<WebSocketConnection, TransportError>, Never>
    ) {
        guard !isShutDown, !Task.isCancelled else { return continuation.resume(returning: .failure(.cancelled)) }
        guard let address = Address(request.url), let httpURL = address.httpURL else {
            return continuation.resume(returning: .failure(.notAnAddress))
        }
        let easy = newEasy(httpURL, address, request.network)
        easy.set(CURLOPT_CONNECT_ONLY, 1)
        easy.set(CURLOPT_HTTPPROXYTUNNEL, 1)
        easy.set(CURLOPT_FRESH_CONNECT, 1)
        let ownAgent = request.headers.contains { $0.name.lowercased() == "user-agent" }
        let handshake = OpeningHandshake(
            host: address.authority, target: address.target,
            headers: (ownAgent ? [] : [("User-Agent", userAgent)]) + request.headers,
            key: (0..<16).map { _ in UInt8.random(in: .min ... .max) })
        let inbox = WebSocketInbox()
        let link = WebSocketLink(
            connection: WebSocketConnection(identity: identity, inbox: inbox, transport: self), inbox: inbox,
            easy: easy, multi: roomyMulti(), handshake: handshake, request: request, opening: continuation)
        links[identity] = link
        connecting[easy.handle] = link
        link.multi.add(easy)
    }

    func roomyMulti() -> CurlMulti {
        if let multi = linkMultis.first(where: { $0.count < Self.linksPerMulti }) { return multi }
        let multi = CurlMulti(loop: loop)
        linkMultis.append(multi)
        return multi
    }

    func newIdentity() -> UInt64 {
        nextIdentity += 1
        return nextIdentity
    }

    func newEasy(_ url: Secret, _ address: Address, _ network: NetworkOptions) -> CurlEasy {
        CurlEasy(url: url, address: address, network: network, userAgent: userAgent, share: share)
    }

    nonisolated func cancelProbe(_ identity: UInt64) {
        loop.post { self.assumeIsolated { $0.probes.removeValue(forKey: identity)?.cancel() } }
    }

    private func cancelOpening(_ identity: UInt64) {
        guard let link = links[identity], link.phase != .open else { return }
        drop(link, .transport(.cancelled))
    }

    private func endConnecting(now: Int64) {
        for multi in linkMultis {
            while let (handle, result) = multi.nextEnded() { endConnecting(handle, result, now: now) }
        }
    }

    private func endConnecting(_ handle: UnsafeMutableRawPointer, _ result: CURLcode, now: Int64) {
        if endProbe(handle, result) { return }
        guard let link = connecting.removeValue(forKey: handle) else { return }
        guard result == CURLE_OK else { return drop(link, .transport(link.easy.failure(result))) }
        guard link.connected(now: now) else {
            return drop(link, .transport(TransportError(stage: .connect, message: "the connection was lost at once")))
        }
        linksByDescriptor[link.descriptor] = link
        timed.insert(link.identity)
        loop.watch(link.descriptor, events: EPOLLIN.rawValue)
        flush(link)
    }

    /// Lets go in libcurl's order: descriptor, epoll, multi handle, easy handle; then tells whoever waits.
    private func drop(_ link: WebSocketLink, _ ending: WebSocketEnding) {
        guard links.removeValue(forKey: link.identity) != nil else { return }
        if link.descriptor >= 0 {
            linksByDescriptor[link.descriptor] = nil
            loop.unwatch(link.descriptor)
        }
        link.multi.remove(link.easy)
        connecting[link.easy.handle] = nil
        timed.remove(link.identity)
        link.end(ending)
    }

    private func read(_ link: WebSocketLink, now: Int64) {
        guard !link.isPaused else { return }
        let progress = link.read(into: scratch, now: now)
        if case .ended(let ending) = progress {
            // Our Close, if there is one, goes out as far as it can; the ending is decided all the same.
            _ = link.flush()
            return drop(link, ending)
        }
        if link.phase == .open && link.deadline == nil { timed.remove(link.identity) }
        flush(link)
        guard links[link.identity] != nil else { return }
        if link.isPaused {
            watch(link)
        } else if case .busy = progress {
            readLater(link)
        }
    }

    private func readLater(_ link: WebSocketLink) {
        if link.isBusy { return }
        link.isBusy = true
        busy.append(link)
    }

    private func flush(_ link: WebSocketLink) {
        switch link.flush() {
        case .success(let isWaiting):
            if isWaiting != link.isWaitingToSend {
                link.isWaitingToSend = isWaiting
                watch(link)
            }
        case .failure(let error):
            // What the server sent before it closed may still be readable and tell more than the failed send.
            if link.phase == .connecting || links[link.identity] == nil { return }
            if case .ended(let ending) = link.read(into: scratch, now: MonotonicTime.now()) {
                drop(link, ending)
            } else {
                drop(link, .transport(error))
            }
        }
    }

    private func watch(_ link: WebSocketLink) {
        var events: UInt32 = 0
        if !link.isPaused { events |= EPOLLIN.rawValue }
        if link.isWaitingToSend { events |= EPOLLOUT.rawValue }
        if events == 0 {
            // Left in epoll it would still report errors, again and again.
            loop.unwatch(link.descriptor)
        } else {
            loop.watch(link.descriptor, events: events)
        }
    }

    // MARK: For connections and others that are not on the loop

    nonisolated func post(_ call: @escaping @Sendable () -> Void) {
        loop.post(call)
    }

    nonisolated func withLink(_ identity: UInt64, _ change: @escaping @Sendable (WebSocketLink) -> Void) {
        loop.post {
            self.assumeIsolated { transport in
                guard let link = transport.links[identity], link.phase == .open else { return }
                change(link)
                transport.flush(link)
            }
        }
    }

    nonisolated func beginClose(_ identity: UInt64, code: UInt16, reason: String) {
        loop.post {
            self.assumeIsolated { transport in
                guard let link = transport.links[identity] else { return }
                guard link.phase == .open else { return transport.drop(link, .transport(.cancelled)) }
                guard link.session.state == .open else { return }
                link.session.close(code: code, reason: reason)
                link.deadline = MonotonicTime.now() + 2_000_000_000
                transport.timed.insert(identity)
                transport.flush(link)
            }
        }
    }

    nonisolated func resumeReading(_ identity: UInt64) {
        loop.post {
            self.assumeIsolated { transport in
                guard let link = transport.links[identity], link.isPaused else { return }
                link.isPaused = false
                transport.watch(link)
                transport.readLater(link)
            }
        }
    }

    private static let expiryInterval: Int64 = 250_000_000

    /// Something has a deadline that is not libcurl's.
    private var hasTimed: Bool { !timed.isEmpty || exchanges.areTimed }

    private func expire(now: Int64) {
        nextExpiry = now + Self.expiryInterval
        exchanges.expire(now: now)
        for identity in timed {
            guard let link = links[identity], let deadline = link.deadline, deadline <= now else { continue }
            if link.phase == .open {
                drop(link, .transport(TransportError(stage: .protocol, message: "the peer did not answer the Close")))
            } else {
                let message = "\(link.easy.address.host) did not answer the upgrade to WebSocket in time"
                drop(link, .transport(TransportError(stage: .upgrade, message: message, isTimeout: true)))
            }
        }
    }
}

extension Transport: LoopHandler {
    nonisolated func loopReady(descriptor: Int32, events: UInt32) {
        assumeIsolated { transport in
            if let link = transport.linksByDescriptor[descriptor] {
                if events & EPOLLOUT.rawValue != 0 { transport.flush(link) }
                if events & (EPOLLIN.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 {
                    transport.read(link, now: MonotonicTime.now())
                }
            } else if let multi = transport.linkMultis.first(where: { $0.owns(descriptor) }) {
                multi.ready(descriptor, events: events)
            } else {
                transport.exchanges.multi.ready(descriptor, events: events)
                transport.exchanges.endDone()
            }
        }
    }

    nonisolated func loopTurn() {
        assumeIsolated { transport in
            let now = MonotonicTime.now()
            transport.exchanges.multi.fireTimer(now: now)
            for multi in transport.linkMultis { multi.fireTimer(now: now) }
            transport.exchanges.endDone()
            transport.endConnecting(now: now)
            let busy = transport.busy
            transport.busy.removeAll(keepingCapacity: true)
            for link in busy where transport.linksByDescriptor[link.descriptor] === link {
                link.isBusy = false
                transport.read(link, now: now)
            }
            if transport.hasTimed && now >= transport.nextExpiry { transport.expire(now: now) }
        }
    }

    nonisolated func loopTimeout() -> Int32 {
        assumeIsolated { transport in
            if !transport.busy.isEmpty { return 0 }
            var earliest = transport.exchanges.multi.deadline ?? .max
            for multi in transport.linkMultis { earliest = min(earliest, multi.deadline ?? .max) }
            if transport.hasTimed { earliest = min(earliest, transport.nextExpiry) }
            if earliest == .max { return -1 }
            return Int32(clamping: max(0, (earliest - MonotonicTime.now() + 999_999) / 1_000_000))
        }
    }
}

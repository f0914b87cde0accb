import Addresses
import Portal
import PullProtocol
import Secrets
import Settings
import Timing
import Transport
import WebSocket

/// The ways from a push server to here, and whether an event comes along them.
struct PushCheck: Sendable {
    let portal: PortalSettings
    /// With the wanted channels alone.
    let configuration: PullConfiguration
    let network: NetworkOptions
    let transport: Transport
    let limits: CheckLimits

    private var wantsWebSocket: Bool { portal.transport != .longPolling && configuration.webSocketURL != nil }

    /// JSON-RPC goes both ways: from version 5 on long polling is for those who have nothing else.
    private var wantsPolling: Bool {
        portal.transport != .websocket && configuration.longPollingURL != nil
            && (configuration.version < 5 || !wantsWebSocket)
    }

    func server(besides portalAddress: WebAddress) async -> Finding {
        let url = (wantsWebSocket ? configuration.webSocketURL : configuration.longPollingURL) ?? ""
        guard let address = WebAddress(url) else {
            return .failed(
                .pushServer, .unavailable, "the portal names no address that can be understood",
                cure: "check the addresses in the settings of the portal's Push and Pull module")
        }
        if address.leadsToSamePlace(as: portalAddress) { return .ok(.pushServer, "at the portal's own address") }
        let watch = Stopwatch()
        let probe = await transport.probe(Secret(url), network: network, timeout: limits.connection)
        return ConnectionStages.finding(
            .pushServer, probe, place: "\(address.host) port \(address.effectivePort)",
            isTLS: address.scheme == "wss" || address.scheme == "https", now: TimeSource.system.now().wall,
            took: watch.elapsed)
    }

    /// WebSocket, long poll and event, in this order. At least one of the two ways has to be wanted.
    func ways(publisher: TestEvent) async -> [Finding] {
        let nonce = Nonce()
        let arrivals = EventArrivals()
        let webSocket = WebSocketWay(request: webSocketRequest, limits: limits, transport: transport)
        let poll = LongPollWay(
            request: pollRequest, mode: configuration.payloadMode, limits: limits, transport: transport)
        return await withTaskGroup(of: Void.self) { group in
            let (proofs, proof) = AsyncStream<(way: PushWay, result: WayResult)>.makeStream()
            if wantsWebSocket {
                group.addTask {
                    await webSocket.run(nonce) {
                        proof.yield((.webSocket, $0))
                    } onEvent: {
                        arrivals.note(.webSocket)
                    }
                }
            }
            if wantsPolling {
                group.addTask {
                    await poll.run(nonce) {
                        proof.yield((.longPoll, $0))
                    } onEvent: {
                        arrivals.note(.longPoll)
                    }
                }
            }
            var results: [PushWay: WayResult] = [:]
            let expected = (wantsWebSocket ? 1 : 0) + (wantsPolling ? 1 : 0)
            for await (way, result) in proofs {
                results[way] = results[way] ?? result
                if results.count == expected { break }
            }
            let open = Set(results.filter { $0.value.isGood }.keys)
            let event = await EventCheck(nonce: nonce, publisher: publisher, limits: limits).run(open, arrivals)
            group.cancelAll()
            return WayFindings(
                transport: portal.transport,
                offersLongPolling: configuration.longPollingURL != nil
            ).of(results, event)
        }
    }

    private var webSocketRequest: Result<WebSocketRequest, ConfigurationError> {
        address(.webSocket).map { address in
            WebSocketRequest(
                url: address.url, network: network, upgradeTimeout: limits.upgrade,
                answersTextPings: configuration.payloadMode == .jsonRPC)
        }
    }

    /// For a position: the poll's own.
    private var pollRequest: @Sendable (Position) -> Result<HTTPRequest, ConfigurationError> {
        { position in
            address(.longPolling, position).map { address in
                HTTPRequest(
                    method: .get, url: address.url, headers: address.headers.map { ($0.name, $0.value) },
                    timeout: .seconds(44), network: network)
            }
        }
    }

    private func address(
        _ transport: PushTransport, _ position: Position = .none
    ) -> Result<ConnectionURL, ConfigurationError> {
        do throws(ConfigurationError) {
            return .success(try ConnectionURL.make(configuration, transport: transport, position: position))
        } catch {
            return .failure(error)
        }
    }
}

/// The two ways from a push server.
enum PushWay: Hashable, Sendable {
    case webSocket
    case longPoll
}

/// Whether a way can be gone.
enum WayResult: Hashable, Sendable {
    /// - Parameter took: until the server had agreed; nil for a poll, which waits.
    case good(took: Duration?)
    case bad(message: String, cure: String, took: Duration?)

    var isGood: Bool {
        if case .good = self { true } else { false }
    }
}

/// What a test event is known by: 32 hex digits that stand in every form of a message as they are.
struct Nonce: Sendable {
    let text: String

    init() {
        let digits = Array("0123456789abcdef")
        text = String((0..<32).map { _ in digits[Int.random(in: 0..<16)] })
    }

    func isIn(_ bytes: [UInt8]) -> Bool {
        bytes.firstRange(of: Array(text.utf8)) != nil
    }
}

import Events
import PullProtocol
import Timing
import Transport
import WebSocket

extension Session {
    /// One WebSocket from its upgrade to its end.
    nonisolated func runWebSocket(
        _ id: LinkID, _ configuration: PullConfiguration, stop: OneShotSignal
    ) async -> LinkEnd {
        await awaitIntake(unless: stop)
        let position = await resumePosition(configuration)
        let address: ConnectionURL
        do {
            address = try ConnectionURL.make(configuration, transport: .webSocket, position: position)
        } catch {
            return LinkEnd(.unusable, cause: error.message, cure: error.cure)
        }
        let request = WebSocketRequest(
            url: address.url, network: options.network, limits: WebSocketInflow.limits,
            answersTextPings: configuration.payloadMode == .jsonRPC,
            // What the server would have sent between its ping and the answer is to be asked for.
            onPing: { [newJobs] in newJobs.yield(.tick) })
        let connection: WebSocketConnection
        switch await stop.unlessFired({ await self.connect(request) }) {
        case nil: return .stopped
        case .success(let opened): connection = opened
        case .failure(let error): return LinkEnd(refused: error)
        }
        await register(connection, id)
        if stop.isFired { connection.close(code: 1000) }
        var inflow = WebSocketInflow(Source(link: id, configuration: configuration))
        inflow.source.isFirst = position != .none
        inflow.source.isHistory = inflow.source.isFirst
        while let batches = await connection.receive() {
            for batch in batches {
                for turn in batch.turns(splitsFirst: inflow.source.isFirst) {
                    if let end = await take(turn, &inflow, connection) { return end }
                }
            }
        }
        await takeCut(inflow)
        if connection.ending == nil {
            // Cancelled: nobody waits for the peer's answer any more.
            connection.close(code: 1000)
            return .stopped
        }
        return LinkEnd(connection.ending)
    }

    nonisolated func connect(
        _ request: WebSocketRequest
    ) async -> Result<WebSocketConnection, TransportError> {
        do { return .success(try await transport.connectWebSocket(request)) } catch { return .failure(error) }
    }

    private func register(_ connection: WebSocketConnection, _ id: LinkID) {
        connections[id] = connection
        board.opened(id, connection)
        handle(.opened(id))
    }

    /// An end if the connection must not go on.
    private func take(
        _ turn: MessageBatch, _ inflow: inout WebSocketInflow, _ connection: WebSocketConnection
    ) async -> LinkEnd? {
        do {
            guard let outcome = try await take(turn, &inflow) else {
                guard inflow.isTooLarge else { return nil }
                connection.close(code: 1009)
                return LinkEnd(.closed(code: 1009, reason: ""), cause: "a message is too large")
            }
            (inflow.source.isFirst, inflow.source.isHistory) = (false, false)
            guard outcome.damage != nil else { return nil }
            // The store is asked again from the last good position.
            connection.close(code: 1007)
            return LinkEnd(.closed(code: 1007, reason: ""), cause: "a damaged frame")
        } catch {
            connection.close(code: 1001)
            return .stopped
        }
    }
}

extension LinkEnd {
    /// Closed by this end.
    static let stopped = LinkEnd(.closed(code: 1000, reason: ""), cause: "closed")

    init(refused error: TransportError) {
        if error.stage == .upgrade, let status = error.status {
            let kind = Kind.refusedUpgrade(status: status, answer: error.answer, retryAfter: error.retryAfter)
            self.init(kind, cause: "\(error.stage.rawValue): \(error.message)", cure: error.cure)
        } else {
            self.init(error)
        }
    }

    init(_ error: TransportError) {
        self.init(
            .closed(code: error.stage == .tls ? 1015 : 1006, reason: ""),
            cause: "\(error.stage.rawValue): \(error.message)", cure: error.cure)
    }

    init(_ ending: WebSocketEnding?) {
        switch ending {
        case .transport(let error): self.init(error)
        case .session(.closedByPeer(let close)), .session(.closedByUs(_, let close?)):
            self.init(
                .closed(code: Int(close.code), reason: close.reason),
                cause: "the server closed the connection with code \(close.code)")
        case .session(.violation(let violation)):
            self.init(
                .closed(code: Int(violation.closeCode), reason: ""),
                cause: "protocol: \(violation.message) (RFC 6455, \(violation.section))")
        case .session(.closedByUs(_, nil)), .session(.unclean), nil:
            self.init(.closed(code: 1006, reason: ""), cause: "the connection ended without a Close")
        }
    }
}

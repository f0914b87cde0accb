import Events
import PullProtocol
import Transport
import WebSocket

/// Audits: the store is asked from a while ago for what no connection brought.
extension Session {
    /// A second WebSocket waits so long for its first unit to begin.
    private static var webSocketPatience: Duration { .seconds(3) }
    /// And so long for the next bytes of it.
    private static var webSocketSilence: Duration { .seconds(30) }

    nonisolated func runAudit(
        _ id: AuditID, _ configuration: PullConfiguration, channel: Int?, via transport: PushTransport
    ) async {
        let isPaused = await feed.isPaused
        let outcome = isPaused ? .failed : await audit(configuration, channel: channel, via: transport)
        await handle(.audited(id, outcome))
    }

    private nonisolated func audit(
        _ configuration: PullConfiguration, channel index: Int?, via transport: PushTransport
    ) async -> AuditOutcome {
        var source = Source(configuration: configuration, isHistory: true)
        if let index {
            guard configuration.channels.indices.contains(index) else { return .failed }
            source.channel = configuration.channels[index]
        }
        // Nothing was ever asked for, so nothing can be missing.
        guard let position = await auditPosition(configuration, of: source.channel) else { return .complete }
        guard
            let address = try? ConnectionURL.make(
                configuration, transport: transport, channels: source.channels, position: position)
        else { return .failed }
        return switch transport {
        case .longPolling: await auditByPolling(address, source)
        case .webSocket: await auditByWebSocket(address, source)
        }
    }

    /// - Parameter channel: nil: all of the configuration. A single one is asked for everything while it is in doubt whether
    ///   its messages of an outage have all come: servers that give out the newest ones only then show it by whether a
    ///   message from before the outage is still among them, and others by giving all.
    func auditPosition(_ configuration: PullConfiguration, of channel: Channel? = nil) -> Position? {
        let server = configuration.pushServer
        guard let position = intake.positions.audit(of: server) else { return nil }
        return reach.limit(server, channel) == nil ? position : .retained
    }

    /// What an answer with history, already taken, says of an audit.
    func judge(_ outcome: Intake.Outcome, _ source: Source) -> AuditOutcome {
        guard outcome.damage == nil, outcome.unknownBytes == 0, !source.isTruncated else { return .failed }
        let server = source.configuration.pushServer
        // Where there is only one channel it is asked by itself all the same, with the position for that.
        var depth = HistoryDepth.complete
        if !reach.isUnlimited(server) {
            depth =
                source.channel == nil
                ? HistoryDepth.ofCombined(count: outcome.messageCount)
                : HistoryDepth.ofSingle(
                    count: outcome.messageCount, fromClients: source.onlyChannel == .shared ? 0 : outcome.fromClients,
                    reachesKnown: outcome.reachesKnown)
        }
        switch depth {
        case .complete:
            reach.reached(server, channels: source.channels)
            storeDoubts()
            return .complete
        case .askEachChannel: return .cut
        case .gap:
            if let channel = source.channel { reach.missed(server, channel: channel, lowest: outcome.lowest) }
            return .gap(lowest: outcome.lowest)
        }
    }

    // MARK: Long polling

    private nonisolated func auditByPolling(_ address: ConnectionURL, _ source: Source) async -> AuditOutcome {
        let patience = options.rules.auditPatience
        var network = options.network
        network.connectTimeout = min(network.connectTimeout, patience)
        // The time for the connection beside that for the answer to begin: only a request that has been pending is
        // answered by silence.
        let request = HTTPRequest(
            method: .get, url: address.url, headers: address.headers.map { ($0.name, $0.value) },
            timeout: patience * 2, network: network, usesNewConnection: true)
        let answer = await exchange(request, taking: source)
        switch answer.result {
        case .failure(let error) where error.isUnansweredPoll: return .complete
        case .failure(let error):
            if !error.partialBody.isEmpty || answer.part.outcome != nil {
                var source = source
                source.isTruncated = true
                _ = try? await takeAudit(error.partialBody, answer.part, source)
            }
            return .failed
        case .success(let response): return await judge(response, answer.part, source)
        }
    }

    private nonisolated func judge(
        _ response: HTTPResponse, _ part: UnitPart, _ source: Source
    ) async -> AuditOutcome {
        let configuration = source.configuration
        let verdict = PollMeaning.of(
            status: response.status, headers: response.headers, body: part.outcome == nil ? response.body : nil,
            position: .retained, mode: configuration.mode, version: configuration.version)
        guard verdict.action == .poll, !verdict.isFailure else {
            return response.status == 200 ? .failed : .refused(verdict)
        }
        if response.status == 304 { return .complete }
        guard verdict.hasMessages else { return .failed }
        var source = source
        source.isTruncated = response.isTruncated
        guard let outcome = try? await takeAudit(response.body, part, source) else { return .failed }
        return await self.judge(outcome, source)
    }

    private func takeAudit(_ body: [UInt8], _ part: UnitPart, _ source: Source) async throws -> Intake.Outcome {
        try await take(body, units: [(range: 0..<body.count, kind: .longPoll)], after: part, from: source)
    }

    // MARK: WebSocket

    private nonisolated func auditByWebSocket(_ address: ConnectionURL, _ source: Source) async -> AuditOutcome {
        let request = WebSocketRequest(
            url: address.url, network: options.network, limits: WebSocketInflow.limits,
            answersTextPings: source.configuration.payloadMode == .jsonRPC)
        let connection: WebSocketConnection
        switch await connect(request) {
        case .success(let opened): connection = opened
        case .failure(let error): return Self.refusal(LinkEnd(refused: error), source.configuration)
        }
        defer { connection.close(code: 1000) }
        return await firstUnit(of: connection, source)
    }

    /// The first unit is the history; none is no news.
    private nonisolated func firstUnit(of connection: WebSocketConnection, _ source: Source) async -> AuditOutcome {
        var inflow = WebSocketInflow(source)
        while true {
            switch await arrival(on: connection) {
            case .nothing: return .complete
            case .cut:
                await takeCut(inflow)
                return .failed
            case .ended:
                await takeCut(inflow)
                return Self.refusal(LinkEnd(connection.ending), source.configuration)
            case .batches(let batches):
                var result: AuditOutcome?
                do {
                    for turn in batches.flatMap({ $0.turns(splitsFirst: inflow.source.isHistory) }) {
                        let outcome = try await take(turn, &inflow)
                        if inflow.isTooLarge { return .failed }
                        guard let outcome, result == nil else { continue }
                        result = await judge(outcome, inflow.source)
                        inflow.source.isHistory = false
                    }
                } catch {
                    return .failed
                }
                if let result { return result }
            }
        }
    }

    private enum Arrival {
        case batches([MessageBatch])
        /// Nothing has come for a while, and nothing is coming.
        case nothing
        /// Nothing of a message that has begun has come for long, or nobody waits any more.
        case cut
        case ended
    }

    private nonisolated func arrival(on connection: WebSocketConnection) async -> Arrival {
        await withTaskGroup(of: Arrival.self) { group in
            group.addTask { (await connection.receive()).map { .batches($0) } ?? .ended }
            group.addTask {
                repeat {
                    do { try await Task.sleep(for: Self.webSocketPatience) } catch { return .cut }
                    let activity = connection.activity
                    guard activity.isWithinMessage else { return .nothing }
                    let silence = self.time.now().monotonic - .nanoseconds(activity.lastBytesAt)
                    if silence >= Self.webSocketSilence { return .cut }
                } while true
            }
            let arrival = await group.next() ?? .cut
            group.cancelAll()
            return Task.isCancelled ? .cut : arrival
        }
    }

    private static func refusal(_ end: LinkEnd, _ configuration: PullConfiguration) -> AuditOutcome {
        switch end.kind {
        case .closed(let code, _) where code < 4000: .failed
        default: .refused(end.verdict(configuration, repeats: 0))
        }
    }
}

extension TransportError {
    /// The server has the request and has nothing to say.
    var isUnansweredPoll: Bool { isTimeout && isRequestSent && status == nil }
}

import Events
import PullProtocol
import Transport
import WebSocket

/// Audits: the store is asked from a while ago for what no connection brought.
extension Session {
    /// A second WebSocket waits so long for its first unit.
    private static var webSocketPatience: Duration { .seconds(3) }

    nonisolated func runAudit(
        _ id: AuditID, _ configuration: PullConfiguration, channel: Int?, via transport: PushTransport
    ) async {
        let outcome = await audit(configuration, channel: channel, via: transport)
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
            timeout: patience * 2, network: network)
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
        _ response: HTTPResponse, _ part: AnswerPart, _ source: Source
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

    private func takeAudit(_ body: [UInt8], _ part: AnswerPart, _ source: Source) async throws -> Intake.Outcome {
        try await take(body, units: [(range: 0..<body.count, kind: .longPoll)], after: part, from: source)
    }

    // MARK: WebSocket

    private nonisolated func auditByWebSocket(_ address: ConnectionURL, _ source: Source) async -> AuditOutcome {
        let request = WebSocketRequest(
            url: address.url, network: options.network,
            answersTextPings: source.configuration.payloadMode == .jsonRPC)
        let connection: WebSocketConnection
        switch await connect(request) {
        case .success(let opened): connection = opened
        case .failure(let error): return Self.refusal(LinkEnd(refused: error), source.configuration)
        }
        defer { connection.close(code: 1000) }
        let batches = await withTaskGroup(of: [MessageBatch]??.self) { group in
            group.addTask { .some(await connection.receive()) }
            group.addTask {
                try? await Task.sleep(for: Self.webSocketPatience)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        guard let batches else { return Task.isCancelled ? .failed : .complete }
        guard let batches else { return Self.refusal(LinkEnd(connection.ending), source.configuration) }
        var source = source
        var result: AuditOutcome?
        for batch in batches.splittingFirst() {
            let units = batch.messages.map { (range: $0.start..<$0.end, kind: $0.isBinary ? FrameKind.binary : .text) }
            guard let outcome = try? await take(batch.bytes, units: units, from: source) else { return .failed }
            // The first unit is the history.
            if result == nil { result = await judge(outcome, source) }
            source.isHistory = false
        }
        return result ?? .complete
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
    var isUnansweredPoll: Bool { isTimeout && stage == .http && status == nil }
}

import Events
import PullProtocol
import Transport

extension Session {
    /// What a poll loop remembers from one poll to the next.
    private struct PollState {
        /// The loop's own: the first poll asks from the session's resume position, each further one from the newest
        /// message that came through this very loop. Another connection may be further ahead, on other channels.
        var position: Position
        var timeouts = 0
        var emptyAnswers = 0
    }

    private enum Step {
        case poll(after: Double)
        case end(LinkEnd)
    }

    /// Longer than the 40 s that servers hold a poll, shorter than what proxies cut.
    private static var pollTimeout: Duration { .seconds(60) }

    /// Polls, one after the other, until something ends the loop.
    nonisolated func runLongPolling(
        _ id: LinkID, _ configuration: PullConfiguration, stop: OneShotSignal
    ) async -> LinkEnd {
        var state = PollState(position: .none)
        var isFirst = true
        while !stop.isFired && !Task.isCancelled {
            // Without a position nothing that comes between two polls would be received: as soon as the session is live
            // there is one to ask from.
            if state.position == .none { state.position = await resumePosition() }
            let address: ConnectionURL
            do {
                address = try ConnectionURL.make(configuration, transport: .longPolling, position: state.position)
            } catch {
                return LinkEnd(.unusable, cause: error.message, cure: error.cure)
            }
            let request = HTTPRequest(
                method: .get, url: address.url, headers: address.headers.map { ($0.name, $0.value) },
                timeout: Self.pollTimeout, network: options.network)
            let announces = isFirst
            isFirst = false
            let answer = await Self.unless(stop) { await self.poll(request, id, announces: announces) }
            guard let answer else { return .stopped }
            switch await judge(answer, id, configuration, &state) {
            case .end(let end): return end
            case .poll(let seconds):
                if seconds > 0 { await Self.pause(seconds, unless: stop) }
            }
        }
        return .stopped
    }

    private nonisolated static func pause(_ seconds: Double, unless stop: OneShotSignal) async {
        _ = await unless(stop) { try? await Task.sleep(for: .seconds(seconds)) }
    }

    /// The exchange. The first of a loop is told to the machine once the server has held it for a moment, since a refusal
    /// comes at once.
    private nonisolated func poll(
        _ request: HTTPRequest, _ id: LinkID, announces: Bool
    ) async -> Result<HTTPResponse, TransportError> {
        guard announces else { return await exchange(request) }
        return await withTaskGroup(of: Result<HTTPResponse, TransportError>?.self) { group in
            group.addTask { await self.exchange(request) }
            group.addTask { [proof = options.rules.proof] in
                do { try await Task.sleep(for: proof) } catch { return nil }
                await self.handle(.opened(id))
                await self.handle(.proven(id))
                return nil
            }
            while let result = await group.next() {
                guard let result else { continue }
                group.cancelAll()
                return result
            }
            return .failure(TransportError(stage: .cancelled, message: "given up"))
        }
    }

    private nonisolated func exchange(_ request: HTTPRequest) async -> Result<HTTPResponse, TransportError> {
        do { return .success(try await transport.exchange(request)) } catch { return .failure(error) }
    }

    private func judge(
        _ answer: Result<HTTPResponse, TransportError>, _ id: LinkID, _ configuration: PullConfiguration,
        _ state: inout PollState
    ) async -> Step {
        switch answer {
        case .failure(let error) where error.isTimeout && error.stage == .http && error.partialBody.isEmpty:
            state.timeouts += 1
            let cause = "three polls in a row were not answered"
            return state.timeouts < 3 ? .poll(after: 0) : .end(LinkEnd(.pollTimeout, cause: cause))
        case .failure(let error):
            if !error.partialBody.isEmpty {
                _ = await takeBody(error.partialBody, id, configuration, &state, isTruncated: true)
            }
            return .end(LinkEnd(error))
        case .success(let response):
            state.timeouts = 0
            return await judge(response, id, configuration, &state)
        }
    }

    private func judge(
        _ response: HTTPResponse, _ id: LinkID, _ configuration: PullConfiguration, _ state: inout PollState
    ) async -> Step {
        let verdict = PollMeaning.of(
            status: response.status, headers: response.headers, body: response.body, position: state.position,
            mode: configuration.mode, version: configuration.version, repeats: state.emptyAnswers)
        guard verdict.action == .poll, !verdict.isFailure else {
            let kind = LinkEnd.Kind.refusedPoll(
                status: response.status, headers: response.headers, body: Array(response.body.prefix(512)))
            return .end(LinkEnd(kind, cause: "http: the push server answered the poll with status \(response.status)"))
        }
        handle(.opened(id))
        if let adopted = verdict.adopts { state.position = .message(adopted) }
        if verdict.hasMessages {
            state.emptyAnswers = 0
            if let end = await takeBody(response.body, id, configuration, &state, isTruncated: response.isTruncated) {
                return .end(end)
            }
        } else {
            state.emptyAnswers = response.status == 200 ? state.emptyAnswers + 1 : 0
        }
        handle(.proven(id))
        return .poll(after: verdict.delay?.lowerBound ?? 0)
    }

    private func takeBody(
        _ body: [UInt8], _ id: LinkID, _ configuration: PullConfiguration, _ state: inout PollState, isTruncated: Bool
    ) async -> LinkEnd? {
        do {
            let outcome = try await take(
                body, units: [(range: 0..<body.count, kind: .longPoll)], from: id, configuration: configuration,
                isTruncated: isTruncated)
            if let newest = outcome.newest { state.position = state.position.moved(to: newest) }
            if let position = outcome.legacyPosition { state.position = position }
            if outcome.unknownBytes > 0 {
                return LinkEnd(.unreadable, cause: "the answer to a poll is nothing that a push server sends")
            }
            if outcome.damage != nil { return LinkEnd(.unreadable, cause: "the answer to a poll is damaged") }
            return nil
        } catch {
            return .stopped
        }
    }
}

extension Position {
    /// Forward only: answers may hold lower ids after higher ones.
    func moved(to id: MessageID) -> Position {
        if case .message(let current) = self, current >= id { return self }
        return .message(id)
    }
}

import Events
import PullProtocol
import Timing
import Transport

extension Session {
    /// What a poll loop remembers from one poll to the next.
    private struct PollState {
        /// The loop's own: the first poll asks from the session's resume position, each further one from the newest
        /// message that came through this very loop. Another connection may be further ahead, on other channels.
        var position = Position.none
        var isFirst = true
        var timeouts = 0
        var emptyAnswers = 0
        var pace = PollPace()
        /// When the poll under way began, on the monotonic clock.
        var beganAt = Duration.zero
        /// The poll under way is an audit that has not been told of yet.
        var audit: AuditID?
    }

    private enum Taken {
        case success(Intake.Outcome)
        case failure(LinkEnd)
    }

    private enum Step {
        case poll(after: Double)
        case end(LinkEnd)
    }

    /// Longer than the 40 s that servers hold a poll, and no longer than a dead connection may go unnoticed.
    private static var pollTimeout: Duration { .seconds(44) }

    /// Polls, one after the other, until something ends the loop.
    nonisolated func runLongPolling(
        _ id: LinkID, _ configuration: PullConfiguration, stop: OneShotSignal
    ) async -> LinkEnd {
        var state = PollState()
        while !stop.isFired && !Task.isCancelled {
            await awaitIntake(unless: stop)
            // Without a position nothing that comes between two polls would be received: as soon as the session is live
            // there is one to ask from.
            if state.position == .none { state.position = await resumePosition(configuration) }
            var position = state.position
            state.audit = await takeAuditPoll(id)
            if state.audit != nil { position = await auditPosition(configuration) ?? position }
            let address: ConnectionURL
            do {
                address = try ConnectionURL.make(configuration, transport: .longPolling, position: position)
            } catch {
                return LinkEnd(.unusable, cause: error.message, cure: error.cure)
            }
            var request = HTTPRequest(
                method: .get, url: address.url, headers: address.headers.map { ($0.name, $0.value) },
                timeout: Self.pollTimeout, network: options.network)
            // Silence says something only of a request that the server surely has.
            request.usesNewConnection = state.isFirst || state.audit != nil
            var source = Source(link: id, configuration: configuration)
            source.isHistory = position != .none
            source.isFirst = state.isFirst && source.isHistory
            let (announces, audit) = (state.isFirst, state.audit)
            state.isFirst = false
            state.beganAt = time.now().monotonic
            let answer = await stop.unlessFired { [request, source] in
                await self.poll(request, source, id, announces: announces, audit: audit)
            }
            guard let answer else { return .stopped }
            switch await judge(answer, source, &state) {
            case .end(let end): return end
            case .poll(let seconds):
                if seconds > 0 { await Self.pause(seconds, unless: stop) }
            }
        }
        return .stopped
    }

    private func takeAuditPoll(_ id: LinkID) -> AuditID? { auditPolls.removeValue(forKey: id) }

    private nonisolated static func pause(_ seconds: Double, unless stop: OneShotSignal) async {
        _ = await stop.unlessFired { try? await Task.sleep(for: .seconds(seconds)) }
    }

    /// The exchange. The first of a loop is told to the machine once the server has held it for a moment, since a refusal
    /// comes at once; an audit has found nothing once the server has held it for a while. Before the request has gone out
    /// nobody holds it.
    private nonisolated func poll(
        _ request: HTTPRequest, _ source: Source, _ id: LinkID, announces: Bool, audit: AuditID?
    ) async -> Answer {
        if !announces && audit == nil { return await exchange(request, taking: source) }
        let (sent, begins) = (OneShotSignal(), OneShotSignal())
        return await withTaskGroup(of: Answer?.self) { group in
            group.addTask { await self.exchange(request, taking: source, sent: sent, begins: begins) }
            if announces {
                group.addTask { [proof = options.rules.proof] in
                    guard await Self.isHeld(since: sent, for: proof) else { return nil }
                    await self.handle(.opened(id))
                    await self.handle(.proven(id))
                    return nil
                }
            }
            if let audit {
                group.addTask { [patience = options.rules.auditPatience] in
                    guard await Self.isHeld(since: sent, for: patience) else { return nil }
                    if !begins.isFired { await self.handle(.audited(audit, .complete)) }
                    return nil
                }
            }
            while let result = await group.next() {
                guard let result else { continue }
                group.cancelAll()
                return result
            }
            return Answer(result: .failure(TransportError(stage: .cancelled, message: "given up")))
        }
    }

    /// Waits until a request has gone out and then for `time`. False: the exchange has ended before.
    private nonisolated static func isHeld(since sent: OneShotSignal, for time: Duration) async -> Bool {
        await sent.wait()
        do { try await Task.sleep(for: time) } catch { return false }
        return true
    }

    /// What became of a poll, and what was taken while the answer came.
    struct Answer: Sendable {
        var result: Result<HTTPResponse, TransportError>
        var part = UnitPart()
    }

    /// A large answer is taken while it comes.
    ///
    /// - Parameters:
    ///   - sent: fired when the request goes out.
    ///   - begins: fired when the server begins to answer.
    func exchange(
        _ request: HTTPRequest, taking source: Source, sent: OneShotSignal? = nil, begins: OneShotSignal? = nil
    ) async -> Answer {
        var part = UnitPart()
        do throws(TransportError) {
            let response = try await transport.exchange(
                request, sent: { sent?.fire() }, begins: { begins?.fire() }
            ) { bytes in
                await takeFront(bytes, kind: .longPoll, after: &part, from: source)
            }
            return Answer(result: .success(response), part: part)
        } catch {
            return Answer(result: .failure(error), part: part)
        }
    }

    private func judge(
        _ answer: Answer, _ source: Source, _ state: inout PollState
    ) async -> Step {
        switch answer.result {
        case .failure(let error) where error.isUnansweredPoll:
            state.timeouts += 1
            let cause = "three polls in a row were not answered"
            return state.timeouts < 3 ? .poll(after: 0) : .end(LinkEnd(.pollTimeout, cause: cause))
        case .failure(let error):
            if !error.partialBody.isEmpty || answer.part.outcome != nil {
                var source = source
                source.isTruncated = true
                _ = await takeBody(error.partialBody, answer.part, source, &state)
            }
            return .end(LinkEnd(error))
        case .success(let response):
            state.timeouts = 0
            return await judge(response, answer.part, source, &state)
        }
    }

    private func judge(
        _ response: HTTPResponse, _ part: UnitPart, _ source: Source, _ state: inout PollState
    ) async -> Step {
        let configuration = source.configuration
        let verdict = PollMeaning.of(
            status: response.status, headers: response.headers, body: part.outcome == nil ? response.body : nil,
            position: state.position, mode: configuration.mode, version: configuration.version,
            repeats: state.emptyAnswers)
        guard let id = source.link, verdict.action == .poll, !verdict.isFailure else {
            let kind = LinkEnd.Kind.refusedPoll(
                status: response.status, headers: response.headers, body: Array(response.body.prefix(512)))
            return .end(LinkEnd(kind, cause: "http: the push server answered the poll with status \(response.status)"))
        }
        board.heard(at: time.now().monotonic)
        handle(.opened(id))
        if let adopted = verdict.adopts { state.position = .message(adopted) }
        let held = time.now().monotonic - state.beganAt
        let random = Double.random(in: 0...1)
        var wait = 0.0
        if verdict.hasMessages {
            state.emptyAnswers = 0
            let before = state.position
            var source = source
            source.isTruncated = response.isTruncated
            switch await takeBody(response.body, part, source, &state) {
            case .failure(let end): return .end(end)
            case .success(let outcome):
                if let audit = state.audit { handle(.audited(audit, judge(outcome, source))) }
                // The same answer again and again must not become a storm. An audit is answered with what is known.
                let isNews = outcome.newCount > 0 || state.position != before || state.audit != nil
                wait = isNews ? state.pace.news() : state.pace.nothing(after: held, random: random)
            }
        } else {
            wait =
                verdict.delay.map { $0.lowerBound + ($0.upperBound - $0.lowerBound) * random }
                ?? state.pace.nothing(after: held, random: random)
            state.emptyAnswers = response.status == 200 ? state.emptyAnswers + 1 : 0
            if let audit = state.audit { handle(.audited(audit, response.status == 304 ? .complete : .failed)) }
        }
        handle(.proven(id))
        return .poll(after: wait)
    }

    private func takeBody(
        _ body: [UInt8], _ part: UnitPart, _ source: Source, _ state: inout PollState
    ) async -> Taken {
        do {
            let outcome = try await take(
                body, units: [(range: 0..<body.count, kind: .longPoll)], after: part, from: source)
            if let newest = outcome.newest {
                state.position = outcome.isBack ? .message(newest) : state.position.moved(to: newest)
            }
            if let position = outcome.legacyPosition { state.position = position }
            if outcome.unknownBytes > 0 {
                return .failure(
                    LinkEnd(.unreadable, cause: "the answer to a poll is nothing that a push server sends"))
            }
            if outcome.damage != nil {
                return .failure(LinkEnd(.unreadable, cause: "the answer to a poll is damaged"))
            }
            return .success(outcome)
        } catch {
            return .failure(.stopped)
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

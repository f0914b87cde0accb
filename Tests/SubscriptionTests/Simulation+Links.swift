import Events
import PullProtocol
import Secrets
import Timing

@testable import Subscription

/// The network, the push server's connections, and the driver's part of them.
extension Simulation {
    mutating func happenToLink(_ what: Happening) {
        switch what {
        case .begins(let id):
            links[id]?.position = memory.position()
            plan(.reaches(id), in: 0.02...3)
        case .reaches(let id): reaches(id)
        case .registers(let id, let history): registers(id, history)
        case .opens(let id):
            links[id]?.isOpen = true
            links[id]?.lastBytesAt = now - slept
            send(.opened(id))
        case .arrives(let id, let messages, let isHistory):
            guard links[id]?.isDead == false else {
                // Others of the same time, with higher numbers, may have arrived.
                return dropped.formUnion(messages.map(\.serial))
            }
            links[id]?.lastBytesAt = now - slept
            take(messages, of: links[id]?.channels ?? [], from: id, isHistory: isHistory)
        case .serverPings(let id): serverPings(id)
        case .ended(let id, let end):
            links[id] = nil
            send(.ended(id, end))
        case .asksPoll(let id): asksPoll(id)
        case .pollReaches(let id, let poll): pollReaches(id, poll)
        case .pollHeld(let id, let poll):
            guard let link = links[id], link.isRegistered, link.poll == poll else { return }
            links[id]?.isRegistered = false
            plan(.pollAnswered(id, poll: poll, []), in: 0.01...1)
        case .pollAnswered(let id, let poll, let messages): pollAnswered(id, poll, messages)
        case .pollProven(let id):
            guard links[id]?.isDead == false else { return }
            send(.opened(id))
            send(.proven(id))
        case .auditReaches(let audit): auditReaches(audit)
        case .auditEnds(let audit, let outcome, let messages): auditEnds(audit, outcome, messages)
        default: break
        }
    }

    private mutating func take(
        _ messages: [SimulatedServer.Message], of channels: [String], from id: LinkID?, isHistory: Bool
    ) {
        if messages.isEmpty { return }
        accept(messages, of: channels)
        guard let id else { return }
        if let highest = messages.map(\.id).max(), let position = links[id]?.position {
            links[id]?.position = max(position, highest)
        }
        send(.proven(id))
        send(.received(id, count: messages.count, isHistory: isHistory))
    }

    private mutating func accept(_ messages: [SimulatedServer.Message], of channels: [String]) {
        let isFirst = messages.filter { memory.accepted[$0.serial] == nil }
        if firstAcceptedAt == nil { firstAcceptedAt = isFirst.map(\.publishedAt).min() }
        memory.take(messages, of: channels, at: now, moment)
        for message in isFirst {
            if let expired = message.expired {
                send(.command(.channelExpire(id: Secret(expired), sentAt: Int64(message.publishedAt))))
            }
        }
    }

    // MARK: WebSocket

    private mutating func reaches(_ id: LinkID) {
        guard let link = links[id] else { return }
        let passes = link.transport == .longPolling ? pollingPasses : webSocketPasses
        guard passes else {
            let end = LinkEnd(.closed(code: 1006, reason: ""), cause: "blocked")
            return plan(.ended(id, end), in: 0...10)
        }
        let isRefused = !isQuiet && Double.random(in: 0..<1, using: &random) < world.refusals
        if !pushIsUp || isRefused { return refuse(id) }
        if link.transport == .longPolling {
            plan(.pollProven(id), in: 5...5)
            return plan(.asksPoll(id), in: 0...0)
        }
        guard let position = link.position else { return registers(id, []) }
        // The history is read first, and only then is the connection registered.
        let history = server.history(after: position, in: link.channels, at: Self.epoch + now)
        links[id]?.isRegistering = true
        plan(.registers(id, history: history), in: 0...world.longestRace)
    }

    private mutating func registers(_ id: LinkID, _ history: [SimulatedServer.Message]) {
        guard links[id] != nil else { return }
        links[id]?.isRegistered = true
        plan(.opens(id), in: 0...0)
        if !history.isEmpty {
            let wait = Double.random(in: 0.01...3, using: &random)
            links[id]?.arrivesAt = now + wait
            plan(.arrives(id, history, isHistory: true), in: wait...wait)
        }
        plan(.serverPings(id), in: 120...120)
    }

    private mutating func refuse(_ id: LinkID) {
        let kinds: [LinkEnd.Kind] = [
            .closed(code: 1006, reason: ""), .closed(code: 4010, reason: ""), .closed(code: 1001, reason: ""),
            .refusedUpgrade(status: 503, answer: "", retryAfter: nil),
            .refusedUpgrade(status: 400, answer: "Wrong Channel Id.", retryAfter: nil),
        ]
        let kind = kinds[Int.random(in: 0..<kinds.count, using: &random)]
        // A 4010 may come after the connection was accepted.
        if case .closed(4010, _) = kind, Bool.random(using: &random) { send(.opened(id)) }
        plan(.ended(id, LinkEnd(kind, cause: "refused")), in: 0...1)
    }

    /// From its ping on the server drops until the answer comes.
    private mutating func serverPings(_ id: LinkID) {
        guard let link = links[id], link.isRegistered else { return }
        links[id]?.deafUntil = now + Double.random(in: 0...world.longestDeafness, using: &random)
        plan(.serverPings(id), in: 120...120)
        guard !link.isDead, now >= sleepsUntil else { return }
        links[id]?.serverPings += 1
        links[id]?.lastBytesAt = now - slept
        lookAtLinks()
    }

    mutating func broadcast(_ message: SimulatedServer.Message) {
        var isMissed = false
        for (id, link) in links.sorted(by: { $0.key.number < $1.key.number })
        where link.channels.contains(message.channel) {
            guard link.isRegistered else {
                // Between two polls; the next one asks for what has a higher number only.
                if link.isRegistering { isMissed = true }
                if link.transport == .longPolling, max(link.position ?? .zero, link.sentThrough) >= message.id {
                    isMissed = true
                }
                continue
            }
            server.sent(message)
            if link.transport == .longPolling {
                links[id]?.isRegistered = false
                links[id]?.sentThrough = message.id
                plan(.pollAnswered(id, poll: link.poll, [message]), in: 0.01...0.4)
            } else if now < link.deafUntil || Double.random(in: 0..<1, using: &random) < world.drops {
                isMissed = true
            } else {
                if link.isDead, let newest = memory.newest, message.id < newest { isMissed = true }
                // One stream: nothing overtakes.
                let at = max(now + Double.random(in: 0.01...0.4, using: &random), link.arrivesAt)
                links[id]?.arrivesAt = at
                plan(.arrives(id, [message], isHistory: false), in: at - now...at - now)
            }
        }
        if isMissed { dropped.insert(message.serial) }
    }

    // MARK: Long polling

    private mutating func asksPoll(_ id: LinkID) {
        guard let link = links[id], !link.isDead else { return }
        links[id]?.poll += 1
        links[id]?.position = link.position ?? memory.position()
        links[id]?.auditOfPoll = link.audit == nil ? nil : link.poll + 1
        links[id]?.auditOrder = memory.lastOrder
        plan(.pollReaches(id, poll: link.poll + 1), in: 0.01...0.5)
    }

    private mutating func pollReaches(_ id: LinkID, _ poll: Int) {
        guard let link = links[id], !link.isDead, link.poll == poll else { return }
        guard pollingPasses, pushIsUp else {
            return plan(.ended(id, LinkEnd(.closed(code: 1006, reason: ""), cause: "no answer")), in: 0...10)
        }
        let isAudit = link.auditOfPoll == poll
        let position = isAudit ? memory.position() : link.position
        if let position {
            // A slow one that others have overtaken: below what is asked from.
            dropped.formUnion(
                server.newcomers(through: position, in: link.channels, since: Self.epoch + now - 60)
                    .filter { memory.accepted[$0] == nil && !server.leftOut.contains($0) })
            let stored = server.history(after: position, in: link.channels, at: Self.epoch + now)
            if !stored.isEmpty { return plan(.pollAnswered(id, poll: poll, stored), in: 0.01...1) }
        }
        links[id]?.isRegistered = true
        let hold = !isAudit ? 40.0 : rules.auditPatience.inSeconds
        plan(.pollHeld(id, poll: poll), in: hold...hold)
    }

    private mutating func pollAnswered(_ id: LinkID, _ poll: Int, _ messages: [SimulatedServer.Message]) {
        guard let link = links[id], !link.isDead, link.poll == poll else { return }
        links[id]?.isOpen = true
        links[id]?.isRegistered = false
        send(.opened(id))
        // The audit may have been ordered while this poll was under way.
        let audit = link.auditOfPoll == poll ? link.audit : nil
        take(messages, of: links[id]?.channels ?? [], from: id, isHistory: poll == 1)
        send(.proven(id))
        if let audit {
            links[id]?.audit = nil
            send(
                .audited(
                    audit,
                    memory.outcome(
                        of: messages, channels: link.channels, began: link.auditOrder, judgesDepth: without != .depth)))
        }
        plan(.asksPoll(id), in: 0...0)
    }

    // MARK: Audits

    private mutating func auditReaches(_ audit: Audit) {
        let passes = audit.transport == .longPolling ? pollingPasses : webSocketPasses
        guard passes, pushIsUp else { return plan(.auditEnds(audit, .failed, []), in: 0...20) }
        if !isQuiet, Double.random(in: 0..<1, using: &random) < world.refusals {
            let codes = [4010, 4029, 503, 400]
            let code = codes[Int.random(in: 0..<codes.count, using: &random)]
            return plan(.auditEnds(audit, .refused(refusal(code)), []), in: 0...1)
        }
        var answer: [SimulatedServer.Message] = []
        if let position = memory.position() {
            answer = server.history(after: position, in: audit.keys, at: Self.epoch + now)
        }
        plan(.auditEnds(audit, nil, answer), in: answer.isEmpty ? 5...5 : 0.01...2)
    }

    /// Without an outcome it has been answered.
    private mutating func auditEnds(
        _ audit: Audit, _ failure: AuditOutcome?, _ messages: [SimulatedServer.Message]
    ) {
        take(messages, of: audit.keys, from: nil, isHistory: false)
        let outcome =
            failure
            ?? memory.outcome(of: messages, channels: audit.keys, began: audit.order, judgesDepth: without != .depth)
        if case .gap(let lowest?) = outcome, let first = messages.first {
            gapAnswers[first.kind] = (first.channel, lowest)
        }
        if without == .hold, case .complete = outcome { memory.confirm(asOf: audit.beganAt, moment) }
        send(.audited(audit.id, outcome))
    }
}

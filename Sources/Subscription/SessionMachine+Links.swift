import Events
import PullProtocol
import Timing

/// Connections: when one is made, counts as good, is asked for a sign of life, is replaced or given up.
extension SessionMachine {
    mutating func connect(at now: Moment, _ actions: inout [SessionAction]) {
        reconnectAt = nil
        serving = open(at: now, &actions)
    }

    /// The new connection comes up beside the old one, which goes on until the new one is proven.
    mutating func openSuccessor(at now: Moment, _ actions: inout [SessionAction]) {
        reconnectAt = nil
        if let stale = successor {
            successor = nil
            close(stale, code: CloseMeaning.Own.configurationReplaced, &actions)
        }
        successor = open(at: now, &actions)
    }

    private mutating func open(at now: Moment, _ actions: inout [SessionAction]) -> Link? {
        guard let configuration else { return nil }
        guard let link = open(configuration, &actions) else {
            let cause = "configuration: the portal offers no transport that the setting allows"
            let failure = ConfigurationFailure(
                message: cause, cure: "set transport: auto", retry: .after(seconds: 600))
            configurationFailed(failure, at: now, &actions)
            return nil
        }
        return link
    }

    /// Nil if no transport that the setting allows leads there.
    mutating func open(_ configuration: PullConfiguration, _ actions: inout [SessionAction]) -> Link? {
        guard let transport = rules.transport.transport(for: configuration) else { return nil }
        let id = nextLinkID()
        actions.append(.note(.connecting(transport, channels: configuration.correlation)))
        actions.append(.open(id, transport, configuration))
        return Link(id: id, transport: transport, configuration: configuration, revision: revision)
    }

    private mutating func close(_ link: Link, code: Int, _ actions: inout [SessionAction]) {
        actions.append(.close(link.id, code: UInt16(clamping: code), reason: ""))
    }

    private mutating func change(_ id: LinkID, _ edit: (inout Link) -> Void) {
        if serving?.id == id, var link = serving {
            edit(&link)
            serving = link
        } else if successor?.id == id, var link = successor {
            edit(&link)
            successor = link
        } else if let index = retiring.firstIndex(where: { $0.id == id }) {
            edit(&retiring[index])
        }
    }

    /// A poll loop is opened by each of its answers; the first counts.
    mutating func opened(_ id: LinkID, at now: Moment) {
        change(id) { link in
            link.openedAt = link.openedAt ?? now.monotonic
            link.lastFrameAt = link.lastFrameAt ?? now.monotonic
        }
    }

    /// The connection is one that the present configuration would make.
    mutating func nowServes(_ id: LinkID) {
        let revision = revision
        change(id) { $0.revision = revision }
    }

    mutating func note(_ id: LinkID, lastFrameAt: Duration) {
        change(id) { link in
            link.lastFrameAt = lastFrameAt
            if let pingedAt = link.pingedAt, pingedAt <= lastFrameAt { link.pingedAt = nil }
        }
    }

    mutating func proven(_ id: LinkID, at now: Moment, _ actions: inout [SessionAction]) {
        change(id) { link in
            link.isProven = true
            link.openedAt = link.openedAt ?? now.monotonic
            link.lastFrameAt = link.lastFrameAt ?? now.monotonic
        }
        if serving?.id == id, let link = serving {
            wasLive = true
            if status != .live(link.transport) { actions.append(.note(.live(link.transport))) }
            change(.live(link.transport), &actions)
        } else if successor?.id == id, let link = successor {
            promote(link, at: now, &actions)
        }
    }

    private mutating func promote(_ link: Link, at now: Moment, _ actions: inout [SessionAction]) {
        if var old = serving {
            old.retiresAt = now.monotonic + rules.overlap
            retiring.append(old)
            let names = (old.configuration.correlation, link.configuration.correlation)
            actions.append(.note(.rotated(from: names.0, to: names.1)))
        }
        serving = link
        successor = nil
        wasLive = true
        change(.live(link.transport), &actions)
    }

    mutating func ended(_ id: LinkID, _ end: LinkEnd, at now: Moment, _ actions: inout [SessionAction]) {
        guard let link = links.first(where: { $0.id == id }) else { return }
        let wasSuccessor = successor?.id == id
        forget(id)
        if link.retiresAt != nil {
            // The old ids may be refused at any time. But what broke for another reason may not have brought everything.
            let isRefused = end.verdict(link.configuration, repeats: 0).action == .refetch
            leftoverEnded(id, isRefused: isRefused, at: now)
            if !link.isCatchingUp, !isRefused { leaveOver(link.configuration, at: now) }
            return
        }
        if let openedAt = link.openedAt, link.isProven, now.monotonic - openedAt >= rules.recovery {
            connectionBackoff.reset()
            lastEndCode = nil
        }
        if !wasSuccessor, link.isProven, link.revision != revision { leaveOver(link.configuration, at: now) }
        // With a successor on its way the loss of the old connection needs nothing more.
        if !wasSuccessor, let next = successor {
            serving = next
            successor = nil
            change(.waiting(end.cause), &actions)
            return
        }
        retry(after: end, of: link, at: now, &actions)
        if serving == nil { change(.waiting(end.cause), &actions) }
    }

    private mutating func retry(
        after end: LinkEnd, of link: Link, at now: Moment, _ actions: inout [SessionAction]
    ) {
        let first = end.verdict(link.configuration, repeats: 0)
        repeatedEnds = first.code == lastEndCode ? repeatedEnds + 1 : 0
        lastEndCode = first.code
        let verdict = end.verdict(link.configuration, repeats: repeatedEnds)
        let scheduled = connectionBackoff.next(using: &random).inSeconds
        let own = verdict.delay.map { draw($0) }
        var wait = verdict.obeysSchedule ? max(scheduled, own ?? 0) : own ?? scheduled
        var asksFirst = verdict.action == .refetch
        if asksFirst {
            let patience = earliestFetchAt.map { ($0 - now.monotonic).inSeconds } ?? 0
            // A portal that wants to be left alone for longer does not keep from trying: the old ids may still be good.
            if patience > 60 { asksFirst = false } else { wait = max(wait, patience) }
            awaitsConfiguration = true
        }
        actions.append(.note(.lost(end, retryIn: wait, alarm: verdict.alarm)))
        if asksFirst {
            requestFetch(.refused, in: wait...wait, at: now)
            // Should the portal not answer, the same holds.
            reconnectAt = now.monotonic + .seconds(wait + 60)
        } else {
            let failures = connectionBackoff.failures
            if failures >= 3 && (failures - 3) % 5 == 0 { requestFetch(.failing, in: wait...wait, at: now) }
            reconnectAt = now.monotonic + .seconds(wait)
        }
    }

    // MARK: Time

    func linkDeadlines(_ link: Link) -> [Duration] {
        var times = [link.retiresAt].compactMap { $0 }
        guard let openedAt = link.openedAt else { return times }
        if !link.isProven { times.append(openedAt + rules.proof) }
        if link.transport == .webSocket, let heard = link.lastFrameAt {
            times.append(link.pingedAt.map { $0 + rules.pongLimit } ?? heard + rules.pingInterval)
        }
        return times
    }

    mutating func dueLinks(at now: Moment, _ actions: inout [SessionAction]) {
        for link in links {
            if let retiresAt = link.retiresAt, retiresAt <= now.monotonic {
                forget(link.id)
                if link.isProven { leftoverFetched(link.id) } else { leftoverEnded(link.id, isRefused: false, at: now) }
                close(link, code: CloseMeaning.Own.configurationReplaced, &actions)
                actions.append(.note(.retired))
                continue
            }
            guard let openedAt = link.openedAt, !link.isProven else { continue }
            if openedAt + rules.proof <= now.monotonic { proven(link.id, at: now, &actions) }
        }
        if let due = reconnectAt, due <= now.monotonic, !isFetching {
            if serving == nil {
                connect(at: now, &actions)
            } else if successor == nil {
                openSuccessor(at: now, &actions)
            }
        }
    }

    mutating func judgeSilence(at now: Moment, _ actions: inout [SessionAction]) {
        for link in links where link.transport == .webSocket { listen(to: link, at: now, &actions) }
    }

    private mutating func listen(to link: Link, at now: Moment, _ actions: inout [SessionAction]) {
        guard let heard = link.lastFrameAt else { return }
        let silence = now.monotonic - heard
        let isUnanswered = link.pingedAt.map { now.monotonic - $0 >= rules.pongLimit } ?? false
        if isUnanswered || silence >= rules.idleLimit {
            actions.append(.note(.stuck(silentFor: silence)))
            close(link, code: CloseMeaning.Own.stuck, &actions)
            ended(
                link.id, LinkEnd(.closed(code: 1006, reason: ""), cause: "the server was silent"), at: now, &actions)
        } else if link.pingedAt == nil && silence >= rules.pingInterval {
            change(link.id) { $0.pingedAt = now.monotonic }
            actions.append(.ping(link.id))
        }
    }
}

extension PullConfiguration {
    /// Tells sets of channels apart in logs, without naming them.
    var correlation: String {
        channels.map { "\($0.kind):\($0.id.correlation)" }.joined(separator: " ")
    }
}

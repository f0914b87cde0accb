import Events
import PullProtocol
import Timing

/// Connections: how one is made, serves, is replaced, ends.
extension SessionMachine {
    mutating func connect(at now: Moment, _ actions: inout [SessionAction]) {
        reconnectAt = nil
        serving = open(at: now, &actions)
    }

    /// The new connection comes up beside the old one, which goes on until the new one is proven.
    mutating func openSuccessor(at now: Moment, _ actions: inout [SessionAction]) {
        reconnectAt = nil
        dropSuccessor(&actions)
        successor = open(at: now, &actions)
    }

    mutating func dropSuccessor(_ actions: inout [SessionAction]) {
        guard let stale = successor else { return }
        successor = nil
        close(stale, code: CloseMeaning.Own.configurationReplaced, &actions)
    }

    private mutating func open(at now: Moment, _ actions: inout [SessionAction]) -> Link? {
        guard let configuration else { return nil }
        guard let transport = transport(for: configuration) else {
            let cause = "configuration: the portal offers no transport that the setting allows"
            let failure = ConfigurationFailure(
                message: cause, cure: "set transport: auto", retry: .after(seconds: 600))
            configurationFailed(failure, at: now, &actions)
            return nil
        }
        return open(configuration, via: transport, &actions)
    }

    mutating func open(
        _ configuration: PullConfiguration, via transport: PushTransport, _ actions: inout [SessionAction]
    ) -> Link {
        let id = nextLinkID()
        actions.append(.note(.connecting(transport, channels: configuration.correlation)))
        actions.append(.open(id, transport, configuration))
        return Link(id: id, transport: transport, configuration: configuration, revision: revision)
    }

    func close(_ link: Link, code: Int, _ actions: inout [SessionAction]) {
        actions.append(.close(link.id, code: UInt16(clamping: code), reason: ""))
    }

    mutating func closeRetired(_ link: Link, _ actions: inout [SessionAction]) {
        forget(link.id)
        close(link, code: CloseMeaning.Own.configurationReplaced, &actions)
        actions.append(.note(.retired))
    }

    mutating func change(_ id: LinkID, _ edit: (inout Link) -> Void) {
        if serving?.id == id, var link = serving {
            edit(&link)
            serving = link
        } else if successor?.id == id, var link = successor {
            edit(&link)
            successor = link
        } else if trial?.id == id, var link = trial {
            edit(&link)
            trial = link
        } else if let index = retiring.firstIndex(where: { $0.id == id }) {
            edit(&retiring[index])
        }
    }

    /// A poll loop is opened by each of its answers; the first counts.
    mutating func opened(_ id: LinkID, at now: Moment) {
        if links.contains(where: { $0.id == id }) { mayMissMessages = true }
        change(id) { link in
            link.openedAt = link.openedAt ?? now.monotonic
            link.lastBytesAt = link.lastBytesAt ?? now.monotonic
        }
    }

    /// The connection is one that the present configuration would make.
    mutating func nowServes(_ id: LinkID) {
        let revision = revision
        change(id) { $0.revision = revision }
    }

    mutating func note(_ id: LinkID, lastBytesAt: Duration, serverPings: UInt64, at now: Moment) {
        guard let before = links.first(where: { $0.id == id }) else { return }
        change(id) { link in
            link.lastBytesAt = lastBytesAt
            link.serverPings = max(link.serverPings, serverPings)
            if let pingedAt = link.pingedAt, pingedAt <= lastBytesAt { link.pingedAt = nil }
        }
        if before.isProven, lastBytesAt > before.lastBytesAt ?? .zero { noteContact(lastBytesAt: lastBytesAt, at: now) }
        // From version 5 on the pings are text, come every few seconds, and nothing is known to be dropped after them.
        if serverPings > before.serverPings, before.configuration.version < 5 {
            planAudit(in: rules.auditAfterPing, at: now)
        }
    }

    mutating func proven(_ id: LinkID, at now: Moment, _ actions: inout [SessionAction]) {
        guard let before = links.first(where: { $0.id == id }) else { return }
        change(id) { link in
            link.isProven = true
            link.openedAt = link.openedAt ?? now.monotonic
            link.lastBytesAt = link.lastBytesAt ?? now.monotonic
        }
        noteReturn(at: now)
        if before.transport == .webSocket, !before.isProven { webSocketWorked() }
        if serving?.id == id, let link = serving {
            if !before.isProven { cameUp(link, at: now, &actions) }
        } else if successor?.id == id, let link = successor {
            promote(link, at: now, &actions)
        }
    }

    /// The connection that serves has been proven.
    mutating func cameUp(_ link: Link, at now: Moment, _ actions: inout [SessionAction]) {
        mayMissMessages = true
        if link.transport == .webSocket { unblock(&actions) }
        if status != .live(link.transport) { actions.append(.note(.live(link.transport))) }
        change(.live(link.transport), &actions)
        planAudit(in: rules.auditAfterConnect, at: now)
    }

    private mutating func promote(_ link: Link, at now: Moment, _ actions: inout [SessionAction]) {
        if var old = serving {
            auditLost(with: old.id, at: now, &actions)
            if keepForOverlap(old.configuration, at: now) {
                // By then the last audit has been made, or it cannot be.
                old.closesAt = now.monotonic + rules.overlap * 2
                retiring.append(old)
            } else {
                close(old, code: CloseMeaning.Own.configurationReplaced, &actions)
            }
            let names = (old.configuration.correlation, link.configuration.correlation)
            actions.append(.note(.rotated(from: names.0, to: names.1)))
        }
        serving = link
        successor = nil
        cameUp(link, at: now, &actions)
    }

    mutating func ended(_ id: LinkID, _ end: LinkEnd, at now: Moment, _ actions: inout [SessionAction]) {
        guard let link = links.first(where: { $0.id == id }) else { return }
        let wasServing = serving?.id == id
        let wasTrial = trial?.id == id
        forget(id)
        auditLost(with: id, at: now, &actions)
        if link.closesAt != nil { return formerLinkEnded(link.configuration, at: now) }
        if wasTrial { return trialEnded(at: now) }
        if let openedAt = link.openedAt, link.isProven, now.monotonic - openedAt >= rules.recovery {
            connectionBackoff.reset()
            lastEndCode = nil
        }
        let isOtherWayNext = judgeWay(link, end.verdict(link.configuration, repeats: 0), at: now, &actions)
        // With another connection on its way the loss of this one needs nothing more.
        if wasServing, let next = successor ?? trial {
            serving = next
            successor = nil
            trial = nil
            if next.isProven { cameUp(next, at: now, &actions) } else { change(.waiting(end.cause), &actions) }
            return
        }
        retry(after: end, of: link, isOtherWayNext, at: now, &actions)
        if serving == nil { change(.waiting(end.cause), &actions) }
    }

    private mutating func retry(
        after end: LinkEnd, of link: Link, _ isOtherWayNext: Bool, at now: Moment, _ actions: inout [SessionAction]
    ) {
        let first = end.verdict(link.configuration, repeats: 0)
        repeatedEnds = first.code == lastEndCode ? repeatedEnds + 1 : 0
        lastEndCode = first.code
        let verdict = end.verdict(link.configuration, repeats: repeatedEnds)
        let scheduled = connectionBackoff.next(using: &random).inSeconds
        let own = verdict.delay.map { draw($0) }
        var wait = verdict.obeysSchedule ? max(scheduled, own ?? 0) : own ?? scheduled
        // The schedule is for what has failed, and this has not been tried yet.
        if isOtherWayNext { wait = min(wait, draw(1...5)) }
        // The other way is tried at once, by the configuration there is.
        var asksFirst = verdict.action == .refetch && !isOtherWayNext
        if asksFirst {
            let patience = earliestFetchAt(for: .refused).map { ($0 - now.monotonic).inSeconds } ?? 0
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
}

extension PullConfiguration {
    /// Tells sets of channels apart in logs, without naming them.
    var correlation: String {
        channels.map { "\($0.kind):\($0.id.correlation)" }.joined(separator: " ")
    }
}

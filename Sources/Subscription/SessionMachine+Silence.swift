import PullProtocol
import Timing

/// When a connection counts as good, is asked for a sign of life or given up, and when the next one is made.
extension SessionMachine {
    func linkDeadlines(_ link: Link) -> [Duration] {
        var times = [link.closesAt].compactMap { $0 }
        guard let openedAt = link.openedAt else { return times }
        if !link.isProven { times.append(openedAt + rules.proof) }
        if link.transport == .webSocket, let heard = link.silentSince {
            times.append(heard + idleLimit(link))
            times.append(link.pingedAt.map { $0 + rules.pongLimit } ?? heard + rules.pingInterval)
        }
        return times
    }

    private func idleLimit(_ link: Link) -> Duration {
        .seconds(IdleRule.limit(version: link.configuration.version, sawTextPing: link.serverPings > 0))
    }

    mutating func dueLinks(at now: Moment, _ actions: inout [SessionAction]) {
        for link in links {
            if let closesAt = link.closesAt, closesAt <= now.monotonic {
                closeRetired(link, &actions)
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

    /// What the server may have sent lies unread: it is not silent.
    mutating func noteUnread(_ id: LinkID, at now: Moment) {
        change(id) { link in
            link.unreadAt = now.monotonic
            link.pingedAt = nil
        }
    }

    private mutating func listen(to link: Link, at now: Moment, _ actions: inout [SessionAction]) {
        guard let heard = link.silentSince else { return }
        if link.unreadAt == now.monotonic {
            if let last = link.pongedAt, now.monotonic - last < rules.pingInterval { return }
            change(link.id) { $0.pongedAt = now.monotonic }
            actions.append(.pong(link.id))
            return
        }
        let silence = now.monotonic - heard
        let isUnanswered = link.pingedAt.map { now.monotonic - $0 >= rules.pongLimit } ?? false
        if isUnanswered || silence >= idleLimit(link) {
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

extension SessionMachine.Link {
    fileprivate var silentSince: Duration? {
        guard let lastBytesAt, let unreadAt else { return lastBytesAt }
        return max(lastBytesAt, unreadAt)
    }
}

import PullProtocol
import Secrets
import Timing

/// When the configuration is asked for, and what its answer changes.
extension SessionMachine {
    /// Plans a request; an earlier plan stands. One that is under way serves for this reason too.
    mutating func requestFetch(_ reason: RefreshReason, in delay: ClosedRange<Double>, at now: Moment) {
        let due = now.monotonic + .seconds(draw(delay))
        if let planned = fetchAt, planned <= due { return }
        fetchAt = due
        fetchReason = reason
    }

    mutating func dueFetches(at now: Moment, _ actions: inout [SessionAction]) {
        let portal = portalTime(at: now)
        guard !isFetching else { return }
        if configuration != nil {
            if let due = beforeEndAt, due <= portal {
                beforeEndAt = nil
                requestFetch(.beforeEnd, in: 0...0, at: now)
            }
            if let due = afterEndAt, due <= portal {
                afterEndAt = nil
                // It has times of its own, so that it does not wait with what is asked for too often.
                fetchAt = now.monotonic
                fetchReason = .afterEnd
            }
            if let due = regularAt, due <= now.monotonic {
                regularAt = nil
                requestFetch(.regular, in: 0...0, at: now)
            }
        }
        guard let due = fetchAt, due <= now.monotonic else { return }
        if let earliest = earliestFetchAt(for: fetchReason), now.monotonic < earliest {
            fetchAt = earliest
            return
        }
        fetchAt = nil
        lastFetchAt = now.monotonic
        isFetching = true
        actions.append(.note(.askingForConfiguration(reason: fetchReason)))
        actions.append(.fetchConfiguration)
    }

    /// Requests are not made one upon another, and after a failure not before the wait that it demands.
    func earliestFetchAt(for reason: RefreshReason) -> Duration? {
        if let refusedUntil { return refusedUntil }
        let interval =
            fruitless >= 3 && reason != .afterEnd ? rules.fruitlessRefreshInterval : rules.minimumRefreshInterval
        return lastFetchAt.map { $0 + .seconds(interval) }
    }

    mutating func configured(
        _ new: PullConfiguration, skew: Double, at now: Moment, _ actions: inout [SessionAction]
    ) {
        isFetching = false
        refusedUntil = nil
        restBackoff.reset()
        self.skew = skew
        isClockInDoubt = false
        let old = configuration
        let isChanged = old.map { !$0.makesSameConnections(as: new) } ?? true
        // These follow times of their own.
        let wasPlanned = [.start, .beforeEnd, .afterEnd, .regular].contains(fetchReason)
        fruitless = isChanged || wasPlanned ? 0 : fruitless + 1
        configuration = new
        if isChanged {
            revision += 1
            settleFormers(after: old, at: now, &actions)
            settleLooksCut(of: old, &actions)
            resetAudits()
            dropTrial(at: now, &actions)
        }
        actions.append(.note(.configured(new, isChanged: isChanged)))
        planRefreshes(after: old, at: now)
        settleExpired(at: now)
        // An attempt that is planned by the schedule alone is not brought forward by an answer that changes nothing.
        let mayConnect = isChanged || awaitsConfiguration || reconnectAt == nil
        awaitsConfiguration = false
        if let serving, serving.configuration.makesSameConnections(as: new) {
            reconnectAt = nil
            dropSuccessor(&actions)
            nowServes(serving.id)
        } else if let latest = successor ?? serving {
            if latest.configuration.makesSameConnections(as: new) {
                reconnectAt = nil
                nowServes(latest.id)
            } else if mayConnect {
                openSuccessor(at: now, &actions)
            }
        } else if mayConnect {
            connect(at: now, &actions)
        }
    }

    private mutating func planRefreshes(after old: PullConfiguration?, at now: Moment) {
        guard let new = configuration else { return }
        let portal = portalTime(at: now)
        let end = Double(new.earliestEnd)
        if end <= portal {
            // Also where every answer names another moment in the past, as with a token that is signed anew each time.
            let wait = rules.repeatsAfterEnd[min(repeatsSinceEnd, rules.repeatsAfterEnd.count - 1)]
            repeatsSinceEnd += 1
            beforeEndAt = nil
            afterEndAt = portal + wait
        } else if old?.earliestEnd != new.earliestEnd || afterEndAt == nil || repeatsSinceEnd > 0 {
            // The plan for an end that is ahead stands, unless a wrong clock has taken the end for past meanwhile.
            repeatsSinceEnd = 0
            // Not all portals at the same moment.
            let before = end - rules.refreshMargin * draw(0.75...1)
            // This answer is itself one of the last minutes before the end: no further one is needed.
            beforeEndAt = before > portal ? before : nil
            afterEndAt = end + draw(rules.refreshAfterEnd)
        }
        regularAt = now.monotonic + .seconds(rules.regularRefresh * draw(0.9...1.1))
    }

    /// Ids that were said to have ended and are still handed out: the portal may write its table after the message.
    private mutating func settleExpired(at now: Moment) {
        guard let configuration else { return }
        expiredIDs = expiredIDs.filter { id in
            configuration.channels.contains { $0.id.matches(id) }
        }
        guard !expiredIDs.isEmpty else {
            repeatsSinceExpire = 0
            return
        }
        guard repeatsSinceExpire < ServiceCommand.repetitions.count else {
            expiredIDs = []
            return
        }
        let wait = ServiceCommand.repetitions[repeatsSinceExpire]
        repeatsSinceExpire += 1
        requestFetch(.expired, in: wait...wait, at: now)
    }

    mutating func configurationFailed(
        _ failure: ConfigurationFailure, at now: Moment, _ actions: inout [SessionAction]
    ) {
        isFetching = false
        let wait: Double
        switch failure.retry {
        case .schedule(let schedule):
            if schedule != restSchedule {
                restSchedule = schedule
                restBackoff = .of(schedule)
            }
            wait = restBackoff.next(using: &random).inSeconds
        case .after(let seconds): wait = seconds * draw(1...1.1)
        }
        fetchAt = now.monotonic + .seconds(wait)
        refusedUntil = fetchAt
        actions.append(.note(.noConfiguration(failure, retryIn: wait)))
        if serving?.isProven != true { change(.waiting(failure.message), &actions) }
    }

    /// Service commands can be forged: the most they can do is to have the configuration asked for, not too often.
    mutating func obey(_ command: ServiceCommand, at now: Moment, _ actions: inout [SessionAction]) {
        actions.append(.note(.serviceCommand(command)))
        if case .channelExpire(let id?, let sentAt?) = command { noteReplacement(of: id, at: sentAt, &actions) }
        let former = formers.map(\.configuration) + links.map(\.configuration)
        let effect = command.effect(
            current: configuration?.channels.map(\.id) ?? [], former: former.flatMap { $0.channels.map(\.id) })
        guard case .refetch(let after, let isLimited) = effect else { return }
        var reason = RefreshReason.broadcast
        if case .channelExpire(let id, _) = command {
            reason = .expired
            if let id, !isLimited {
                repeatsSinceExpire = 0
                expiredIDs.insert(id)
                // The answer that is under way tells whether it has come too late.
                if isFetching { return }
            }
        }
        if fetchAt != nil, fetchReason == reason { return }
        var wait = draw(after)
        if isLimited {
            if let limitedUntil { wait = max(wait, (limitedUntil - now.monotonic).inSeconds) }
            limitedUntil = now.monotonic + .seconds(wait + rules.fruitlessRefreshInterval)
        }
        requestFetch(reason, in: wait...wait, at: now)
    }
}

extension Backoff {
    fileprivate static func of(_ schedule: RESTPolicy.Schedule) -> Backoff {
        switch schedule {
        case .rest: .rest
        case .queryLimit: .queryLimit
        case .serverFault: .serverFault
        }
    }
}

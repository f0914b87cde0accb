import PullProtocol
import Timing

/// Long polling where WebSocket does not get through, and back. The way back is a WebSocket on trial beside the poll loop:
/// its failure costs nothing.
extension SessionMachine {
    struct Fallback: Sendable {
        /// Failures in a row that look as if something on the way stopped WebSocket.
        var failures = 0
        var isBlocked = false
        /// Long polling did not work either: the next connection is a WebSocket again, and so on in turn.
        var isTurnOfWebSocket = false
        var webSocketHasWorked = false
        var trials = 0
        var trialAt: Duration?
    }

    /// By which way the next connection is made.
    func transport(for configuration: PullConfiguration) -> PushTransport? {
        rules.transport.transport(
            for: configuration, webSocketIsBlocked: fallback.isBlocked && !fallback.isTurnOfWebSocket)
    }

    /// A connection that served, or was to serve, has ended. True: the other way is to be tried at once.
    mutating func judgeWay(
        _ link: Link, _ verdict: Verdict, at now: Moment, _ actions: inout [SessionAction]
    ) -> Bool {
        if fallback.isBlocked {
            fallback.isTurnOfWebSocket = link.transport == .longPolling && !link.isProven
            return false
        }
        guard link.transport == .webSocket else { return false }
        if verdict.action == .fallBackToPolling { return block(link, at: now, &actions) }
        let isEarly = !link.isProven && (link.openedAt.map { now.monotonic - $0 <= rules.blockedWindow } ?? true)
        fallback.failures = isEarly && verdict.countsAsBlocked ? fallback.failures + 1 : 0
        return fallback.failures >= rules.blockedAttempts && block(link, at: now, &actions)
    }

    private mutating func block(_ link: Link, at now: Moment, _ actions: inout [SessionAction]) -> Bool {
        let other = rules.transport.transport(for: configuration ?? link.configuration, webSocketIsBlocked: true)
        guard other == .longPolling else { return false }
        fallback.isBlocked = true
        fallback.isTurnOfWebSocket = false
        fallback.trials = 0
        planTrial(at: now)
        actions.append(.note(.webSocketBlocked))
        return true
    }

    /// A WebSocket has been proven, whatever for.
    mutating func webSocketWorked() {
        fallback.webSocketHasWorked = true
        fallback.failures = 0
    }

    mutating func unblock(_ actions: inout [SessionAction]) {
        guard fallback.isBlocked else { return }
        let hasWorked = fallback.webSocketHasWorked
        fallback = Fallback()
        fallback.webSocketHasWorked = hasWorked
        actions.append(.note(.webSocketWorksAgain))
    }

    private mutating func planTrial(at now: Moment) {
        let steps = rules.webSocketTrials
        let step = steps.isEmpty ? rules.webSocketTrialIfNeverWorked : steps[min(fallback.trials, steps.count - 1)]
        let wait = fallback.webSocketHasWorked ? step : rules.webSocketTrialIfNeverWorked
        fallback.trialAt = now.monotonic + .seconds(draw(wait...wait * 1.05))
    }

    var trialDeadline: Duration? {
        if let trial { return trial.isProven ? trial.openedAt.map { $0 + rules.webSocketTrialProof } : nil }
        return mayTry ? fallback.trialAt : nil
    }

    private var mayTry: Bool {
        fallback.isBlocked && isServed && serving?.transport == .longPolling && successor == nil && trial == nil
    }

    mutating func dueTrials(at now: Moment, _ actions: inout [SessionAction]) {
        if let link = trial {
            guard link.isProven, let openedAt = link.openedAt else { return }
            if openedAt + rules.webSocketTrialProof <= now.monotonic { takeOver(link, at: now, &actions) }
        } else if mayTry, let due = fallback.trialAt, due <= now.monotonic, let configuration {
            fallback.trialAt = nil
            trial = open(configuration, via: .webSocket, &actions)
        }
    }

    private mutating func takeOver(_ link: Link, at now: Moment, _ actions: inout [SessionAction]) {
        trial = nil
        if let loop = serving {
            close(loop, code: CloseMeaning.Own.configurationReplaced, &actions)
            auditLost(with: loop.id, at: now, &actions)
        }
        serving = link
        cameUp(link, at: now, &actions)
    }

    mutating func trialEnded(at now: Moment) {
        fallback.trials += 1
        planTrial(at: now)
    }

    /// There are other channels.
    mutating func dropTrial(at now: Moment, _ actions: inout [SessionAction]) {
        guard let link = trial else { return }
        trial = nil
        close(link, code: CloseMeaning.Own.configurationReplaced, &actions)
        fallback.trialAt = now.monotonic + .seconds(draw(60...120))
    }
}

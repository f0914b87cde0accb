import Events
import PullProtocol
import Timing

/// Audits: when the store is asked for what no connection brought, of which channels and by which way. Push servers drop
/// messages silently: between their ping and its answer, while a connection is registered, where messages overtake each
/// other. One audit at a time.
extension SessionMachine {
    struct Audits: Sendable {
        enum Subject: Sendable, Equatable {
            /// The channels of the configuration with that revision.
            case present(revision: Int)
            case former(Int)
        }

        struct Running: Sendable {
            var id: AuditID
            var subject: Subject
            /// An index into the configuration's channels; nil: all of them.
            var channel: Int?
            /// That channel's; `unknown`: several.
            var kind: ChannelKind
            var began: Duration
            var via: PushTransport
            /// The poll loop that it is part of.
            var link: LinkID?
            /// An answer that may have been cut came after it began: it says nothing of that.
            var isOvertaken = false
        }

        var running: Running?
        var lastNumber: UInt64 = 0
        /// When the next regular one of the present channels is due, but for the spacing.
        var dueAt: Duration?
        /// When the last one of the present channels began.
        var beganAt: Duration?
        var messages = 0
        /// Present channels that have to be asked each by itself, when, and when the first of them was.
        var separately: [Int] = []
        var separatelyAt = Duration.zero
        /// Those of them whose answer looked cut once.
        var looksCut: Set<Int> = []
        var roundBegan: Duration?
        /// In a row, of all channels.
        var failures = 0
        /// In a row, of the way in use.
        var failuresOfWay = 0
        var prefersWebSocket = false
        var pausedUntil: Duration?
    }

    /// Without an outcome for so long an audit counts as failed. A poll loop asks only after the poll that is under way.
    private static var limit: Duration { .seconds(150) }
    /// A channel in use is asked again after so long.
    private static var untilMoreHasCome: Duration { .seconds(1) }

    mutating func planAudit(in delay: ClosedRange<Double>, at now: Moment) {
        let due = now.monotonic + .seconds(draw(delay))
        audits.dueAt = min(audits.dueAt ?? due, due)
    }

    /// There are other channels to be audited.
    mutating func resetAudits() {
        audits.separately = []
        audits.roundBegan = nil
        audits.messages = 0
    }

    mutating func received(
        _ id: LinkID, count: Int, isHistory: Bool, at now: Moment, _ actions: inout [SessionAction]
    ) {
        guard count > 0, let link = links.first(where: { $0.id == id }) else { return }
        noteReturn(at: now)
        // Each answer to a poll is history after the one before.
        if (isHistory || link.transport == .longPolling) && HistoryDepth.ofCombined(count: count) == .askEachChannel {
            if link.revision == revision { askSeparately(at: now, &actions) }
        } else if !isHistory, audits.running?.link != id {
            audits.messages += min(count, rules.auditAfterMessages)
            if audits.messages < rules.auditAfterMessages { return }
            audits.messages = 0
            planAudit(in: 0...0, at: now)
        }
    }

    private mutating func askSeparately(at now: Moment, _ actions: inout [SessionAction]) {
        guard rules.auditsAreOn, let configuration else { return }
        audits.separately = Array(configuration.channels.indices)
        audits.separatelyAt = now.monotonic
        audits.roundBegan = nil
        audits.running?.isOvertaken = true
        actions.append(.note(.historyCut))
    }

    // MARK: Beginning

    private enum Next {
        case separate(Int)
        case former(Int)
        case regular
    }

    /// What is asked next, and when at the earliest. Beside a connection to the present channels only: without it nothing
    /// gets through, and it brings most of what an audit would.
    private var nextAudit: (due: Duration, what: Next)? {
        guard audits.running == nil, isServed else { return nil }
        var choices: [(due: Duration, what: Next)] = []
        if let channel = audits.separately.first { choices.append((audits.separatelyAt, .separate(channel))) }
        choices += formers.map { ($0.dueAt, .former($0.number)) }
        if let due = audits.dueAt {
            let spaced = audits.beganAt.map { max(due, $0 + .seconds(rules.auditSpacing)) } ?? due
            choices.append((spaced, .regular))
        }
        let first = choices.min { $0.due < $1.due }
        return first.map { (max($0.due, audits.pausedUntil ?? $0.due), $0.what) }
    }

    var auditDeadline: Duration? {
        audits.running.map { $0.began + Self.limit } ?? nextAudit?.due
    }

    mutating func dueAudits(at now: Moment, _ actions: inout [SessionAction]) {
        if let running = audits.running, running.began + Self.limit <= now.monotonic {
            audited(running.id, .failed, at: now, &actions)
        }
        guard let next = nextAudit, next.due <= now.monotonic, let configuration else { return }
        switch next.what {
        case .former(let number): auditFormer(number, at: now, &actions)
        case .separate(let channel):
            guard let transport = auditTransport(for: configuration) else {
                audits.separately = []
                return
            }
            audits.roundBegan = audits.roundBegan ?? now.monotonic
            beginAudit(
                .present(revision: revision), configuration, channel: channel, via: transport, at: now, &actions)
        case .regular: auditPresent(configuration, at: now, &actions)
        }
    }

    private mutating func auditPresent(
        _ configuration: PullConfiguration, at now: Moment, _ actions: inout [SessionAction]
    ) {
        guard let serving else { return }
        let interval = serving.transport == .longPolling ? rules.auditIntervalLongPolling : rules.auditInterval
        audits.dueAt = now.monotonic + .seconds(interval * draw(0.9...1))
        audits.messages = 0
        // nginx's push module, the server of versions 1 and 2, has no store that could be asked by message id.
        guard rules.auditsAreOn, configuration.version > 2 else {
            audits.beganAt = now.monotonic
            return confirm(asOf: now.monotonic, at: now, &actions)
        }
        let subject = Audits.Subject.present(revision: revision)
        if serving.transport == .longPolling {
            let id = begin(subject, configuration, channel: nil, via: .longPolling, link: serving.id, at: now)
            actions.append(.pollFromSafe(serving.id, id))
        } else if let transport = auditTransport(for: configuration) {
            beginAudit(subject, configuration, channel: nil, via: transport, at: now, &actions)
        }
    }

    mutating func beginAudit(
        _ subject: Audits.Subject, _ configuration: PullConfiguration, channel: Int?, via transport: PushTransport,
        at now: Moment, _ actions: inout [SessionAction]
    ) {
        let id = begin(subject, configuration, channel: channel, via: transport, link: nil, at: now)
        actions.append(.audit(id, configuration, channel: channel, via: transport))
    }

    private mutating func begin(
        _ subject: Audits.Subject, _ configuration: PullConfiguration, channel: Int?, via transport: PushTransport,
        link: LinkID?, at now: Moment
    ) -> AuditID {
        audits.lastNumber += 1
        let id = AuditID(number: audits.lastNumber)
        let index = channel ?? (configuration.channels.count == 1 ? 0 : nil)
        let kind = index.flatMap { configuration.channels.indices.contains($0) ? configuration.channels[$0].kind : nil }
        audits.running = Audits.Running(
            id: id, subject: subject, channel: channel, kind: kind ?? .unknown, began: now.monotonic, via: transport,
            link: link)
        if case .present = subject { audits.beganAt = now.monotonic }
        return id
    }

    /// Long polling, which is one request; a second WebSocket where that is not to be had or does not get through.
    func auditTransport(for configuration: PullConfiguration) -> PushTransport? {
        let byPolling = TransportChoice.longPollingOnly.transport(for: configuration)
        let byWebSocket = TransportChoice.webSocketOnly.transport(for: configuration)
        return switch rules.transport {
        case .longPollingOnly: byPolling
        case .webSocketOnly: byWebSocket
        case .automatic: audits.prefersWebSocket ? byWebSocket ?? byPolling : byPolling ?? byWebSocket
        }
    }

    // MARK: Outcomes

    /// Of the loop that is gone nothing will be heard.
    mutating func auditLost(with link: LinkID, at now: Moment, _ actions: inout [SessionAction]) {
        guard let running = audits.running, running.link == link else { return }
        audits.running = nil
        planAudit(in: 0...0, at: now)
    }

    mutating func audited(
        _ id: AuditID, _ outcome: AuditOutcome, at now: Moment, _ actions: inout [SessionAction]
    ) {
        guard let audit = audits.running, audit.id == id else { return }
        audits.running = nil
        switch outcome {
        case .complete, .cut, .gap:
            audits.failures = 0
            audits.failuresOfWay = 0
            noteReturn(at: now)
        case .refused(let verdict) where verdict.code == 429 || verdict.code == 4029:
            let pause = rules.auditRefusedPause
            audits.pausedUntil = now.monotonic + .seconds(pause)
            actions.append(.note(.auditsPaused(code: verdict.code, seconds: pause)))
            settleLooksCut(of: configuration, &actions)
            if case .present = audit.subject, audit.channel == nil { planAudit(in: 0...0, at: now) }
            return
        case .refused, .failed:
            audits.failures += 1
            if audit.link == nil { changeWay() }
            settleLooksCut(of: configuration, &actions)
        }
        if outcome.isGap(ofOne: audit.channel != nil) {
            if isAskedAgain(audit, at: now) { return }
            // Also of channels that have been replaced in the meantime: it is found only once.
            record(SessionGap(reason: .historyLimit, channel: audit.kind), &actions)
        }
        switch audit.subject {
        case .former(let number): audited(former: number, audit, outcome, at: now, &actions)
        case .present(let revision):
            // Of channels that have become former ones meanwhile there will be an audit as such.
            if revision == self.revision { audited(present: audit, outcome, at: now, &actions) }
        }
    }

    /// Where all that there is makes a round number, an answer looks like one that is cut. Once more has come it does not any
    /// more, while one that is cut stays as it is: a channel in use is asked twice.
    private mutating func isAskedAgain(_ audit: Audits.Running, at now: Moment) -> Bool {
        guard let channel = audit.channel, audit.subject == .present(revision: revision) else { return false }
        guard audits.looksCut.remove(channel) == nil else { return false }
        audits.looksCut.insert(channel)
        audits.separatelyAt = now.monotonic + Self.untilMoreHasCome
        return true
    }

    /// They are not asked again soon: what looked cut counts as cut.
    mutating func settleLooksCut(of configuration: PullConfiguration?, _ actions: inout [SessionAction]) {
        let channels = configuration?.channels ?? []
        for index in audits.looksCut.sorted() where channels.indices.contains(index) {
            record(SessionGap(reason: .historyLimit, channel: channels[index].kind), &actions)
        }
        audits.looksCut = []
    }

    /// After two failures in a row the other way is tried.
    private mutating func changeWay() {
        audits.failuresOfWay += 1
        guard audits.failuresOfWay >= 2 else { return }
        audits.failuresOfWay = 0
        audits.prefersWebSocket.toggle()
    }

    private mutating func audited(
        present audit: Audits.Running, _ outcome: AuditOutcome, at now: Moment, _ actions: inout [SessionAction]
    ) {
        switch (outcome, audit.channel) {
        case (.complete, nil), (.gap, nil):
            // It covers what was to be asked separately.
            if !audit.isOvertaken {
                audits.separately = []
                audits.looksCut = []
            }
            confirm(asOf: audit.began, at: now, &actions)
        case (.cut, nil):
            askSeparately(at: now, &actions)
        case (.complete, let channel?), (.cut, let channel?), (.gap, let channel?):
            if !audit.isOvertaken { asked(channel, since: audit.began, at: now, &actions) }
        case (.refused(let verdict), _):
            // The ids may be good for the connection that there is, and for no new one.
            if verdict.action == .refetch, audits.failures == 1 {
                requestFetch(.refused, in: verdict.delay ?? 6...35, at: now)
            }
            presentFailed(audit, at: now)
        case (.failed, _):
            presentFailed(audit, at: now)
        }
    }

    private mutating func asked(
        _ channel: Int, since began: Duration, at now: Moment, _ actions: inout [SessionAction]
    ) {
        audits.separately.removeAll { $0 == channel }
        audits.looksCut.remove(channel)
        guard audits.separately.isEmpty else { return }
        confirm(asOf: audits.roundBegan ?? began, at: now, &actions)
        audits.roundBegan = nil
    }

    private mutating func presentFailed(_ audit: Audits.Running, at now: Moment) {
        let wait = rules.auditSpacing * Double(1 << min(max(audits.failures, 1) - 1, 8))
        let due = now.monotonic + .seconds(min(wait, max(rules.auditSpacing, rules.auditInterval)))
        if audit.channel == nil {
            audits.dueAt = min(audits.dueAt ?? due, due)
        } else {
            audits.separatelyAt = due
            // What was asked before may be out of date by then.
            audits.roundBegan = nil
            audits.separately = configuration.map { Array($0.channels.indices) } ?? []
        }
    }

    private func confirm(asOf began: Duration, at now: Moment, _ actions: inout [SessionAction]) {
        guard !isIncomplete(at: now) else { return }
        actions.append(.confirmPosition(asOf: began))
    }
}

extension AuditOutcome {
    /// A single channel cannot be asked in smaller parts.
    fileprivate func isGap(ofOne isSingle: Bool) -> Bool {
        switch self {
        case .gap: true
        case .cut: isSingle
        case .complete, .refused, .failed: false
        }
    }
}

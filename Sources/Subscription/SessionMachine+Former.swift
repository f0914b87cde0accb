import PullProtocol
import Timing

/// Sets of channels that were replaced. The portal never names their ids again, but what was sent to them before stays in
/// the server's store, and a sender that was at work during the change may still use them. So the connection to them is
/// kept for an overlap, where there is one, and then the store is asked for what it has of them. Until then the position
/// is held, and the next run has to know of them.
extension SessionMachine {
    struct Former: Sendable {
        let number: Int
        /// With the pauses after its channels that are not judged yet.
        var configuration: PullConfiguration
        let since: Duration
        /// Nothing is sent to them any more from then on: an audit that begins later is the last one.
        var settlesAt: Duration
        var dueAt: Duration
        /// When the first audit of this round began.
        var roundBegan: Duration?
        /// Indices of channels that have to be asked each by itself.
        var separately: [Int] = []
        var failures = 0
        var refusals = 0
    }

    /// Two channels with lives of 12 hours make four sets of ids in the time that servers keep messages; with lives of
    /// seconds this many wait for the end of their overlaps.
    private static var maximumFormers: Int { 64 }
    private static var maximumRefusals: Int { 10 }
    /// Servers keep messages for a day.
    static var retention: Double { 86_400 }

    mutating func restore(_ former: [PullConfiguration], lastContact: Double?) {
        // The first answer settles them; later they could only repeat what is known.
        guard configuration == nil else { return }
        restored = Array(former.suffix(Self.maximumFormers))
        restoreReplacements(of: restored.flatMap(\.channels))
        self.lastContact = lastContact
        mayMissMessages = mayMissMessages || !former.isEmpty || lastContact != nil
    }

    /// There is another configuration than `old`.
    mutating func settleFormers(after old: PullConfiguration?, at now: Moment, _ actions: inout [SessionAction]) {
        guard let new = configuration else { return }
        formers.removeAll { $0.configuration.makesSameConnections(as: new) }
        let earlier = restored
        restored = []
        for (index, set) in earlier.enumerated() where !set.makesSameConnections(as: new) {
            var set = set
            // The last run's present one. Of the others it knew what came next, which may have been forgotten since.
            if index == earlier.count - 1 { set.findPauses(before: new) }
            if set.latestEnd + Self.retention > portalTime(at: now) {
                addFormer(set, at: now, &actions)
            } else {
                owesRetentionGap = true
                recordPauses(of: set, &actions)
            }
        }
        if var old, mayMissMessages {
            old.findPauses(before: new)
            addFormer(old, at: now, &actions)
        }
        forgetReplacements()
    }

    private mutating func addFormer(
        _ configuration: PullConfiguration, at now: Moment, _ actions: inout [SessionAction]
    ) {
        guard !formers.contains(where: { $0.configuration.makesSameConnections(as: configuration) }) else { return }
        if formers.count == Self.maximumFormers { giveUp(formers[0], .formerChannels, &actions) }
        lastFormer += 1
        formers.append(
            Former(
                number: lastFormer, configuration: configuration, since: now.monotonic,
                settlesAt: now.monotonic + rules.overlap, dueAt: now.monotonic + .seconds(draw(0.5...3))))
        judgePauses(of: formers.count - 1, isLast: false, &actions)
    }

    /// A connection to `configuration` stays for the overlap. False: these are not former channels.
    mutating func keepForOverlap(_ configuration: PullConfiguration, at now: Moment) -> Bool {
        guard let index = formers.firstIndex(where: { $0.configuration.makesSameConnections(as: configuration) }) else {
            return false
        }
        formers[index].settlesAt = now.monotonic + rules.overlap
        formers[index].dueAt = formers[index].settlesAt
        return true
    }

    /// It broke before its time, perhaps without having brought everything.
    mutating func formerLinkEnded(_ configuration: PullConfiguration, at now: Moment) {
        guard let index = formers.firstIndex(where: { $0.configuration.makesSameConnections(as: configuration) }) else {
            return
        }
        formers[index].dueAt = min(formers[index].dueAt, now.monotonic + .seconds(draw(0.5...3)))
    }

    /// What is older than servers keep messages cannot be fetched any more.
    mutating func forgetAgedFormers(at now: Moment, _ actions: inout [SessionAction]) {
        let oldest = now.monotonic - .seconds(Self.retention)
        for former in formers where former.since <= oldest { giveUp(former, .retention, &actions) }
    }

    /// The next audit of one of them, with what it is of.
    mutating func auditFormer(_ number: Int, at now: Moment, _ actions: inout [SessionAction]) {
        guard let index = formers.firstIndex(where: { $0.number == number }) else { return }
        guard let transport = auditTransport(for: formers[index].configuration) else {
            return giveUp(formers[index], .formerChannels, &actions)
        }
        formers[index].roundBegan = formers[index].roundBegan ?? now.monotonic
        let former = formers[index]
        beginAudit(
            .former(number), former.configuration, channel: former.separately.first, via: transport, at: now, &actions)
    }

    mutating func audited(
        former number: Int, _ audit: Audits.Running, _ outcome: AuditOutcome, at now: Moment,
        _ actions: inout [SessionAction]
    ) {
        guard let index = formers.firstIndex(where: { $0.number == number }) else { return }
        switch outcome {
        case .refused(let verdict):
            if verdict.action == .refetch { formers[index].refusals += 1 }
            return formerFailed(index, at: now, &actions)
        case .failed:
            return formerFailed(index, at: now, &actions)
        case .cut where audit.channel == nil:
            // The channels that are still in use are looked after by the audits of the present configuration, and those that
            // a later set has, too, by that one's.
            let channels = formers[index].configuration.channels
            let later = formers[(index + 1)...].map(\.configuration) + [configuration].compactMap { $0 }
            let present = later.flatMap { $0.channels.map(\.id) }
            formers[index].separately = channels.indices.filter { !present.contains(channels[$0].id) }
            actions.append(.note(.historyCut))
        case .complete, .cut, .gap:
            formers[index].separately.removeAll { audit.channel == nil || $0 == audit.channel }
        }
        formers[index].failures = 0
        formers[index].dueAt = now.monotonic
        guard formers[index].separately.isEmpty else { return }
        let began = formers[index].roundBegan ?? audit.began
        formers[index].roundBegan = nil
        guard began >= formers[index].settlesAt else {
            formers[index].dueAt = formers[index].settlesAt
            return
        }
        judgePauses(of: index, isLast: true, &actions)
        let former = formers.remove(at: index)
        closeLinks(of: former, &actions)
        actions.append(.note(.formerChannelsDrained(channels: former.configuration.correlation)))
    }

    /// Once more soon while the connection is still kept for it, then after growing pauses without.
    private mutating func formerFailed(_ index: Int, at now: Moment, _ actions: inout [SessionAction]) {
        formers[index].failures += 1
        formers[index].roundBegan = nil
        let former = formers[index]
        if former.refusals >= Self.maximumRefusals { return giveUp(former, .formerChannels, &actions) }
        let isKept = retiring.contains { $0.configuration.makesSameConnections(as: former.configuration) }
        if isKept, former.failures == 1 {
            formers[index].dueAt = now.monotonic + .seconds(draw(4...6))
            return
        }
        if now.monotonic >= former.settlesAt { closeLinks(of: former, &actions) }
        let wait = 60.0 * Double(min(former.failures, 10))
        formers[index].dueAt = now.monotonic + .seconds(draw(wait...wait * 1.2))
    }

    private mutating func giveUp(_ former: Former, _ reason: GapReason, _ actions: inout [SessionAction]) {
        formers.removeAll { $0.number == former.number }
        closeLinks(of: former, &actions)
        actions.append(.note(.formerChannelsGivenUp(channels: former.configuration.correlation)))
        // After a change of the signature key the same channels go on under ids that are signed anew.
        let present = configuration?.channels.map(\.id) ?? []
        let isReplaced = former.configuration.channels.allSatisfy { channel in
            present.contains { $0.matches(channel.id.secret) }
        }
        if isReplaced { return }
        switch reason {
        case .retention: owesRetentionGap = true
        default: record(SessionGap(reason: reason, channel: .unknown), &actions)
        }
    }

    private mutating func closeLinks(of former: Former, _ actions: inout [SessionAction]) {
        for link in retiring where link.configuration.makesSameConnections(as: former.configuration) {
            closeRetired(link, &actions)
        }
    }
}

extension PullConfiguration {
    /// When nothing was sent to any of the channels any more, by the portal's clock.
    fileprivate var latestEnd: Double {
        channels.map { Double($0.end) }.max() ?? Double(earliestEnd)
    }
}

import PullProtocol
import Secrets

/// Channels that may have come and gone unknown. A channel is replaced at its first use after its end; whoever asks only a
/// whole life later may be told of the second one after it. The portal tells the subscribers of a channel when it is replaced,
/// which shows whether there was another.
///
/// ```
///   known ─────┤ end                            known ├──── start … end
///              ├──────────────── pause ───────────────┤
///                                          replaced ▲  nothing was used in between: harmless
///               ▲ replaced: by another, which lived in between and is not known
/// ```
extension SessionMachine {
    /// From the end of a channel to the beginning of the next one known of its kind, as long as a life or longer.
    struct Pause: Sendable {
        let channel: Channel
        /// When the next one began, and how long it is to live. Seconds.
        let nextStart: Double
        let life: Double

        /// Nil if there was no time for another.
        /// - Parameter later: the sets known after the channel's last, in order.
        init?(after channel: Channel, in later: [PullConfiguration]) {
            let same = later.flatMap(\.channels).filter { $0.kind == channel.kind }
            guard !same.contains(where: { $0.id.matches(channel.id.secret) }), let next = same.first,
                let start = next.start, start < next.end
            else { return nil }
            self.channel = channel
            nextStart = Double(start)
            life = Double(next.end) - nextStart
            if nextStart - Double(channel.end) < life { return nil }
        }

        /// One in between would have begun a life before the next one, and both times are those of the portal.
        func isHarmless(replacedAt time: Int64) -> Bool { abs(nextStart - Double(time)) < life / 2 }
    }

    /// Subscribers are told that their channel is replaced. The first time counts: what a later one says may be of another.
    mutating func noteReplacement(of id: Secret, at time: Int64, _ actions: inout [SessionAction]) {
        guard isKnown(id) else { return }
        replacements[id] = min(replacements[id] ?? time, time)
        for index in formers.indices { judgePauses(of: index, isLast: false, &actions) }
    }

    mutating func forgetReplacements() {
        replacements = replacements.filter { id, _ in isKnown(id) }
    }

    private func isKnown(_ id: Secret) -> Bool {
        let known = formers.map(\.configuration) + [configuration].compactMap { $0 }
        return known.contains { $0.channels.contains { $0.id.matches(id) } }
    }

    /// What tells that there was another is believed at once; that there was none, or nothing at all, only when all that the
    /// former channels hold has come: the first to be told may come last.
    mutating func judgePauses(of index: Int, isLast: Bool, _ actions: inout [SessionAction]) {
        var undecided: [Pause] = []
        for pause in formers[index].pauses {
            let told = replacements.first { pause.channel.id.matches($0.key) }?.value
            let isHarmless = told.map(pause.isHarmless)
            if isHarmless == false || isHarmless == nil && isLast {
                recordPauses([pause], &actions)
            } else if !isLast {
                undecided.append(pause)
            }
        }
        formers[index].pauses = undecided
    }

    func recordPauses(_ pauses: [Pause], _ actions: inout [SessionAction]) {
        for pause in pauses { record(SessionGap(reason: .formerChannels, channel: pause.channel.kind), &actions) }
    }
}

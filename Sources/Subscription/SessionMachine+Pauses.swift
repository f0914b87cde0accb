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
        for number in formers[index].configuration.channels.indices {
            let channel = formers[index].configuration.channels[number]
            guard let pause = channel.pause else { continue }
            let isHarmless = told(of: channel.id).map(pause.isHarmless)
            if isHarmless == false || isHarmless == nil && isLast {
                recordPause(after: channel, &actions)
            } else if !isLast {
                continue
            }
            formers[index].configuration.channels[number].pause = nil
        }
    }

    /// Of channels that are not asked any more: nothing more will be told.
    func recordPauses(of set: PullConfiguration, _ actions: inout [SessionAction]) {
        for channel in set.channels {
            guard let pause = channel.pause, told(of: channel.id).map(pause.isHarmless) != true else { continue }
            recordPause(after: channel, &actions)
        }
    }

    private func recordPause(after channel: Channel, _ actions: inout [SessionAction]) {
        record(SessionGap(reason: .formerChannels, channel: channel.kind), &actions)
    }

    private func told(of id: ChannelID) -> Int64? {
        replacements.filter { id.matches($0.key) }.values.min()
    }

    // MARK: Over a restart

    /// With what its subscribers were told: a message that is known does not tell it again.
    func withReplacements(_ configuration: PullConfiguration) -> PullConfiguration {
        if replacements.isEmpty { return configuration }
        var configuration = configuration
        for index in configuration.channels.indices {
            configuration.channels[index].replacedAt = told(of: configuration.channels[index].id)
        }
        return configuration
    }

    mutating func restoreReplacements(of channels: [Channel]) {
        for channel in channels {
            if let time = channel.replacedAt {
                replacements[channel.id.secret] = min(told(of: channel.id) ?? time, time)
            }
        }
    }
}

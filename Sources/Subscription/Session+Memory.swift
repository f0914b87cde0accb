import Events
import Journal
import PullProtocol

/// What a session knows of earlier runs, and leaves to later ones.
extension Session {
    /// A set of channels as it stands in the journal.
    struct StoredSet {
        var configuration: PullConfiguration
        var isCurrent: Bool
        /// Unix seconds.
        var since: Double
    }

    /// Reads the disk. The sets of channels of earlier runs, the last current one at the end, and when the push server was
    /// last heard of.
    func restore() throws(JournalError) -> (former: [PullConfiguration], lastContact: Double?) {
        let record = try journal.record(of: options.name)
        var marks: [SeenMark] = []
        var through: MessageID?
        let known = record.positions.filter { $0.newest != nil }
        if !known.isEmpty {
            let safe = known.map { $0.safe ?? .zero }.min() ?? .zero
            marks = try journal.seen(above: safe, portal: options.name, limit: SeenSet.limit)
            let isCut = marks.count >= SeenSet.limit
            through = isCut ? marks.compactMap(\.id).min() : safe
        }
        let now = time.now().monotonic
        for server in intake.restore(record, marks: marks, through: through, at: now) {
            logger.error("a stored position cannot be used: it counts as none", metadata: ["server": "\(server)"])
        }
        feed.contactStoredAt = record.lastContact
        newestAtLoss = known.compactMap(\.newest).max()
        storedSets = []
        for channels in record.channels.sorted(by: {
            ($0.isCurrent ? 1 : 0, $0.since) < ($1.isCurrent ? 1 : 0, $1.since)
        }) {
            guard let configuration = StoredConfiguration.decode(channels.content) else {
                logger.error("a stored set of channels cannot be read: it is left out")
                continue
            }
            let server = configuration.pushServer
            let newest = known.first { $0.server == server }?.newest
            reach.heard(server, channels: configuration.channels, newest: newest)
            for (index, limit) in StoredConfiguration.doubts(channels.content) {
                guard configuration.channels.indices.contains(index) else { continue }
                reach.restore(server, configuration.channels[index], limit: limit)
            }
            storedSets.append(
                StoredSet(configuration: configuration, isCurrent: channels.isCurrent, since: channels.since))
        }
        reach.isChanged = false
        return (storedSets.map(\.configuration), record.lastContact)
    }

    /// The present set and the former ones take the place of those stored.
    func remember(current: PullConfiguration, former: [PullConfiguration]) {
        let now = time.now().wall
        let before = storedSets
        let sets = former.map { ($0, false) } + [(current, true)]
        storedSets = sets.map { configuration, isCurrent in
            let known = before.first {
                $0.isCurrent == isCurrent && $0.configuration.makesSameConnections(as: configuration)
            }
            return StoredSet(configuration: configuration, isCurrent: isCurrent, since: known?.since ?? now)
        }
        var entry = JournalEntry(portal: options.name)
        entry.channels = encodedSets()
        appendLater(entry)
    }

    private func encodedSets() -> [StoredChannels] {
        storedSets.map { set in
            let server = set.configuration.pushServer
            let content = StoredConfiguration.encode(set.configuration) { reach.limit(server, $0) }
            return StoredChannels(isCurrent: set.isCurrent, since: set.since, content: content)
        }
    }

    /// What the answers have to reach back to belongs to what they have brought: lost between the two, a cut answer would
    /// pass for a whole one after a restart.
    func storeDoubts(in entry: inout JournalEntry?) {
        guard reach.isChanged else { return }
        reach.isChanged = false
        if entry == nil { entry = JournalEntry(portal: options.name) }
        entry?.channels = encodedSets()
    }

    /// The same when nothing was received.
    func storeDoubts() {
        var entry: JournalEntry?
        storeDoubts(in: &entry)
        appendLater(entry)
    }

    /// Messages are gone for good.
    func record(_ gap: SessionGap) {
        let bounds: HistoryReach.Bounds =
            switch gap.reason {
            case .historyLimit: reach.takeGap(gap.channel) ?? HistoryReach.Bounds()
            // Ids that never came to be known began after all that was received; those refused now may have had more.
            case .formerChannels where gap.channel == .unknown:
                HistoryReach.Bounds(after: intake.positions.safe.flatMap { $0 == .zero ? nil : $0 })
            case .formerChannels, .retention, .serverStoreLost: HistoryReach.Bounds(after: newestAtLoss)
            }
        log(gap, bounds)
        var entry: JournalEntry? = intake.gap(gap, bounds, receivedAt: Int64(time.now().wall * 1_000_000))
        storeDoubts(in: &entry)
        appendLater(entry)
    }
}

import Events
import Journal
import PullProtocol
import Timing

/// From what is received to the journal.
extension Session {
    /// Where a received unit belongs.
    struct Source {
        /// Nil: an audit's.
        var link: LinkID?
        var configuration: PullConfiguration
        /// One of the configuration's channels, when only that was asked for.
        var channel: Channel?
        /// It answers a position.
        var isHistory = false
        /// It is the first one of a connection that asked with a position.
        var isFirst = false
        var isTruncated = false

        var decoder: UnitDecoder { UnitDecoder(mode: configuration.payloadMode) }
        var channels: [Channel] { channel.map { [$0] } ?? configuration.channels }
        /// The channel that everything came through, when it can be only one.
        var onlyChannel: ChannelKind { channels.count == 1 ? channels[0].kind : .unknown }
    }

    /// Where a new connection resumes.
    func resumePosition(_ configuration: PullConfiguration) -> Position {
        intake.positions.resume(of: configuration.pushServer, wasLive: hasBeenLive)
    }

    /// How much of a unit has been taken while it came.
    struct UnitPart {
        var place = UnitPlace.beginning
        /// Nil: nothing yet.
        var outcome: Intake.Outcome?
        /// In doubt until it is known whether the answer may have been cut.
        var doubted: [Channel] = []
    }

    /// Takes the units of one turn. Returns when the journal holds what they brought; replies have gone out before.
    ///
    /// - Parameter part: of the first unit, what was taken before. The outcome is that of the whole.
    func take(
        _ bytes: [UInt8], units: [(range: Range<Int>, kind: FrameKind)], after part: UnitPart = UnitPart(),
        from source: Source
    ) async throws -> Intake.Outcome {
        if let failure = feed.failure { throw failure }
        let server = source.configuration.pushServer
        var own = intake.take(
            bytes, units: units, from: part.place, decoder: source.decoder,
            reception: reception(of: source, after: part))
        var outcome = part.outcome?.followed(by: own) ?? own
        if let link = source.link {
            for text in outcome.replies { connections[link]?.send(text: text) }
        }
        if source.isHistory {
            reach.took(
                server, channels: source.channels, count: outcome.messageCount, newCount: outcome.newCount)
            if !source.isTruncated, HistoryDepth.ofCombined(count: outcome.messageCount) == .complete {
                reach.reached(server, channels: part.doubted)
            }
        }
        reach.heard(server, channels: source.channels, newest: outcome.newest)
        logTroubles(own)
        if !own.heartbeats.isEmpty { arrived(own.heartbeats) }
        if source.link == nil { board.auditBrought(own.newCount) }
        storeDoubts(in: &own.entry)
        outcome.entry = nil
        try await put(own.entry)
        if let link = source.link {
            if outcome.messageCount > 0 {
                let isHistory = source.isFirst || (source.isHistory && outcome.messageCount >= HistoryDepth.limit)
                handle(.received(link, count: outcome.messageCount, isHistory: isHistory))
                handle(.proven(link))
            }
            acknowledgeLater(outcome.acknowledgements, link)
        }
        for command in outcome.commands { handle(.command(command)) }
        return outcome
    }

    /// Takes what is whole of a unit that is still coming. Returns how many bytes, when the journal holds what they
    /// brought.
    func takeFront(
        _ bytes: [UInt8], kind: FrameKind, after part: inout UnitPart, from source: Source
    ) async -> Int {
        let server = source.configuration.pushServer
        guard feed.failure == nil,
            let (count, taken) = intake.takeFront(
                bytes, kind: kind, from: &part.place, decoder: source.decoder,
                reception: reception(of: source, after: part, isPiece: true))
        else { return 0 }
        var outcome = taken
        board.heard(at: time.now().monotonic)
        logTroubles(outcome)
        if !outcome.heartbeats.isEmpty { arrived(outcome.heartbeats) }
        if source.link == nil { board.auditBrought(outcome.newCount) }
        if source.isHistory, outcome.newCount > 0, !reach.isUnlimited(server) {
            part.doubted += reach.doubt(server, channels: source.channels)
        }
        storeDoubts(in: &outcome.entry)
        part.outcome = part.outcome?.followed(by: outcome) ?? outcome
        part.outcome?.entry = nil
        // A journal that takes nothing any more ends the session.
        try? await put(outcome.entry)
        for command in outcome.commands { handle(.command(command)) }
        return count
    }

    private func reception(
        of source: Source, after part: UnitPart, isPiece: Bool = false
    ) -> Intake.Reception {
        let now = time.now()
        let server = source.configuration.pushServer
        return Intake.Reception(
            server: server, channel: source.onlyChannel, isTruncated: source.isTruncated,
            receivedAt: Int64(now.wall * 1_000_000), at: now.monotonic, reach: reach.limit(server, source.channel),
            isPiece: isPiece || part.outcome != nil, newestBefore: part.outcome?.newest)
    }

    // MARK: To the journal

    /// Gives `entry` and what waits to the journal, in order. Returns when they are held.
    private func put(_ entry: JournalEntry?) async throws {
        var entries = feed.waiting
        feed.waiting = []
        if var entry {
            stampContact(&entry)
            entries.append(entry)
        }
        if entries.isEmpty { return }
        if feed.isBusy {
            await withCheckedContinuation { feed.turns.append($0) }
        } else {
            feed.isBusy = true
        }
        defer {
            if feed.turns.isEmpty { feed.isBusy = false } else { feed.turns.removeFirst().resume() }
        }
        for entry in entries { try await append(entry) }
    }

    private func append(_ entry: JournalEntry) async throws {
        if let failure = feed.failure { throw failure }
        let now = time.now().monotonic
        feed.since = now
        if feed.looksAt == nil {
            feed.looksAt = now + JournalFeed.patience
            setAlarm()
        }
        // Whoever brought the entry may be stopped meanwhile. The entry is known by memory, so it has to get to the disk.
        let appending = Task { [journal] in try await journal.append(entry) }
        feed.appending = appending
        if feed.isEnding { appending.cancel() }
        defer {
            feed.appending = nil
            feed.since = nil
            feed.goOn()
        }
        do {
            try await appending.value
            if feed.isPaused { logIntake(isPaused: false) }
        } catch {
            // Memory knows this entry's messages and the disk does not: nothing that follows may be stored.
            feed.failure = error
            if let error = error as? JournalError {
                if error.code != .finished { log(error) }
                requestStop()
            }
            throw error
        }
    }

    /// An entry that no received unit brings. It goes with the next one, or soon by itself.
    func appendLater(_ entry: JournalEntry?) {
        guard let entry else { return }
        if feed.waiting.isEmpty { newJobs.yield(.flush) }
        feed.waiting.append(entry)
    }

    func flush() async {
        try? await put(nil)
    }

    /// While the journal takes nothing, each connection would bring the same again and hold it.
    nonisolated func awaitIntake(unless stop: OneShotSignal) async {
        while !stop.isFired, !Task.isCancelled, let resumption = await feed.resumption {
            _ = await stop.unlessFired { await resumption.wait() }
        }
    }

    /// After everything has ended: what is still waiting, if the journal takes it soon.
    func flushLast() async {
        feed.isEnding = false
        if feed.waiting.isEmpty { return }
        await withTaskGroup { group in
            group.addTask { await self.flush() }
            group.addTask { try? await Task.sleep(for: JournalFeed.patience) }
            await group.next()
            feed.isEnding = true
            group.cancelAll()
        }
    }

    /// Whether the journal has been keeping an entry waiting, once a second while there are any.
    func lookAtFeed(at now: Duration) {
        guard let looksAt = feed.looksAt, looksAt <= now else { return }
        guard let since = feed.since else {
            feed.looksAt = nil
            return
        }
        feed.looksAt = now + JournalFeed.patience
        if now - since >= JournalFeed.patience, !feed.isPaused {
            feed.pause()
            logIntake(isPaused: true)
        }
    }

    // MARK: Contact

    /// While live, now and then.
    func noteContact() {
        let now = time.now().wall
        if let last = feed.contactStoredAt, abs(now - last) < 600 { return }
        feed.contactStoredAt = now
        var entry = JournalEntry(portal: options.name)
        entry.lastContact = now
        appendLater(entry)
    }

    /// What is received is contact too.
    private func stampContact(_ entry: inout JournalEntry) {
        let now = time.now().wall
        if let last = feed.contactStoredAt, abs(now - last) < 60 { return }
        feed.contactStoredAt = now
        entry.lastContact = now
    }

    // MARK: Acknowledgements

    private func acknowledgeLater(_ texts: [String], _ link: LinkID) {
        if texts.isEmpty || connections[link] == nil { return }
        if acknowledgements[link, default: []].isEmpty { newJobs.yield(.acknowledge(link)) }
        acknowledgements[link, default: []] += texts
    }

    /// Only what is on disk is acknowledged.
    func acknowledge(_ link: LinkID) async {
        while let count = acknowledgements[link]?.count, count > 0 {
            do { try await journal.committed() } catch { return }
            guard let texts = acknowledgements[link], texts.count >= count else { return }
            for text in texts.prefix(count) { connections[link]?.send(text: text) }
            acknowledgements[link] = Array(texts.dropFirst(count))
        }
    }
}

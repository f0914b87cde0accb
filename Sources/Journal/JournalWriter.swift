import Events
import Timing

/// Brings work to disk, one transaction each. After a failure nothing of it counts, and the same work is given again.
struct JournalWriter {
    private let path: String
    private let options: JournalOptions
    private let time: TimeSource
    private let configure: @Sendable (Database) throws(SQLiteFailure) -> Void
    private var file: JournalFile?
    private(set) var state = StoredState()
    private var portals: [String: KnownPortal] = [:]
    private var cursors: Set<String>
    /// What dead letters take beyond their share, in bytes.
    private var deadExcess: UInt64
    /// A transaction that failed in a way that leaves open whether it is in the file.
    private var unclear: (draft: Draft, isUpkeep: Bool)?
    /// The disk was full: what every reader has had goes, however young.
    private var needsRoom = false
    /// How a transaction ends; tests let it fail.
    var endTransaction: @Sendable (JournalFile) throws(SQLiteFailure) -> Void = {
        (file) throws(SQLiteFailure) in
        try file.commit()
    }

    struct KnownPortal {
        var id: Int64
        var portal: StoredPortal
        var place: SeenTable.Place
    }

    /// What a transaction changes here once it is committed.
    private struct Draft {
        var state: StoredState
        var portals: [String: KnownPortal] = [:]
        var newCursors: Set<String> = []
        var deadExcess: UInt64
        var outcome = JournalOutcome()
    }

    /// - Parameters:
    ///   - cursors: names of those that are stored.
    ///   - deadTotals: what dead letters there are, by sink.
    ///   - configure: the connection's last settings; tests limit the file with it.
    init(
        path: String, options: JournalOptions, time: TimeSource, state: StoredState, cursors: Set<String>,
        deadTotals: [String: DeadTotals] = [:],
        configure: @escaping @Sendable (Database) throws(SQLiteFailure) -> Void = { _ in }
    ) throws(SQLiteFailure) {
        self.path = path
        self.options = options
        self.time = time
        self.state = state
        self.cursors = cursors
        self.configure = configure
        deadExcess = Self.deadExcess(deadTotals, options)
        file = try JournalFile(path: path, isDurable: options.isDurable, configure: configure)
    }

    /// What dead letters may take, in bytes.
    private static func deadShare(_ options: JournalOptions) -> UInt64 { options.size / 4 }

    private static func deadExcess(_ totals: [String: DeadTotals], _ options: JournalOptions) -> UInt64 {
        let bytes = DeadTotals.bytes(of: totals)
        return bytes - min(bytes, deadShare(options))
    }

    // MARK: a transaction

    mutating func commit(_ work: JournalWork) throws(SQLiteFailure) -> JournalOutcome {
        let file = try openFile()
        if let unclear {
            let stored = try Self.storedState(in: file)
            // Not before the file has answered: written twice, the work would look like damage.
            self.unclear = nil
            if stored.transactions == unclear.draft.state.transactions {
                let outcome = adopt(unclear.draft)
                if unclear.isUpkeep == work.isUpkeep { return outcome }
            }
        }
        if needsRoom {
            needsRoom = false
            // The log is begun anew, and what all have had goes first, in a transaction that adds nothing.
            _ = try? file.database.checkpoint(.restart)
            let upkeep = JournalWork(floor: work.floor, lastSequence: state.lastSequence, isUpkeep: true)
            _ = try transact(upkeep, file, makesRoom: true)
        }
        return try transact(work, file, makesRoom: false)
    }

    private mutating func transact(
        _ work: JournalWork, _ file: JournalFile, makesRoom: Bool
    ) throws(SQLiteFailure) -> JournalOutcome {
        var draft = Draft(state: state, deadExcess: deadExcess)
        do throws(SQLiteFailure) {
            try file.begin()
            try write(work, to: file, &draft)
            let retention = JournalRetention(
                keep: makesRoom ? .zero : options.keep, size: options.size, floor: work.floor, now: time.now().wall,
                deadExcess: draft.deadExcess)
            try retention.apply(to: file, entries: work.entries.count, &draft.outcome)
            draft.state.transactions &+= 1
            try file.write(draft.state)
            try endTransaction(file)
        } catch {
            recover(from: error, file, draft, isUpkeep: work.isUpkeep)
            throw error
        }
        draft.outcome.logBytes = file.logBytes
        return adopt(draft)
    }

    private mutating func adopt(_ draft: Draft) -> JournalOutcome {
        state = draft.state
        portals.merge(draft.portals) { $1 }
        cursors.formUnion(draft.newCursors)
        deadExcess = draft.deadExcess
        return draft.outcome
    }

    private func write(_ work: JournalWork, to file: JournalFile, _ draft: inout Draft) throws(SQLiteFailure) {
        let now = time.now().wall
        var marks: [String: [SeenMark]] = [:]
        for entry in work.entries {
            var known = try known(entry.portal, file, &draft)
            if let batch = entry.batch, !batch.events.isEmpty {
                try file.insert(batch, portal: known.id)
                draft.state.lastSequence = batch.lastSequence
            }
            if !entry.marks.isEmpty { marks[entry.portal, default: []] += entry.marks }
            for piece in entry.quarantine { try file.quarantine(piece, portal: known.id) }
            if let channels = entry.channels {
                let content = StoredPortal.content(of: channels)
                known.portal.channelsChecksum = RowChecksum.of(content, portal: known.id)
                try file.writeChannels(content, portal: known.id)
            }
            if let position = entry.position { known.portal.remember(position) }
            if let contact = entry.lastContact { known.portal.record.lastContact = contact }
            known.portal.record.counts += entry.counts
            draft.portals[entry.portal] = known
        }
        for (name, new) in marks {
            guard var known = draft.portals[name] else { continue }
            try file.seen.add(new, portal: known.id, at: &known.place, now: Int64(now))
            draft.portals[name] = known
        }
        for (name, known) in draft.portals {
            if !known.portal.record.counts.isConserved { draft.outcome.faults.append("the counts of \(name)") }
            try file.write(known.portal, id: known.id, name: name)
            draft.outcome.portalCounts[name] = known.portal.record.counts
        }
        for (name, cursor) in work.cursors {
            if !cursor.cursor.isConserved { draft.outcome.faults.append("the cursor of \(name)") }
            try file.write(cursor, name: name)
            if !cursors.contains(name), draft.newCursors.insert(name).inserted { draft.state.cursors += 1 }
        }
        if !work.dead.isEmpty || draft.deadExcess != 0 {
            let totals = try file.dead().apply(work.dead, limit: Self.deadShare(options))
            draft.deadExcess = Self.deadExcess(totals, options)
            draft.outcome.deadTotals = totals
        }
    }

    private func known(_ name: String, _ file: JournalFile, _ draft: inout Draft) throws(SQLiteFailure) -> KnownPortal {
        if let known = draft.portals[name] ?? portals[name] { return known }
        if let (id, portal) = try file.portal(named: name) {
            return KnownPortal(id: id, portal: portal, place: try file.seen.place(of: id))
        }
        draft.state.portals += 1
        return KnownPortal(id: Int64(draft.state.portals), portal: StoredPortal(), place: SeenTable.Place())
    }

    /// Whether a transaction without entries would delete something.
    mutating func hasOld(_ work: JournalWork) throws(SQLiteFailure) -> Bool {
        let now = time.now().wall
        let retention = JournalRetention(
            keep: options.keep, size: options.size, floor: work.floor, now: now, deadExcess: deadExcess)
        return try retention.hasWork(in: openFile())
    }

    // MARK: failures

    /// After a failed fsync the kernel may hold pages for clean that are not on disk (Rebello et al., USENIX ATC 2020), and
    /// a commit that failed may yet be found in the log. So the connection goes, and the next one begins with a
    /// checkpoint, which writes all of the log to the database file anew and waits for the disk.
    private mutating func recover(
        from failure: SQLiteFailure, _ file: JournalFile, _ draft: Draft, isUpkeep: Bool
    ) {
        needsRoom = failure.error(path: path).code == .diskFull
        var isGone = failure.isInputOutput
        do throws(SQLiteFailure) { try file.rollback() } catch { isGone = true }
        guard isGone else { return }
        self.file = nil
        // Before its last statement it cannot have been committed.
        if draft.state.transactions != state.transactions { unclear = (draft, isUpkeep) }
    }

    private mutating func openFile() throws(SQLiteFailure) -> JournalFile {
        if let file { return file }
        let opened = try JournalFile(path: path, isDurable: options.isDurable, configure: configure)
        try opened.database.checkpoint(.truncate)
        file = opened
        return opened
    }

    private static func storedState(in file: JournalFile) throws(SQLiteFailure) -> StoredState {
        let statement = try file.database.prepare("SELECT checksum, content FROM state WHERE id = 1")
        if try statement.step() {
            let content = statement.bytes(1)
            if statement.unsigned(0) == Checksum.of(content), let state = try? StoredState(content: content) {
                return state
            }
        }
        throw SQLiteFailure.damage("the journal's state is not what was written")
    }

    // MARK: the write-ahead log

    mutating func checkpoint(_ mode: Database.Checkpoint) throws(SQLiteFailure) -> Database.LogState {
        try openFile().database.checkpoint(mode)
    }

    /// Ends the connection; the last one of all copies the rest of the log.
    mutating func close() {
        file = nil
    }
}

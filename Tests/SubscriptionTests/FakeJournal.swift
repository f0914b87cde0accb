import Events
import Journal
import Synchronization

/// A journal in memory: it keeps what it takes over the restarts of a test, can be full, slow or broken.
final class FakeJournal: EventIntake {
    private struct State {
        var entries: [JournalEntry] = []
        var isFull = false
        var holdsCommits = false
        var failure: JournalError?
        var readFailure: JournalError?
    }

    private let state = Mutex(State())

    func append(_ entry: JournalEntry) async throws {
        try await whileTrue { $0.isFull && $0.failure == nil }
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.entries.append(entry)
        }
    }

    func committed() async throws {
        try await whileTrue { $0.holdsCommits }
    }

    func record(of portal: String) throws(JournalError) -> PortalRecord {
        let (entries, failure) = state.withLock { ($0.entries, $0.readFailure) }
        if let failure { throw failure }
        var record = PortalRecord()
        for entry in entries {
            if let position = entry.position {
                record.positions.removeAll { $0.server == position.server }
                record.positions.append(position)
            }
            record.channels = entry.channels ?? record.channels
            record.lastContact = entry.lastContact ?? record.lastContact
            record.counts += entry.counts
        }
        return record
    }

    func seen(above id: MessageID, portal: String, limit: Int) throws(JournalError) -> [SeenMark] {
        Array(marks.filter { $0.id.map { $0 > id } ?? false }.prefix(limit))
    }

    func seen(_ id: MessageID, portal: String) throws(JournalError) -> [SeenMark] {
        marks.filter { $0.id == id }
    }

    private func whileTrue(_ condition: (State) -> Bool) async throws {
        while state.withLock({ condition($0) }) { try await Task.sleep(for: .milliseconds(5)) }
    }

    // MARK: The test's side

    var entries: [JournalEntry] { state.withLock { $0.entries } }
    private var marks: [SeenMark] { entries.flatMap(\.marks) }

    /// Counters of the events' ids, in the order of arrival.
    var delivered: [UInt64] { entries.flatMap { $0.batch?.events ?? [] }.compactMap { $0.id?.counter } }

    /// Bodies of the gap records.
    var gaps: [String] {
        entries.compactMap(\.batch).flatMap { batch in
            batch.events.filter { $0.shape == .gap }.map { String(decoding: batch.bytes[$0.body.range], as: UTF8.self) }
        }
    }

    var isFull: Bool {
        get { state.withLock { $0.isFull } }
        set { state.withLock { $0.isFull = newValue } }
    }

    var holdsCommits: Bool {
        get { state.withLock { $0.holdsCommits } }
        set { state.withLock { $0.holdsCommits = newValue } }
    }

    /// Nothing is taken any more.
    func fail(_ failure: JournalError) { state.withLock { $0.failure = failure } }

    func failReading(_ failure: JournalError?) { state.withLock { $0.readFailure = failure } }
}

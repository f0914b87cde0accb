import Dispatch
import Events
import Glibc
@testable import Journal
import Synchronization
import Testing
import Timing

@Suite("A probe of the writer", .timeLimit(.minutes(1)))
struct ProbeTests {
    private let place = TestDirectory()

    private final class Answers: Sendable {
        private let number = Atomic<Int>(0)

        var count: Int { number.load(ordering: .relaxed) }
        func add() { number.add(1, ordering: .relaxed) }
    }

    @Test("is answered by a writer that has nothing to do, once")
    func idle() async throws {
        let journal = try Journal.open(directory: place.state, options: options())
        let answers = Answers()
        journal.probeWriter { answers.add() }
        #expect(await eventually { answers.count == 1 })
        journal.probeWriter { answers.add() }
        #expect(await eventually { answers.count == 2 })
        await journal.close()
        #expect(answers.count == 2)
    }

    @Test("is not answered while a transaction waits for the disk, and is when that goes on")
    func stall() async throws {
        let journal = try Journal.open(directory: place.state, options: options())
        let isHeld = DispatchSemaphore(value: 0)
        let mayGo = DispatchSemaphore(value: 0)
        journal.writer.withLock { writer in
            let end = writer.endTransaction
            writer.endTransaction = { (file) throws(SQLiteFailure) in
                isHeld.signal()
                mayGo.wait()
                try end(file)
            }
        }
        try await journal.append(entry(1))
        await Task.detached { Self.wait(for: isHeld) }.value
        let answers = Answers()
        journal.probeWriter { answers.add() }
        try await Task.sleep(for: .milliseconds(200))
        #expect(answers.count == 0)
        for _ in 0..<100 { mayGo.signal() }
        #expect(await eventually { answers.count == 1 })
        await journal.close()
    }

    private static func wait(for semaphore: DispatchSemaphore) { semaphore.wait() }

    @Test("is answered while a full disk is tried again and again")
    func retries() async throws {
        let journal = try Journal.open(
            place.state,
            options {
                $0.retryDelay = .milliseconds(20)
                $0.closePatience = .milliseconds(50)
            }, .system, schema: .current, isTemporary: false, configure: { _ in })
        journal.writer.withLock { writer in
            writer.endTransaction = { (_) throws(SQLiteFailure) in
                throw SQLiteFailure(code: 13, text: "database or disk is full")
            }
        }
        try await journal.append(entry(1))
        #expect(await eventually { journal.counts.trouble?.code == .diskFull })
        let answers = Answers()
        for count in 1...5 {
            journal.probeWriter { answers.add() }
            #expect(await eventually { answers.count == count })
        }
        #expect(journal.counts.trouble?.code == .diskFull)
        await journal.close()
    }

    @Test("is answered between transactions while there is always another one to write")
    func load() async throws {
        let journal = try Journal.open(directory: place.state, options: options { $0.window = 1 << 20 })
        let number = Atomic<UInt64>(1)
        journal.writer.withLock { writer in
            let end = writer.endTransaction
            writer.endTransaction = { [journal] (file) throws(SQLiteFailure) in
                try end(file)
                // There is work again before this transaction is over.
                if number.add(1, ordering: .relaxed).newValue < 5000 {
                    let next = entry(1, from: number.load(ordering: .relaxed))
                    Task { try await journal.append(next) }
                    Self.wait(until: journal)
                }
            }
        }
        try await journal.append(entry(1))
        let answers = Answers()
        journal.probeWriter { answers.add() }
        #expect(await eventually { answers.count == 1 })
        #expect(number.load(ordering: .relaxed) < 5000)
        number.store(5000, ordering: .relaxed)
        await journal.close()
    }

    /// Until an entry waits behind the one that is being written.
    private static func wait(until journal: Journal) {
        for _ in 0..<1000 where journal.counts.lastSequence == journal.counts.committedSequence + 1 { usleep(100) }
    }
}

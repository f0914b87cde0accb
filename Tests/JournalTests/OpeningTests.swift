import Events
import Foundation
import Synchronization
import Testing

@testable import Journal

@Suite("Opening", .timeLimit(.minutes(5)))
struct OpeningTests {
    private let place = TestDirectory()

    private func open(_ path: String? = nil) throws(JournalError) -> Journal {
        try Journal.open(directory: path ?? place.state, options: options())
    }

    private func failure(_ path: String? = nil) -> JournalError? {
        do throws(JournalError) {
            _ = try open(path)
            return nil
        } catch {
            return error
        }
    }

    /// A journal with some events in it, closed.
    private func fill(_ events: Int = 300, size: Int = 100) async throws {
        let journal = try open()
        _ = try journal.reader(named: "a")
        for number in 0..<events / 3 { try await journal.append(entry(3, size: size, from: UInt64(number * 3 + 1))) }
        await journal.close()
    }

    @Test("the directory is for its owner alone, and so are the files")
    func modes() async throws {
        let journal = try open()
        try await journal.append(entry(1))
        try await journal.committed()
        #expect(try TestFiles.mode(place.state) == 0o700)
        for name in ["journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "pulld.lock"] {
            #expect(try TestFiles.mode(place.state + "/" + name) == 0o600, "\(name)")
        }
        await journal.close()
        #expect(
            Set(try FileManager.default.contentsOfDirectory(atPath: place.state)) == ["journal.sqlite", "pulld.lock"])
    }

    @Test("the directory and the one above it are made; what is missing beyond them is named")
    func directories() async throws {
        await (try open(place.path + "/one/two")).close()
        let error = failure(place.path + "/a/b/c")
        #expect(error?.code == .cannotCreate)
        #expect(error?.message == "the directory \(place.path)/a is missing")
        #expect(!TestFiles.exists(place.path + "/a"))
    }

    @Test("a second journal on the directory is refused with the process that has it, and nothing is changed")
    func locked() async throws {
        let journal = try open()
        let error = failure()
        #expect(error?.code == .locked)
        #expect(error?.message == "another pulld (process \(getpid())) uses the state directory \(place.state)")
        try await journal.append(entry(1))
        await journal.close()
        await (try open()).close()
    }

    @Test("a file in the directory's place is no directory, and stays")
    func fileInPlace() throws {
        try TestFiles.write([1], place.state)
        #expect(failure()?.code == .cannotCreate)
        #expect(try TestFiles.bytes(place.state) == [1])
    }

    @Test("after a failed opening nothing of its own is left")
    func nothingLeft() throws {
        try FileManager.default.createDirectory(atPath: place.state, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: place.file + ".new/x", withIntermediateDirectories: true)
        #expect(failure()?.code == .cannotCreate)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.state) == ["journal.sqlite.new"])
    }

    @Test("a newer schema is refused with its number and the cure, and not touched")
    func newer() async throws {
        try await fill()
        let newer = JournalSchema(migrations: JournalSchema.current.migrations + ["CREATE TABLE more (id INTEGER)"])
        let journal = try Journal.open(place.state, options(), .system, schema: newer, isTemporary: false)
        await journal.close()
        let before = try TestFiles.bytes(place.file)
        let error = failure()
        #expect(error?.code == .newerSchema)
        #expect(error?.message.contains("schema 3, this one knows 2") == true)
        #expect(error?.cure.isEmpty == false)
        #expect(try TestFiles.bytes(place.file) == before)
    }

    @Test("a migration brings an older file to the present version, with all that is in it, or not at all")
    func migration() async throws {
        try await fill()
        var newer = JournalSchema.current
        newer.migrations.append("CREATE TABLE more (id INTEGER); CREATE TABLE more (id INTEGER)")
        #expect(throws: JournalError.self) {
            _ = try Journal.open(place.state, options(), .system, schema: newer, isTemporary: false)
        }
        newer.migrations[newer.migrations.count - 1] = "CREATE TABLE more (id INTEGER)"
        let journal = try Journal.open(place.state, options(), .system, schema: newer, isTemporary: false)
        #expect(try await journal.reader(named: "a").drain(through: 300).count == 100)
        await journal.close()
        let database = try Database(path: place.file, mode: .readOnly)
        #expect(try database.integer("PRAGMA user_version") == 3)
        #expect(try database.integer("SELECT count(*) FROM more") == 0)
    }

    @Test(
        "what is no journal is refused as damaged, with the cure, and not touched",
        arguments: ["", "no database, but long enough to be looked at as one", "other"])
    func noJournal(content: String) throws {
        try FileManager.default.createDirectory(atPath: place.state, withIntermediateDirectories: true)
        try TestFiles.write(Array(content.utf8), place.file)
        if content == "other" {
            try TestFiles.write([], place.file)
            try Database(path: place.file, mode: .readWrite).execute("CREATE TABLE t (a)")
        }
        let before = try TestFiles.bytes(place.file)
        let error = failure()
        #expect(error?.code == .damaged)
        #expect(error?.cure.contains("move \(place.file)") == true)
        #expect(try TestFiles.bytes(place.file) == before)
    }

    @Test("write-ahead log and full synchronisation are in force")
    func pragmas() async throws {
        let journal = try Journal.open(directory: place.state)
        await journal.close()
        let file = try JournalFile(path: place.file, isDurable: true)
        #expect(try file.database.integer("PRAGMA synchronous") == 2)
        #expect(try file.database.text("PRAGMA journal_mode") == "wal")
        #expect(try file.database.integer("PRAGMA application_id") == JournalSchema.applicationID)
    }

    // MARK: damage

    /// What a journal of `fill` gives after something was done to its file: all of it, gap records in the place of what is
    /// missing, or a refusal.
    private func outcome() async throws -> String {
        do {
            let journal = try open()
            defer { Task { await journal.close() } }
            do {
                let record = try journal.record(of: "acme")
                if record.positions != [StoredPosition(server: "push.test", newest: id(300), safe: id(298))] {
                    return "wrong position"
                }
                for number in stride(from: 1, through: 300, by: 37)
                where try journal.seen(id(UInt64(number)), portal: "acme").map(\.hash) != [UInt64(number) * 31] {
                    return "wrong marks"
                }
                let batches = try await journal.reader(named: "a").drain(through: 300)
                var next: UInt64 = 1
                var gaps = 0
                for batch in batches {
                    for (index, event) in batch.events.enumerated() {
                        let sequence = batch.firstSequence + UInt64(index)
                        if event.shape == .gap {
                            gaps += 1
                            if !batch.text(index).contains("\"events\":\(sequence - next + 1)}") {
                                return "wrong gap \(batch.text(index))"
                            }
                        } else if sequence != next || !batch.text(index).hasPrefix("\(sequence) ") {
                            return "silently less: \(sequence) instead of \(next)"
                        }
                        next = sequence + 1
                    }
                }
                await journal.close()
                return next == 301 ? (gaps == 0 ? "all" : "gaps") : "silently less at the end"
            } catch let error as JournalError where error.code == .damaged {
                await journal.close()
                return "damaged while reading"
            }
        } catch let error as JournalError where error.code == .damaged {
            return "damaged"
        }
    }

    @Test(
        "truncated anywhere: refused as damaged, whether all of it is looked through or not", arguments: [0, 1 << 26])
    func truncated(quickCheckLimit: UInt64) async throws {
        try await fill()
        var schema = JournalSchema.current
        schema.quickCheckLimit = quickCheckLimit
        let whole = try TestFiles.bytes(place.file)
        #expect(whole.count > 8 * 4096)
        for length in stride(from: 0, to: whole.count, by: 4096) {
            try TestFiles.write(Array(whole[..<length]), place.file)
            do throws(JournalError) {
                _ = try Journal.open(place.state, options(), .system, schema: schema, isTemporary: false)
                Issue.record("opened with \(length) bytes")
            } catch {
                #expect(error.code == .damaged)
            }
        }
    }

    @Test("with a flipped bit anywhere: all is there, a gap record says what is not, or it is refused")
    func flipped() async throws {
        try await fill(300, size: 400)
        let whole = try TestFiles.bytes(place.file)
        var outcomes: [String: Int] = [:]
        for page in 0..<whole.count / 4096 {
            for offset in [3, 700, 4000] {
                var changed = whole
                changed[page * 4096 + offset + page % 32] ^= 1 << UInt8(page % 8)
                try TestFiles.write(changed, place.file)
                outcomes[try await outcome(), default: 0] += 1
            }
        }
        #expect(Set(outcomes.keys).isSubset(of: ["all", "gaps", "damaged", "damaged while reading"]), "\(outcomes)")
        #expect(outcomes["gaps", default: 0] > 0)
    }

    @Test("a portal whose row is damaged ends the journal: its readers are told, and nothing is waited for")
    func damagedPortal() async throws {
        try await fill(30)
        do {
            let database = try Database(path: place.file, mode: .readWrite)
            try database.execute("UPDATE portal SET content = zeroblob(20)")
        }
        let journal = try open()
        let reader = try journal.reader(named: "a")
        _ = try await reader.next(budget: .max)
        #expect(throws: JournalError.self) { try journal.record(of: "acme") }
        let failure = await #expect(throws: JournalError.self) { _ = try await reader.next(budget: .max) }
        #expect(failure?.code == .damaged)
        await journal.close()
    }

    @Test("a second close does nothing: the file may be another journal's by then")
    func closedTwice() async throws {
        let connections = Mutex(0)
        let journal = try Journal.open(
            place.state, options(), .system, schema: .current, isTemporary: false,
            configure: { _ in connections.withLock { $0 += 1 } })
        await journal.close()
        let before = connections.withLock { $0 }
        await journal.close()
        #expect(connections.withLock { $0 } == before)
    }

    @Test("a damaged row is a gap record of its last number, and what follows is not affected")
    func damagedRow() async throws {
        try await fill(30)
        do {
            let database = try Database(path: place.file, mode: .readWrite)
            try database.execute("UPDATE batch SET content = zeroblob(20) WHERE last = 6")
            try database.execute("DELETE FROM batch WHERE last IN (12, 15, 30)")
        }
        #expect(throws: JournalError.self) { try Journal.check(directory: place.state) }
        let journal = try open()
        let batches = try await journal.reader(named: "a").drain(through: 30)
        #expect(batches.map(\.firstSequence) == [1, 6, 7, 15, 16, 19, 22, 25, 30])
        #expect(
            batches.map { $0.events[0].shape == .gap } == [false, true, false, true, false, false, false, false, true])
        #expect(batches[1].text(0) == #"{"reason":"damaged","events":3}"#)
        #expect(batches[3].text(0) == #"{"reason":"damaged","events":6}"#)
        await journal.close()
    }

    @Test(
        "a damaged or missing position, channel set, cursor, mark or state is damage, never an empty one",
        arguments: [
            "UPDATE portal SET content = zeroblob(20)", "DELETE FROM portal", "DELETE FROM cursor",
            "UPDATE cursor SET checksum = 1",
            "DELETE FROM state", "UPDATE state SET checksum = 1", "DELETE FROM channels",
            "UPDATE channels SET content = x'00'",
            "UPDATE seen SET checksum = 1", "UPDATE portal SET name = 'acmf'",
        ])
    func damagedRows(sql: String) async throws {
        let journal = try open()
        _ = try journal.reader(named: "a")
        var full = entry(3)
        full.channels = [StoredChannels(isCurrent: true, since: 1, content: [1])]
        try await journal.append(full)
        await journal.close()
        try Database(path: place.file, mode: .readWrite).execute(sql)
        #expect(throws: JournalError.self) { try Journal.check(directory: place.state) }
        var damage: JournalError?
        do throws(JournalError) {
            let journal = try open()
            do throws(JournalError) {
                _ = try journal.record(of: "acme")
                _ = try journal.seen(id(2), portal: "acme")
                if sql.contains("acmf") { _ = try journal.record(of: "acmf") }
            } catch {
                damage = error
            }
            await journal.close()
        } catch {
            damage = error
        }
        #expect(damage?.code == .damaged)
        #expect(damage?.cure.isEmpty == false)
    }
}

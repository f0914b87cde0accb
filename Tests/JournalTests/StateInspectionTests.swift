import Foundation
import Testing

@testable import Journal

@Suite("Inspection of a state directory")
struct StateInspectionTests {
    private let place = TestDirectory()

    private func failure(_ path: String? = nil) -> JournalError? {
        do throws(JournalError) {
            _ = try StateInspection.of(directory: path ?? place.state)
            return nil
        } catch {
            return error
        }
    }

    private func fill() async throws {
        let journal = try Journal.open(directory: place.state, options: options())
        try await journal.append(entry(3))
        await journal.close()
    }

    private func execute(_ statement: String) throws {
        try Database(path: place.state + "/journal.sqlite", mode: .readWrite).execute(statement)
    }

    @Test("a directory that is missing can be made where a daemon would make it, and is not made")
    func missing() throws {
        let inspection = try StateInspection.of(directory: place.path + "/one/two")
        #expect(!inspection.exists && inspection.freeBytes > 0)
        #expect(!TestFiles.exists(place.path + "/one"))
        #expect(failure(place.path + "/a/b/c")?.message == "the directory \(place.path)/a is missing")
    }

    @Test("a journal in use is told with its process, and without changing any file")
    func inUse() async throws {
        let journal = try Journal.open(directory: place.state, options: options())
        try await journal.append(entry(3))
        try await journal.committed()
        let files = try FileManager.default.contentsOfDirectory(atPath: place.state).sorted()
        let inspection = try StateInspection.of(directory: place.state)
        #expect(inspection.user == Int(getpid()))
        #expect(inspection.mode == 0o700 && inspection.schema == JournalSchema.current.version)
        #expect(inspection.size > 0 && !inspection.isOlder)
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.state).sorted() == files)
        await journal.close()
        #expect(try StateInspection.of(directory: place.state).user == nil)
    }

    @Test("an older schema is brought up to date at the start, a newer one is refused")
    func schemas() async throws {
        try await fill()
        try execute("PRAGMA user_version = 1")
        let older = try StateInspection.of(directory: place.state)
        #expect(older.isOlder && older.schema == 1)
        try execute("PRAGMA user_version = 99")
        #expect(failure()?.code == .newerSchema)
    }

    @Test("what is no journal of this program is damaged", arguments: ["", "no database at all", "SQLite format 3\0"])
    func damaged(content: String) async throws {
        try await fill()
        try Data(content.utf8).write(to: URL(fileURLWithPath: place.state + "/journal.sqlite"))
        #expect(failure()?.code == .damaged)
    }

    @Test("a database of another program is damaged")
    func foreign() async throws {
        try await fill()
        try execute("PRAGMA application_id = 1")
        #expect(failure()?.code == .damaged)
    }
}

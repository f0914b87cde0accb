@testable import Delivery
import Events
import Foundation
import Journal
import TestRandom
import Testing

@Suite("A file that others touch", .timeLimit(.minutes(2)))
struct MovedFileTests {
    enum Meddling: CaseIterable {
        case renamed, renamedAndMade, copiedAndCut
    }

    private func meddle(_ meddling: Meddling, _ stage: FileStage, _ name: String) throws {
        let manager = FileManager.default
        guard manager.fileExists(atPath: stage.path) else { return }
        let target = stage.path + "." + name
        switch meddling {
        case .renamed: #expect(rename(stage.path, target) == 0)
        case .renamedAndMade:
            #expect(rename(stage.path, target) == 0)
            try append("", to: stage.path)
        case .copiedAndCut:
            try manager.copyItem(atPath: stage.path, toPath: target)
            truncate(stage.path, 0)
        }
    }

    @Test("moved or cut while the sink writes: nothing is lost or doubled", arguments: Meddling.allCases)
    func whileRunning(_ meddling: Meddling) async throws {
        var random = SeededRandom(seed: 7)
        let stage = try FileStage(SampleBatch.mixed(60, &random))
        try await stage.start()
        for step in 1...6 {
            try await stage.deliver(through: stage.sequence + 5)
            try meddle(meddling, stage, "\(step)")
            if step % 2 == 0 { stage.clock.pass(.seconds(1)) }
            try await stage.deliver(through: stage.sequence + 5)
        }
        try await stage.finish()
        try stage.expectUndisturbed()
        #expect(try stage.files().count > 3)
        #expect(stage.book.lines.isEmpty)
    }

    @Test(
        "moved or cut between two lives, whatever byte the first one ended at: nothing is lost or doubled",
        arguments: Meddling.allCases)
    func betweenLives(_ meddling: Meddling) async throws {
        var random = SeededRandom(seed: 8)
        let batches = SampleBatch.mixed(6, &random, longest: 20)
        let end = try FileStage(batches).undisturbed.utf8.count
        for size in 0...end {
            let stage = try FileStage(batches)
            try await stage.start()
            try await stage.deliver(through: 2)
            try await stage.settle()
            let cursor = stage.kept
            try await stage.deliver(through: 6)
            stage.crash()
            #expect(stage.kept == cursor)
            let settled = Int(FilePlace(cursor.place)?.size ?? 0)
            if size < settled { continue }
            truncate(stage.path, size)
            // What the copy has can only be known under the name of a former file.
            try meddle(meddling, stage, meddling == .copiedAndCut ? "1" : random.pick(["1", "old", "20261122"]))
            if meddling == .copiedAndCut {
                // The copy's half line stays where it is: nobody can tell whose it is to complete.
                try await stage.finish()
                let whole = try stage.whole()
                #expect(whole.split(separator: "\n").filter { $0.hasSuffix("}") }.count == 6, "ended at \(size)")
            } else {
                try await stage.finish()
                try stage.expectUndisturbed("ended at \(size)")
            }
        }
    }

    @Test("moved while the sink writes, then a crash before it is settled: both files count")
    func crashAfterMove() async throws {
        var random = SeededRandom(seed: 9)
        let batches = SampleBatch.mixed(9, &random, longest: 20)
        for through in 3...9 as ClosedRange<UInt64> {
            let stage = try FileStage(batches)
            try await stage.start()
            try await stage.deliver(through: 2)
            try await stage.settle()
            try await stage.deliver(through: 3)
            try meddle(.renamed, stage, "20261122")
            stage.clock.pass(.seconds(1))
            try await stage.deliver(through: through)
            let size = stage.size
            for end in 0...size {
                let kept = stage.kept
                stage.crash()
                truncate(stage.path, end)
                try await stage.finish()
                try stage.expectUndisturbed("\(through), \(end)")
                stage.rewind(to: kept)
            }
        }
    }

    @Test("removed while the sink writes: what came after the removal stands in the next file, and is not lost")
    func removed() async throws {
        var random = SeededRandom(seed: 10)
        let stage = try FileStage(SampleBatch.mixed(60, &random))
        try await stage.start()
        try await stage.deliver(through: 10)
        try await stage.settle()
        let before = try stage.whole()
        #expect(unlink(stage.path) == 0)
        // Less than a look later, so it goes to the file without a name.
        try await stage.deliver(through: 20)
        #expect(stage.size == 0)
        stage.clock.pass(.milliseconds(250))
        try await stage.deliver(through: 30)
        #expect(
            try before + stage.whole()
                == lines(
                    of: stage.batches.filter { $0.firstSequence <= 30 }.map {
                        var batch = $0
                        if batch.lastSequence > 30 { batch.events.removeLast(Int(batch.lastSequence - 30)) }
                        return batch
                    }))
        #expect(unlink(stage.path) == 0)
        let second = stage.undisturbed.utf8.count
        try await stage.finish()
        // Settling looks, too: what was written since the last look is there again.
        #expect(stage.size > 0 && stage.size <= second)
        #expect(try stage.undisturbed.hasSuffix(stage.whole()))
    }

    @Test("removed between two lives: it goes on from the cursor, and the log says so")
    func removedBetween() async throws {
        var random = SeededRandom(seed: 11)
        let stage = try FileStage(SampleBatch.mixed(20, &random))
        try await stage.start()
        try await stage.deliver(through: 10)
        try await stage.settle()
        let before = try stage.whole()
        stage.crash()
        #expect(unlink(stage.path) == 0)
        try await stage.finish()
        #expect(try before + stage.whole() == stage.undisturbed)
        #expect(
            stage.book.lines == [
                "warning the file that was written last is not there any more file=\(stage.path) sink=log"
            ])
    }

    @Test("another file that got the same inode is not taken for the settled one")
    func inodeReused() async throws {
        var random = SeededRandom(seed: 12)
        let stage = try FileStage(SampleBatch.mixed(20, &random))
        try await stage.start()
        try await stage.deliver(through: 5)
        try await stage.settle()
        let kept = stage.kept
        try await stage.deliver(through: 15)
        stage.crash()
        // The same inode, longer than it was, with other bytes before: lines beyond the cursor stand at its beginning.
        let text = lines(of: rest(of: stage.batches, after: 5))
        let handle = try #require(FileHandle(forWritingAtPath: stage.path))
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
        #expect(stage.size > Int(FilePlace(kept.place)?.size ?? 0))
        try await stage.finish()
        #expect(try stage.whole() == text)
    }

    @Test("opened anew at once when asked to, and a missing directory is waited for")
    func reopened() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("log/events")
        try FileManager.default.createDirectory(atPath: directory.file("log"), withIntermediateDirectories: false)
        let clock = FakeClock()
        let book = LogBook()
        let journal = TestJournal()
        let sink = try FileSink(path: path, clock: clock.clock)
        let runner = SinkRunner(
            name: "log", sink: sink, reader: journal.reader(), logger: book.logger, drainLimit: FakeClock.drainLimit,
            settleInterval: FakeClock.never, clock: clock.clock)
        async let run: Void = runner.run()
        journal.append(SampleBatch.usual(count: 3))
        #expect(await eventually { runner.counts.delivered == 3 })
        #expect(rename(path, path + ".old") == 0)
        runner.reopen()
        #expect(await eventually { FileManager.default.fileExists(atPath: path) })
        journal.append(SampleBatch.usual(count: 2))
        #expect(await eventually { runner.counts.delivered == 5 })
        #expect(try directory.text("log/events").split(separator: "\n").count == 2)

        #expect(rename(directory.file("log"), directory.file("away")) == 0)
        clock.pass(.seconds(1))
        journal.append(SampleBatch.usual(count: 1))
        #expect(await eventually { runner.counts.blockedBy?.code == .missing })
        try FileManager.default.createDirectory(atPath: directory.file("log"), withIntermediateDirectories: false)
        #expect(await eventually { runner.counts.delivered == 6 })
        journal.finish()
        try await run
        #expect(try directory.text("log/events").split(separator: "\n").count == 1)
    }
}

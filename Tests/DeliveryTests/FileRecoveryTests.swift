@testable import Delivery
import Events
import Foundation
import Journal
import TestRandom
import Testing

@Suite("A file after a crash", .timeLimit(.minutes(2)))
struct FileRecoveryTests {
    private func small() -> [EventBatch] {
        var first = SampleBatch()
        first.add("1", shape: .json)
        first.addUsual(command: "noise")
        var second = SampleBatch(portal: "b")
        second.addGap("{}")
        second.add("2", shape: .json)
        return [first.batch, second.batch]
    }

    @Test(
        "whatever byte the last write ended at, and wherever the cursor was, the file becomes the same",
        arguments: [EventFilter.all, EventFilter(exclude: ["*/noise"]), EventFilter(portals: ["b"])])
    func everyByte(_ filter: EventFilter) async throws {
        for kept in 0...4 as ClosedRange<UInt64> {
            let stage = try FileStage(small(), filter: filter)
            try await stage.start()
            try await stage.deliver(through: kept)
            try await stage.settle()
            let cursor = stage.kept
            let settled = stage.size
            for end in settled...stage.undisturbed.utf8.count {
                // The same file each time, as far as it was settled.
                stage.crash()
                stage.rewind(to: cursor)
                try await stage.finish()
                stage.rewind(to: cursor)
                truncate(stage.path, end)
                try await stage.finish()
                try stage.expectUndisturbed("kept \(kept), ended at \(end)")
                #expect(stage.kept.isConserved && stage.kept.sequence == 4)
                #expect(stage.kept.delivered == UInt64(stage.undisturbed.split(separator: "\n").count))
            }
        }
    }

    @Test("a crash while recovering changes nothing, at any byte either")
    func crashesAgain() async throws {
        let stage = try FileStage(small())
        try await stage.start()
        let cursor = stage.kept
        let total = stage.undisturbed.utf8.count
        for first in stride(from: 0, through: total, by: 7) {
            for second in stride(from: first, through: total, by: 11) {
                stage.rewind(to: cursor)
                stage.crash()
                try await stage.finish()
                stage.rewind(to: cursor)
                truncate(stage.path, first)
                try await stage.start()
                try await stage.deliver(through: 3)
                // Settling in the midst of it.
                if first % 2 == 0 { try await stage.settle() }
                stage.crash()
                truncate(stage.path, max(min(second, stage.size), stage.settled.size))
                try await stage.finish()
                try stage.expectUndisturbed("\(first), \(second)")
            }
        }
    }

    @Test(
        "what is no part of the next line is cut off, with a line in the log",
        arguments: [
            "garbage", #"{"seq":3,"portal":"b","nothing"#, "\u{0}\u{0}\u{0}",
            #"{"seq":3,"portal":"b","gap":{},"received_at":"2026-11-22T09:00:00.123456Z"}   "#,
        ])
    func garbage(_ text: String) async throws {
        let stage = try FileStage(small())
        try await stage.start()
        try await stage.deliver(through: 2)
        try await stage.settle()
        stage.crash()
        try append(text, to: stage.path)
        try await stage.finish()
        try stage.expectUndisturbed()
        #expect(
            stage.book.lines == [
                "warning cut off the end of the file, which was no whole line file=\(stage.path) sink=log"
            ])
    }

    @Test("blocks that the disk never got are cut off, and what stood behind them is written again")
    func powerCut() async throws {
        let stage = try FileStage(small())
        try await stage.start()
        try await stage.deliver(through: 1)
        try await stage.settle()
        try await stage.deliver(through: 4)
        let settled = Int(FilePlace(stage.kept.place)?.size ?? 0)
        let kept = stage.kept
        let size = stage.size
        for start in settled..<size {
            stage.crash()
            stage.rewind(to: kept)
            let handle = try #require(FileHandle(forWritingAtPath: stage.path))
            try handle.seek(toOffset: UInt64(start))
            try handle.write(contentsOf: Data(count: min(9, size - start)))
            try handle.close()
            try await stage.finish()
            try stage.expectUndisturbed("zeros from \(start)")
        }
    }

    @Test("another program's lines stay, and none of its numbers counts")
    func foreignLines() async throws {
        let stage = try FileStage(small())
        try await stage.start()
        try await stage.deliver(through: 1)
        try await stage.settle()
        let before = try stage.whole()
        stage.crash()
        let foreign = "hello\n\n{\"seq\":3,\"portal\":\"other\"}\n{\"seq\":99999999999999999999999,\"portal\":\"b\"}\n"
        try append(foreign, to: stage.path)
        try await stage.finish()
        #expect(try stage.whole() == before + foreign + lines(of: rest(of: stage.batches, after: 1)))
        #expect(stage.book.lines.isEmpty)
    }

    @Test("a half line of another program's in a file that is new to the sink is ended, not cut")
    func foreignHalf() async throws {
        let stage = try FileStage(small())
        try await stage.start()
        try await stage.deliver(through: 2)
        try await stage.settle()
        stage.crash()
        let written = try stage.whole()
        try FileManager.default.moveItem(atPath: stage.path, toPath: stage.path + "-old")
        try append("somebody's", to: stage.path)
        try await stage.finish()
        #expect(try stage.directory.text("events-old") == written)
        #expect(
            try stage.directory.text("events") == "somebody's\n" + lines(of: rest(of: stage.batches, after: 2)))
    }

    @Test("a line of 3 MiB that was cut short is completed, within any of its pieces", arguments: [0, 1, 5])
    func longLine(_ extra: Int) async throws {
        var sample = SampleBatch()
        sample.add("\"" + String(repeating: "long ", count: 600_000) + "\"", shape: .json)
        let stage = try FileStage(small() + [sample.batch] + small())
        try await stage.start()
        let cursor = stage.kept
        for end in [30, 1 << 20, 2 << 20, 3_000_000] {
            stage.crash()
            stage.rewind(to: cursor)
            try await stage.finish()
            stage.rewind(to: cursor)
            truncate(stage.path, end + extra)
            try await stage.finish()
            try stage.expectUndisturbed()
        }
        #expect(stage.book.lines.isEmpty)
    }

    @Test("an event whose line is missing among others is written, not given up")
    func missingLine() async throws {
        let stage = try FileStage(small())
        try await stage.start()
        let cursor = stage.kept
        try await stage.finish()
        stage.rewind(to: cursor)
        var present = stage.undisturbed.split(separator: "\n")
        let removed = present.remove(at: 1)
        try Data((present.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: stage.path), options: [])
        try await stage.finish()
        #expect(try stage.whole() == present.joined(separator: "\n") + "\n" + removed + "\n")
    }

    @Test("many events, any chunks, any end of the last write, life after life", arguments: 0..<60)
    func lives(_ seed: Int) async throws {
        var random = SeededRandom(seed: UInt64(seed))
        let filter = random.pick([EventFilter.all, EventFilter(portals: ["acme"], exclude: ["*/noise"])])
        let stage = try FileStage(SampleBatch.mixed(400, &random), filter: filter)
        while stage.kept.sequence < stage.last {
            try await stage.start()
            for _ in 0..<random.below(5) {
                try await stage.deliver(through: stage.sequence + UInt64(random.below(40)))
                if random.chance(40) { try await stage.settle() }
            }
            if stage.sequence == stage.last { try await stage.settle() }
            stage.crash()
            if stage.kept.sequence < stage.last { stage.cut(&random) }
        }
        try stage.expectUndisturbed()
        #expect(stage.kept.isConserved)
        #expect(stage.book.lines.isEmpty)
    }

    @Test(
        "a place that is none, or of another kind of sink, is none",
        arguments: ["", "x", "1:2:3", "1:2:-3:4:5:1", ":::::", "1:2:3:4:5:2"])
    func places(_ text: String) {
        #expect(FilePlace(text) == nil)
    }

    @Test("a place is the same after it was text")
    func placeText() {
        let text = "18446744073709551615:7:9223372036854775807:18446744073709551615:-1:0"
        #expect(FilePlace(text)?.text == text)
    }
}

func append(_ text: String, to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o600)
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    #expect(write(descriptor, bytes, bytes.count) == bytes.count)
}

@testable import Delivery
import Events
import Foundation
import Journal
import TestRandom
import Testing

@Suite("Rotation by the sink itself", .timeLimit(.minutes(2)))
struct FileRotationTests {
    @Test("files do not exceed the size, no line is split, and the order of names is the order of lines")
    func size() async throws {
        var random = SeededRandom(seed: 1)
        let stage = try FileStage(SampleBatch.mixed(200, &random), rotation: FileRotation(size: 2000, keep: 100))
        try await stage.finish()
        try stage.expectUndisturbed()
        let files = try stage.files()
        #expect(files.count > 10)
        #expect(files.allSatisfy { $0.utf8.count <= 2000 && $0.hasSuffix("}\n") })
        // Full ones: a line that would have fit did not go to the next.
        for (file, next) in zip(files, files.dropFirst()) {
            let line = next.prefix { $0 != "\n" }.utf8.count + 1
            #expect(file.utf8.count + line > 2000)
        }
        #expect(try stage.directory.text("events.1") == files[files.count - 2])
        #expect(try stage.directory.text("events.\(files.count - 1)") == files[0])
    }

    @Test("a line longer than the size has a file of its own")
    func longLines() async throws {
        var sample = SampleBatch()
        for _ in 0..<3 { sample.addUsual() }
        let stage = try FileStage([sample.batch], rotation: FileRotation(size: 10, keep: 100))
        try await stage.finish()
        #expect(try stage.files().count == 3)
        try stage.expectUndisturbed()
    }

    @Test("a file is followed by another once its first line is old, over restarts too")
    func age() async throws {
        var random = SeededRandom(seed: 2)
        let stage = try FileStage(
            SampleBatch.mixed(40, &random), rotation: FileRotation(age: .seconds(100), keep: 100))
        try await stage.start()
        try await stage.deliver(through: 10)
        stage.clock.pass(.seconds(60))
        try await stage.deliver(through: 15)
        try await stage.settle()
        #expect(try stage.files().count == 1)
        stage.crash()
        stage.clock.pass(.seconds(39))
        try await stage.start()
        try await stage.deliver(through: 20)
        #expect(try stage.files().count == 1)
        stage.clock.pass(.seconds(1))
        try await stage.deliver(through: 25)
        #expect(try stage.files().count == 2)
        stage.clock.pass(.seconds(99))
        try await stage.finish()
        #expect(try stage.files().count == 2)
        try stage.expectUndisturbed()
    }

    @Test("former files stay up to the number, also when there were more", arguments: [0, 1, 3])
    func keep(_ keep: Int) async throws {
        var random = SeededRandom(seed: 3)
        let stage = try FileStage(SampleBatch.mixed(100, &random), rotation: FileRotation(size: 1000, keep: keep))
        for number in 1...6 { try append("", to: stage.path + ".\(number)") }
        try await stage.finish()
        let names = try FileManager.default.contentsOfDirectory(atPath: stage.directory.path).sorted()
        #expect(names == ["events"] + (0..<keep).map { "events.\($0 + 1)" })
        #expect(try stage.undisturbed.hasSuffix(stage.whole()))
    }

    @Test("names move up to the first that is free")
    func steps() {
        let rotation = FileRotation(keep: 4)
        func steps(_ existing: Int...) -> [FileRotation.Step] {
            rotation.steps(for: "e") { name in existing.contains { name == "e.\($0)" } }
        }
        #expect(steps() == [.rename("e", to: "e.1")])
        #expect(steps(2, 3) == [.rename("e", to: "e.1")])
        #expect(steps(1, 3) == [.rename("e.1", to: "e.2"), .rename("e", to: "e.1")])
        #expect(
            steps(1, 2, 3, 4, 5) == [
                .remove("e.5"), .rename("e.3", to: "e.4"), .rename("e.2", to: "e.3"), .rename("e.1", to: "e.2"),
                .rename("e", to: "e.1"),
            ])
    }

    @Test("a crash between any two steps loses and doubles nothing", arguments: 0...4, [1, 4, 9])
    func everyStep(_ performed: Int, _ settledAt: UInt64) async throws {
        var random = SeededRandom(seed: 4)
        let rotation = FileRotation(size: 700, keep: 9)
        let stage = try FileStage(SampleBatch.mixed(30, &random, longest: 50), rotation: rotation)
        try await stage.start()
        try await stage.deliver(through: settledAt)
        try await stage.settle()
        try await stage.deliver(through: 18)
        stage.crash()
        #expect(try stage.files().count >= 3)
        let steps = rotation.steps(for: stage.path) { FileManager.default.fileExists(atPath: $0) }
        for step in steps.prefix(performed) { try step.perform() }
        try await stage.finish()
        try stage.expectUndisturbed()
    }

    @Test("many rotations since the cursor was kept are found, one file after the other, and any end of the last")
    func manySinceKept() async throws {
        var random = SeededRandom(seed: 5)
        let batches = SampleBatch.mixed(30, &random, longest: 50)
        for through in 5...30 as ClosedRange<UInt64> {
            let stage = try FileStage(batches, rotation: FileRotation(size: 500, keep: 50))
            try await stage.start()
            try await stage.deliver(through: 3)
            try await stage.settle()
            try await stage.deliver(through: through)
            stage.crash()
            truncate(stage.path, random.below(stage.size + 1))
            try await stage.finish()
            try stage.expectUndisturbed("\(through)")
        }
    }

    @Test("a settled file that is not kept any more costs nothing of what stands in later ones")
    func dropped() async throws {
        var random = SeededRandom(seed: 6)
        let stage = try FileStage(
            SampleBatch.mixed(40, &random, longest: 50), rotation: FileRotation(size: 500, keep: 2))
        try await stage.start()
        try await stage.deliver(through: 3)
        try await stage.settle()
        try await stage.deliver(through: 40)
        stage.crash()
        let present = Set(try stage.whole().split(separator: "\n"))
        try await stage.finish()
        let after = try stage.whole().split(separator: "\n")
        #expect(Set(after).count == after.count)
        #expect(try stage.directory.text("events").hasSuffix("}\n"))
        #expect(!present.isEmpty)
        #expect(stage.kept.isConserved && stage.kept.sequence == 40)
    }

    @Test("a directory in which nothing can be renamed stops nobody, and is said once a minute")
    func cannotRotate() async throws {
        var random = SeededRandom(seed: 7)
        let stage = try FileStage(SampleBatch.mixed(40, &random), rotation: FileRotation(size: 500, keep: 3))
        let target = stage.directory.file("target")
        try append("", to: target)
        #expect(symlink(target, stage.path) == 0)
        try await stage.finish()
        #expect(try stage.directory.text("target") == stage.undisturbed)
        #expect(stage.book.lines.count == 1)
    }

    @Test(
        "rotation, renaming from outside, cutting, crashes at any byte, in any order: each line once",
        arguments: 0..<80)
    func everything(_ seed: Int) async throws {
        var random = SeededRandom(seed: UInt64(seed))
        let filter = random.pick([EventFilter.all, EventFilter(exclude: ["*/noise"])])
        let rotation = random.pick([nil, FileRotation(size: 1500, keep: 1000), FileRotation(size: 300, keep: 1000)])
        let stage = try FileStage(SampleBatch.mixed(300, &random, longest: 100), filter: filter, rotation: rotation)
        var moves = 0
        while stage.kept.sequence < stage.last {
            try await stage.start()
            for _ in 0..<random.below(6) {
                switch random.below(6) {
                case 0: try await stage.settle()
                case 1: stage.clock.pass(.milliseconds(100))
                case 2, 3:
                    // Others meddle now and then, not twice between two settlings.
                    try await stage.settle()
                    guard stage.isKnown, stage.size > 0 else { continue }
                    moves += 1
                    if random.chance(50) {
                        #expect(rename(stage.path, stage.path + "-\(moves)") == 0)
                    } else {
                        try FileManager.default.copyItem(atPath: stage.path, toPath: stage.path + "-\(moves)")
                        truncate(stage.path, 0)
                    }
                    if random.chance(50) { try await stage.deliver(through: stage.sequence + UInt64(random.below(30))) }
                    if random.chance(50) { stage.clock.pass(.seconds(1)) }
                default: try await stage.deliver(through: stage.sequence + UInt64(random.below(30)))
                }
            }
            if stage.sequence == stage.last { try await stage.settle() }
            stage.crash()
            if stage.kept.sequence == stage.last { break }
            stage.cut(&random)
            if random.chance(30), stage.isKnown, stage.size > 0 {
                moves += 1
                #expect(rename(stage.path, stage.path + "-\(moves)") == 0)
            }
        }
        try stage.expectUndisturbed()
        #expect(stage.kept.isConserved)
    }
}

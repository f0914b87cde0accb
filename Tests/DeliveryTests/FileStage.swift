@testable import Delivery
import Events
import Foundation
import Journal
import TestRandom
import Testing

/// One file sink over several lives of its process: what the journal has, what the sink last kept, and the directory.
final class FileStage {
    let directory: TemporaryDirectory
    let clock = FakeClock()
    let book = LogBook()
    let batches: [EventBatch]
    let filter: EventFilter
    let rotation: FileRotation?
    /// As the journal has it.
    private(set) var reader = TestReader(journal: TestJournal(), cursor: SinkCursor(base: 0))
    /// The file at the last settling.
    private(set) var settled: (identity: FileIdentity?, size: Int) = (nil, 0)
    private var sink: FileSink?
    private var progress: DeliveryProgress?

    init(_ batches: [EventBatch], filter: EventFilter = .all, rotation: FileRotation? = nil) throws {
        directory = try TemporaryDirectory(isInMemory: true)
        self.filter = filter
        self.rotation = rotation
        var next: UInt64 = 1
        self.batches = batches.map { batch in
            var batch = batch
            batch.firstSequence = next
            next = batch.lastSequence + 1
            return batch
        }
    }

    var path: String { directory.file("events") }
    var last: UInt64 { batches.last?.lastSequence ?? 0 }
    /// How far the present life has come.
    var sequence: UInt64 { progress?.cursor.sequence ?? 0 }
    var kept: SinkCursor { reader.cursor }
    /// What stands in the file of a sink that nothing ever happened to.
    var undisturbed: String { lines(of: batches, filter) }

    /// A life begins where the last one kept that it was.
    func start() async throws {
        let journal = TestJournal()
        reader = TestReader(journal: journal, cursor: kept)
        let sink = try FileSink(path: path, rotation: rotation, clock: clock.clock)
        self.sink = sink
        progress = DeliveryProgress(sink: "log", source: reader, logger: book.logger, clock: clock.clock)
        try await sink.begin(at: kept)
        try await settle()
    }

    func deliver(through sequence: UInt64) async throws {
        guard let sink, let progress else { return }
        var next = rest(of: batches, after: progress.cursor.sequence)
        next = next.filter { $0.firstSequence <= sequence }
        if var end = next.popLast() {
            if end.lastSequence > sequence { end.events.removeLast(Int(end.lastSequence - sequence)) }
            next.append(end)
        }
        if next.isEmpty { return }
        progress.announce(next)
        try await sink.deliver(next, filter: filter, progress: progress)
    }

    func settle() async throws {
        guard let sink, let progress else { return }
        progress.settled(place: try await sink.settle())
        settled = (FileIdentity(path: path), size)
    }

    /// The place that was kept is the file that has the name, and in a life nothing is left to be found out about it.
    var isKnown: Bool {
        guard let place = FilePlace(kept.place), let file = try? OutputFile(path: path, creates: false),
            place.identity == file.identity, place.mark == file.mark(before: place.size)
        else { return false }
        return sink == nil ? place.size <= file.size : place.size == file.size
    }

    /// As after a crash of the process while it wrote what is not settled: some of that is there, as far as to any byte.
    func cut(_ random: inout SeededRandom) {
        let least = settled.identity == FileIdentity(path: path) ? min(settled.size, size) : 0
        truncate(path, least + random.below(size - least + 1))
    }

    /// The life ends. What it wrote stays.
    func crash() {
        sink = nil
        progress = nil
    }

    /// One more life, until everything is delivered.
    func finish() async throws {
        if sink == nil { try await start() }
        try await deliver(through: last)
        try await settle()
        crash()
    }

    /// Another life under these cursors, for tests that try several ends of one.
    func rewind(to cursor: SinkCursor) {
        reader.commit(cursor, dead: [], revived: [])
    }

    // MARK: files

    var size: Int { fileSize(path) }

    func fileSize(_ path: String) -> Int {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : 0
    }

    /// All files of the directory, the one with the oldest first line first.
    func files() throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        let texts = try names.map { try Data(contentsOf: URL(filePath: directory.file($0))) }
            .filter { !$0.isEmpty }
        return texts.map { (Self.number($0), String(decoding: $0, as: UTF8.self)) }
            .sorted { $0.0 < $1.0 }.map(\.1)
    }

    func whole() throws -> String { try files().joined() }

    /// Byte for byte.
    func expectUndisturbed(_ note: String = "", at location: SourceLocation = #_sourceLocation) throws {
        let whole = try whole()
        if whole == undisturbed { return }
        let (have, want) = (whole.split(separator: "\n"), undisturbed.split(separator: "\n"))
        let first = zip(have, want).first { $0 != $1 }
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        let comment =
            "\(note): \(have.count) lines, not \(want.count), missing \(Set(want).subtracting(have).count), first: "
            + "\(first?.0.prefix(60) ?? "-"), not \(first?.1.prefix(60) ?? "-"), kept \(kept), \(names), \(book.lines)"
        Issue.record(Comment(rawValue: comment), sourceLocation: location)
    }

    private static func number(_ text: Data) -> UInt64 {
        text.withUnsafeBytes { bytes in
            let line = bytes.prefix { $0 != 0x0A }
            return LineScan.line(UnsafeRawBufferPointer(rebasing: line))?.sequence ?? 0
        }
    }
}

extension SampleBatch {
    /// Events of every kind, in batches of one to five.
    static func mixed(_ count: Int, _ random: inout SeededRandom, longest: Int = 300) -> [EventBatch] {
        var batches: [EventBatch] = []
        var left = count
        while left > 0 {
            var sample = SampleBatch(portal: random.pick(["acme", "acme", "a\"b"]))
            for _ in 0..<min(left, 1 + random.below(5)) {
                switch random.below(6) {
                case 0: sample.addGap()
                case 1: sample.add(random.bytes(random.below(40)), shape: .raw)
                case 2: sample.addUsual(command: "noise", number: UInt64(left))
                case 3: sample.add("\"" + String(repeating: "x", count: random.below(longest)) + "\"", shape: .json)
                default: sample.addUsual(number: UInt64(left))
                }
                left -= 1
            }
            batches.append(sample.batch)
        }
        return batches
    }
}

import EndToEndSupport
import Events
import Foundation
import Journal
import Logging
import Secrets
import Settings
import Synchronization
import Testing
import Transport

@testable import Daemon

/// Sinks on a journal that is filled by hand.
@Suite(.timeLimit(.minutes(1))) struct RunningSinksTests {
    private let directory: ScratchDirectory
    private let journal: Journal
    private let sinks: RunningSinks

    init() throws {
        directory = try ScratchDirectory()
        journal = try Journal.temporary()
        sinks = RunningSinks(
            journal: journal, client: NoClient(), logger: .nowhere, onAttempt: nil, onEnd: {})
    }

    private func with(_ body: () async throws -> Void) async throws {
        let run = Task { [sinks] in await sinks.run() }
        try await body()
        journal.finish()
        await sinks.drain()
        await run.value
        await journal.close()
    }

    private func change(_ sinks: SinkSettings...) async throws {
        try await self.sinks.make(try prepare(sinks))
    }

    private func prepare(_ sinks: [SinkSettings]) throws -> RunningSinks.Change {
        let settings = Settings(portals: [], sinks: sinks)
        let assembly = Assembly(settings: settings, secrets: .process, logger: .nowhere)
        let plans = try assembly.plans(client: NoClient()).sinks
        return try self.sinks.prepare(plans)
    }

    private func file(
        _ name: String, at file: String? = nil, exclude: [String] = [], rotation: RotationSettings? = nil
    ) -> SinkSettings {
        let path = directory.file(file ?? name)
        return SinkSettings(name: name, kind: .file(path: path, rotation: rotation), exclude: exclude)
    }

    private func append(_ numbers: ClosedRange<Int>) async throws {
        for number in numbers {
            let body = Array(#"{"module_id":"m","command":"c","params":{"n":\#(number)}}"#.utf8)
            var event = Event()
            event.id = MessageID(generation: 1_700_000_000, counter: UInt64(number))
            event.body = ByteRange(0..<body.count)
            event.shape = .json
            let batch = EventBatch(portal: "p", receivedAt: 0, bytes: body, events: [event])
            try await journal.append(JournalEntry(portal: "p", batch: batch))
        }
    }

    /// Numbers of the lines.
    private func sequences(_ name: String) -> [Int] {
        EventFile(contentsOf: directory.file(name)).lines.compactMap(\.sequence)
    }

    private func has(_ name: String, _ sequences: ClosedRange<Int>) async throws {
        try await eventually(within: .seconds(30), "\(name) has \(sequences): \(self.sequences(name).suffix(5))") {
            self.sequences(name) == Array(sequences)
        }
    }

    @Test("A sink whose filter changes again and again goes on from its cursor: each event once")
    func filters() async throws {
        try await with {
            for round in 0..<40 {
                try await change(file("a", exclude: ["no/such\(round)"]), file("b"))
                try await append(round * 50 + 1...round * 50 + 50)
            }
            try await has("a", 1...2000)
            try await has("b", 1...2000)
        }
        #expect(sequences("a") == Array(1...2000))
    }

    @Test("A sink that is not touched keeps its runner, and one that changes gets another")
    func untouched() async throws {
        try await with {
            try await change(file("a"), file("b"))
            let before = sinks.all.map { $0 as AnyObject }
            try await change(file("a", exclude: ["x/*"]), file("b"))
            let after = sinks.all.map { $0 as AnyObject }
            #expect(sinks.all.map(\.name) == ["a", "b"])
            #expect(before[0] !== after[0] && before[1] === after[1])
        }
    }

    @Test("A sink moves to another file and back: no event is in both, none in neither")
    func paths() async throws {
        try await with {
            for round in 0..<20 {
                try await change(file("a", at: round % 2 == 0 ? "even" : "odd"))
                try await append(round * 50 + 1...round * 50 + 50)
            }
            try await eventually(within: .seconds(30), "all is written") {
                sequences("even").count + sequences("odd").count >= 1000
            }
        }
        #expect((sequences("even") + sequences("odd")).sorted() == Array(1...1000))
    }

    @Test("A sink that changes while its files are rotated writes each event once")
    func rotation() async throws {
        try await with {
            for round in 0..<30 {
                try await change(
                    file("a", exclude: ["no/\(round)"], rotation: RotationSettings(size: 4096, keep: 1000)))
                try await append(round * 50 + 1...round * 50 + 50)
            }
            try await eventually(within: .seconds(30), "all is written") {
                EventFile(rotated: directory.file("a")).lines.count >= 1500
            }
        }
        #expect(EventFile(rotated: directory.file("a")).lines.compactMap(\.sequence) == Array(1...1500))
    }

    @Test(
        "A file that is rotated after it was opened for the next sink: that one goes on in the new file, each event once"
    )
    func rotationMeanwhile() async throws {
        let rotation = RotationSettings(size: 4096, keep: 1000)
        try await with {
            try await change(file("a", rotation: rotation))
            try await append(1...5)
            try await has("a", 1...5)
            let change = try prepare([file("a", exclude: ["x/*"], rotation: rotation)])
            try await append(6...100)
            try await eventually(within: .seconds(30), "it is rotated") {
                EventFile(rotated: directory.file("a")).lines.count >= 100
            }
            try await sinks.make(change)
            try await append(101...200)
            try await eventually(within: .seconds(30), "all is written") {
                EventFile(rotated: directory.file("a")).lines.count >= 200
            }
        }
        #expect(EventFile(rotated: directory.file("a")).lines.compactMap(\.sequence) == Array(1...200))
    }

    @Test("A sink takes over the file of one that goes: the old one has written all it will before the new one begins")
    func takeOver() async throws {
        try await with {
            try await change(file("old", at: "file"))
            try await append(1...500)
            try await change(file("new", at: "file"))
            let written = sequences("file").count
            try await append(501...1000)
            try await eventually(within: .seconds(30), "the new one writes") { sequences("file").last == 1000 }
            // The new one begins where it was made; what the old one had left by then is the old one's.
            #expect(sequences("file") == Array(1..<written + 1) + Array(501...1000))
        }
    }

    @Test("A sink that is removed holds nothing in the journal, and goes on from its cursor when it comes back")
    func removed() async throws {
        try await with {
            try await change(file("a"), file("b"))
            try await append(1...10)
            try await has("b", 1...10)
            try await change(file("a"))
            #expect(sinks.all.map(\.name) == ["a"])
            try await append(11...20)
            try await has("a", 1...20)
            #expect(sequences("b").count == 10)
            try await change(file("a"), file("b"))
            try await has("b", 1...20)
        }
    }

    @Test("A file that cannot be opened changes nothing: the error names each, and everybody runs on")
    func cannotOpen() async throws {
        try await with {
            try await change(file("a"))
            let before = sinks.all[0] as AnyObject
            let failure = await #expect(throws: StartFailure.self) {
                try await change(
                    file("a", exclude: ["x"]), file("b", at: "no/such/b"), file("c", at: "no/such/c"))
            }
            #expect(failure?.code == .cannotCreate)
            #expect(failure?.description.split(separator: "\n").count == 2)
            #expect(sinks.all.map { $0 as AnyObject }.first === before && sinks.all.count == 1)
            try await append(1...10)
            try await has("a", 1...10)
        }
    }
}

/// Carries nothing.
struct NoClient: HTTPClient {
    func exchange(_ request: HTTPRequest) async throws(TransportError) -> HTTPResponse {
        throw TransportError(stage: .cancelled, message: "not to be called")
    }
}

extension Logger {
    static let nowhere = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

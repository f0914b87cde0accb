import EndToEndSupport
import Events
import History
import Journal
import Synchronization
import Testing

private final class NoteList: Sendable {
    private let notes = Mutex<[String]>([])
    var all: [String] { notes.withLock { $0 } }

    func add(_ note: String) { notes.withLock { $0.append(note) } }
}

@Suite struct TailTests {
    private let source = FakeHistory([SampleEvents().events("crm/deal", count: 30).batch])
    private let pipe = PipeReader()

    private func tail(
        _ selection: EventSelection = EventSelection(), count: Int?, follows: Bool = false,
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) -> Tail {
        Tail(selection, of: source, count: count, follows: follows, form: .lines, output: pipe.output, note: note)
    }

    /// The numbers of lines.
    private func numbers(_ text: String) -> [Int] {
        text.split(separator: "\n").compactMap { line in
            line.firstMatch(of: #/^\{"seq":(\d+),/#).flatMap { Int($0.output.1) }
        }
    }

    @Test(
        "The last few are shown, or all",
        arguments: [(0, []), (3, [28, 29, 30]), (nil, Array(1...30))] as [(Int?, [Int])])
    func lastOnes(count: Int?, shown: [Int]) async throws {
        var tail = tail(count: count)
        try await tail.run()
        #expect(numbers(pipe.text()) == shown)
    }

    @Test("The lines are those of a file sink, to the byte")
    func form() async throws {
        var tail = tail(count: 1)
        try await tail.run()
        #expect(
            pipe.text() == """
                {"seq":30,"portal":"acme","mid":"17000000000000000000000029","module":"crm","command":"deal",\
                "params":{"n":29},"received_at":"2026-11-22T09:00:00.123456Z"}

                """)
    }

    @Test("Following shows what comes, once each, in order, and leaves out what is not meant")
    func follow() async throws {
        let task = Task { [tail = tail(EventSelection(commands: ["deal"]), count: 1, follows: true)] in
            var tail = tail
            try await tail.run()
        }
        var text = ""
        try await eventually(within: .seconds(30), "the first") {
            text += pipe.text()
            return numbers(text) == [30]
        }
        source.append(SampleEvents().events("crm/deal", count: 2).event("crm/other").batch)
        source.append(SampleEvents().events("crm/deal", count: 1).batch)
        try await eventually(within: .seconds(30), "all") {
            text += pipe.text()
            return numbers(text) == [30, 31, 32, 34]
        }
        task.cancel()
        try await task.value
    }

    @Test("From a number to come nothing is shown until it is there")
    func future() async throws {
        var selection = EventSelection()
        selection.since = .sequence(33)
        let task = Task { [tail = tail(selection, count: nil, follows: true)] in
            var tail = tail
            try await tail.run()
        }
        source.append(SampleEvents().events("crm/deal", count: 5).batch)
        var text = ""
        try await eventually(within: .seconds(30), "the rest") {
            text += pipe.text()
            return numbers(text) == [33, 34, 35]
        }
        task.cancel()
        try await task.value
    }

    @Test("A journal that was begun anew is said and shown from its first event on")
    func anew() async throws {
        let notes = NoteList()
        let task = Task { [tail = tail(count: 1, follows: true, note: notes.add)] in
            var tail = tail
            try await tail.run()
        }
        var text = ""
        try await eventually(within: .seconds(30), "the last one") {
            text += pipe.text()
            return numbers(text) == [30]
        }
        source.beginAnew()
        source.append(SampleEvents().events("crm/deal", count: 2).batch)
        try await eventually(within: .seconds(30), "the new ones") {
            text += pipe.text()
            return numbers(text) == [30, 1, 2]
        }
        #expect(notes.all == ["the journal was begun anew: what is in it is shown from the first event on"])
        task.cancel()
        try await task.value
    }

    @Test("A reader that goes away ends it, while events come and while none come", arguments: [true, false])
    func closed(comes: Bool) async throws {
        let task = Task { [tail = tail(count: 1, follows: true)] in
            var tail = tail
            try await tail.run()
        }
        try await eventually(within: .seconds(30), "the first") { numbers(pipe.text()) == [30] }
        pipe.goAway()
        if comes { source.append(SampleEvents().events("crm/deal", count: 1).batch) }
        let end = Ending()
        let waiting = Task {
            try await task.value
            end.hasCome.withLock { $0 = true }
        }
        defer { task.cancel() }
        try await eventually(within: .seconds(30), "it ends by itself") { end.hasCome.withLock { $0 } }
        try await waiting.value
    }
}

private final class Ending: Sendable {
    let hasCome = Mutex(false)
}

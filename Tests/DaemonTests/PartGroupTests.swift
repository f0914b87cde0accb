import EndToEndSupport
import Synchronization
import Testing
import Timing

@testable import Daemon

@Suite(.timeLimit(.minutes(1))) struct PartGroupTests {
    /// A part that ends when it is asked to, or only when it is cancelled.
    private final class Actor: Sendable {
        let stop = OneShotSignal()
        let words = Mutex<[String]>([])

        func part(_ name: String, obeys: Bool = true) -> PartGroup.Part {
            PartGroup.Part(
                run: { [self] in
                    say("\(name) begins")
                    if obeys { await stop.wait() } else { try? await Task.sleep(for: .seconds(3600)) }
                    say("\(name) ends")
                },
                requestStop: { [self] in stop.fire() })
        }

        func say(_ word: String) { words.withLock { $0.append(word) } }
        var said: [String] { words.withLock { $0 } }
    }

    private final class Count: Sendable {
        let value = Atomic<Int>(0)
    }

    private func with(_ group: PartGroup, _ body: () async throws -> Void) async throws {
        let run = Task { await group.run() }
        defer { run.cancel() }
        try await body()
        await group.stopAll(within: .seconds(5))
        await run.value
    }

    @Test("A part that is stopped has ended before its successor begins")
    func order() async throws {
        let ends = Count()
        let group = PartGroup { ends.value.add(1, ordering: .relaxed) }
        let first = Actor()
        let second = Actor()
        try await with(group) {
            group.start("a", first.part("first"))
            try await eventually(within: .seconds(30), "it runs") { first.said == ["first begins"] }
            await group.stop(["a"], within: .seconds(5))
            #expect(first.said == ["first begins", "first ends"])
            group.start("a", second.part("second"))
            try await eventually(within: .seconds(30), "it runs") { second.said == ["second begins"] }
            await group.stop(["nobody"], within: .seconds(5))
            #expect(second.said == ["second begins"])
        }
        #expect(second.said == ["second begins", "second ends"])
        #expect(ends.value.load(ordering: .relaxed) == 0)
    }

    @Test("A part that does not obey is cancelled after the limit, and the others are not")
    func limit() async throws {
        let group = PartGroup {}
        let stubborn = Actor()
        let other = Actor()
        try await with(group) {
            group.start("stubborn", stubborn.part("stubborn", obeys: false))
            group.start("other", other.part("other"))
            try await eventually(within: .seconds(30), "they run") { stubborn.said.count + other.said.count == 2 }
            await group.stop(["stubborn"], within: .milliseconds(20))
            #expect(stubborn.said == ["stubborn begins", "stubborn ends"])
            #expect(other.said == ["other begins"])
        }
    }

    @Test("Whoever ends without having been asked to is told of")
    func unasked() async throws {
        let ends = Count()
        let group = PartGroup { ends.value.add(1, ordering: .relaxed) }
        let actor = Actor()
        try await with(group) {
            group.start("a", actor.part("a"))
            // Not by the group.
            actor.stop.fire()
            try await eventually(within: .seconds(30), "its end is told") { ends.value.load(ordering: .relaxed) == 1 }
        }
        #expect(ends.value.load(ordering: .relaxed) == 1)
    }
}

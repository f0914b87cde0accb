import Delivery
import Events
import Foundation
import Synchronization
import Testing
import Transport

@Suite("A webhook's runner that is asked to stop", .timeLimit(.minutes(1)))
struct WebhookStopTests {
    private let clock = FakeClock()
    private let book = LogBook()
    private let journal = TestJournal()

    private func runner(
        _ client: FakeClient, _ reader: TestReader, concurrency: Int = 1, stopLimit: Duration
    ) -> WebhookRunner {
        WebhookRunner(
            name: "app", target: WebhookTarget(place: .url("http://127.0.0.1:8080/", .loopback)),
            pace: WebhookPace(concurrency: concurrency), client: client, source: reader, logger: book.logger,
            drainLimit: FakeClock.drainLimit, stopLimit: stopLimit, retryInterval: FakeClock.never,
            clock: clock.clock)
    }

    @Test("asked to stop it lets the requests under way be answered, keeps that, and begins no other")
    func requestStop() async throws {
        let isAnswering = Mutex(false)
        let client = FakeClient { _, _ in
            while !isAnswering.withLock({ $0 }) { try? await Task.sleep(for: .milliseconds(1)) }
            return HTTPResponse(status: 204)
        }
        let reader = journal.reader()
        // Two portals: two requests under way, and two workers with nothing to do.
        let runner = runner(client, reader, concurrency: 4, stopLimit: FakeClock.never)
        for portal in ["a", "b"] { journal.append(SampleBatch.usual(portal: portal, count: 3)) }
        async let run: Void = runner.run()
        #expect(await eventually { client.requests.count == 2 })
        runner.requestStop()
        isAnswering.withLock { $0 = true }
        try await run
        #expect(client.requests.count == 2)
        // The first of the second portal is behind two of the first: it comes again.
        #expect(reader.cursor.sequence == 1 && runner.counts.pending == 5)
        #expect(book.lines.isEmpty)
    }

    @Test("a hung target holds up one that is asked to stop no longer than its limit")
    func requestStopHung() async throws {
        let runner = runner(.hung(), journal.reader(), stopLimit: .seconds(5))
        journal.append(SampleBatch.usual(count: 2))
        async let run: Void = runner.run()
        runner.requestStop()
        try await run
        #expect(runner.counts.pending == 2 && clock.sleeps.contains(.seconds(5)))
    }
}

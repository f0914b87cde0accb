import Delivery
import Events
import Foundation
import Journal
import Secrets
import Testing
import Transport

@Suite("The webhook sink", .timeLimit(.minutes(1)))
struct WebhookSinkTests {
    private let clock = FakeClock()
    private let book = LogBook()
    private let journal = TestJournal()

    private func runner(
        _ client: FakeClient, secret: Secret? = nil, filter: EventFilter = .all,
        drainLimit: Duration = FakeClock.drainLimit
    ) -> SinkRunner {
        let sink = WebhookSink(
            url: "http://127.0.0.1:8080/bitrix", secret: secret, client: client, clock: clock.clock)
        return SinkRunner(
            name: "app", sink: sink, reader: journal.reader(named: "app"), filter: filter, logger: book.logger,
            drainLimit: drainLimit, settleInterval: FakeClock.never, clock: clock.clock)
    }

    @Test("one request an event, in order, its line as body without the line feed")
    func requests() async throws {
        let client = FakeClient.willing()
        let runner = runner(client)
        journal.append(SampleBatch.usual(count: 2))
        var sample = SampleBatch()
        sample.add("1", shape: .json)
        journal.append(sample.batch)
        journal.finish()
        try await runner.run()

        let end = #""received_at":"2026-11-22T09:00:00.123456Z"}"#
        let usual = #""module":"application","command":"order.paid","params":"#
        #expect(
            client.bodies == [
                #"{"seq":1,"portal":"acme","mid":"17000000000000000000000000",\#(usual){"id":0},"extra":{},"# + end,
                #"{"seq":2,"portal":"acme","mid":"17000000000000000000000001",\#(usual){"id":1},"extra":{},"# + end,
                #"{"seq":3,"portal":"acme","body":1,"# + end,
            ])
        let request = try #require(client.requests.last)
        #expect(request.method == .post)
        #expect(request.url.exposed == "http://127.0.0.1:8080/bitrix")
        let headers = request.headers.map { "\($0.name): \($0.value)" }
        #expect(
            headers == [
                "content-type: application/json", "webhook-id: acme-3", "webhook-timestamp: 1795338000",
            ])
        #expect(runner.counts.delivered == 3)
        #expect(book.lines.isEmpty)
    }

    @Test("with a secret every request is signed over id, time and body")
    func signed() async throws {
        let client = FakeClient.willing()
        let runner = runner(client, secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        journal.append(SampleBatch.usual(count: 1))
        journal.finish()
        try await runner.run()
        let request = try #require(client.requests.first)
        let expected = WebhookSignature(secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .header(id: "acme-17000000000000000000000000", timestamp: 1_795_338_000, body: request.body)
        #expect(request.headers.last?.name == "webhook-signature")
        #expect(request.headers.last?.value == expected)
    }

    @Test("any 2xx takes an event", arguments: [200, 201, 202, 204, 299])
    func taken(_ status: Int) async throws {
        let client = FakeClient { _, _ in HTTPResponse(status: status) }
        let runner = runner(client)
        journal.append(SampleBatch.usual(count: 1))
        journal.finish()
        try await runner.run()
        #expect(client.requests.count == 1)
    }

    @Test(
        "any other answer is tried again, with the same id and body",
        arguments: [100, 301, 302, 400, 401, 404, 410, 429, 500, 503])
    func refused(_ status: Int) async throws {
        let client = FakeClient { attempt, _ in HTTPResponse(status: attempt < 3 ? status : 200) }
        let runner = runner(client)
        journal.append(SampleBatch.usual(count: 1))
        journal.finish()
        try await runner.run()
        #expect(client.requests.count == 3)
        #expect(Set(client.bodies).count == 1)
        #expect(Set(client.requests.map { $0.headers.first { $0.name == "webhook-id" }?.value }).count == 1)
        #expect(
            book.lines == [
                "warning sink blocked, its events wait code=refused cure=look into its log; any 2xx takes an event "
                    + "reason=the webhook answered \(status) sink=app",
                "notice sink goes on blocked_seconds=1 sink=app",
            ])
    }

    @Test("pauses grow from half a second to thirty, and begin anew with the next event")
    func pauses() async throws {
        let client = FakeClient { attempt, _ throws(TransportError) in
            if attempt == 10 || attempt > 11 { return HTTPResponse(status: 200) }
            throw TransportError(stage: .connect, message: "connection refused", cure: "start it")
        }
        let runner = runner(client)
        journal.append(SampleBatch.usual(count: 2))
        journal.finish()
        try await runner.run()
        let milliseconds = clock.sleeps.map { Int(($0 / .milliseconds(1)).rounded()) }
        #expect(milliseconds == [450, 900, 1800, 3600, 7200, 14_400, 27_000, 27_000, 27_000, 450])
        #expect(book.lines.count == 4)
        #expect(runner.counts.delivered == 2)
    }

    @Test("while a webhook hangs the next event waits, and its time-outs are retried")
    func hung() async throws {
        let client = FakeClient { attempt, _ throws(TransportError) in
            if attempt > 4 { return HTTPResponse(status: 200) }
            throw TransportError(stage: .http, message: "no answer within 30 s", isTimeout: true)
        }
        let runner = runner(client)
        journal.append(SampleBatch.usual(count: 2))
        journal.finish()
        try await runner.run()
        #expect(client.requests.count == 6)
        #expect(client.requests.allSatisfy { $0.timeout == .seconds(30) })
        #expect(Set(client.bodies.prefix(5)).count == 1)
    }

    @Test("a hung webhook ends with the drain limit, and what is left is said")
    func drainLimit() async throws {
        // A limit that the clock lets pass at once.
        let runner = runner(.hung(), drainLimit: .seconds(5))
        journal.append(SampleBatch.usual(count: 2))
        async let run: Void = runner.run()
        journal.finish()
        try await run
        #expect(runner.counts.pending == 2)
        #expect(book.lines == ["warning sink stopped with events left events=2 sink=app"])
    }

    @Test("a hung webhook does not keep a cancelled task from ending")
    func cancelled() async throws {
        let client = FakeClient.hung()
        let runner = runner(client)
        journal.append(SampleBatch.usual(count: 2))
        let run = Task { try await runner.run() }
        #expect(await eventually { client.requests.count == 1 })
        run.cancel()
        try await run.value
        #expect(runner.counts.pending == 2)
        #expect(client.requests.count == 1)
    }

    @Test("a webhook that does not answer holds nobody up; each event that it took before is kept as done")
    func keptPerEvent() async throws {
        let client = FakeClient { attempt, _ throws(TransportError) in
            if attempt <= 3 { return HTTPResponse(status: 200) }
            do { try await Task.sleep(for: .seconds(3600)) } catch {}
            throw TransportError(stage: .cancelled, message: "cancelled")
        }
        let reader = journal.reader()
        let sink = WebhookSink(url: "http://127.0.0.1/", client: client, clock: clock.clock)
        let runner = SinkRunner(
            name: "app", sink: sink, reader: reader, filter: EventFilter(exclude: ["*/noise"]), logger: book.logger,
            settleInterval: FakeClock.never, clock: clock.clock)
        journal.append(SampleBatch.usual(count: 2, command: "noise"))
        journal.append(SampleBatch.usual(count: 10))
        let run = Task { try await runner.run() }
        #expect(await eventually { client.requests.count == 4 })
        for _ in 0..<100 { journal.append(SampleBatch.usual(count: 10)) }
        #expect(reader.cursor.sequence == 5)
        #expect(reader.cursor.delivered == 3)
        #expect(reader.cursor.filtered == 2)
        #expect(runner.counts.pending == 1007)
        run.cancel()
        try await run.value

        // After a crash the one that was not taken comes again, under the same id.
        let again = FakeClient.willing()
        let second = SinkRunner(
            name: "app", sink: WebhookSink(url: "http://127.0.0.1/", client: again, clock: clock.clock),
            reader: journal.reader(at: reader.cursor), logger: book.logger, clock: clock.clock)
        journal.finish()
        try await second.run()
        let ids = { (client: FakeClient) in
            client.requests.map { $0.headers.first { $0.name == "webhook-id" }?.value }
        }
        #expect(ids(client).last == ids(again).first)
        #expect(second.counts.delivered == 3 + 1007)
        #expect(second.counts.filtered == 2)
    }

    @Test("a gap record is posted under an id of its own, whatever the patterns")
    func gap() async throws {
        let client = FakeClient.willing()
        let runner = runner(client, filter: EventFilter(portals: ["acme"], include: ["im/*"]))
        var sample = SampleBatch()
        sample.addUsual()
        sample.addGap()
        journal.append(sample.batch)
        var other = SampleBatch(portal: "other")
        other.addGap()
        journal.append(other.batch)
        journal.finish()
        try await runner.run()
        #expect(
            client.bodies == [
                #"{"seq":2,"portal":"acme","gap":{"reason":"retention"},"received_at":"2026-11-22T09:00:00.123456Z"}"#
            ])
        #expect(client.requests.first?.headers.first { $0.name == "webhook-id" }?.value == "acme-gap-2")
        #expect(runner.counts.filtered == 2)
    }

    @Test("events that the filter holds back are done with, also behind the last that passes")
    func filtered() async throws {
        let client = FakeClient.willing()
        let runner = runner(client, filter: EventFilter(portals: ["acme"], include: ["*/a"]))
        var sample = SampleBatch()
        for command in ["b", "a", "b", "a", "b", "b"] { sample.addUsual(command: command) }
        journal.append(sample.batch)
        journal.append(SampleBatch.usual(portal: "other", count: 3, command: "a"))
        journal.finish()
        try await runner.run()
        #expect(client.bodies.map { $0.prefix(8) } == [#"{"seq":2"#, #"{"seq":4"#])
        #expect(runner.counts.delivered == 2)
        #expect(runner.counts.filtered == 7)
        #expect(runner.counts.pending == 0)
    }
}

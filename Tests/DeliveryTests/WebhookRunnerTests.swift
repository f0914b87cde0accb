import Delivery
import Events
import Foundation
import Journal
import Secrets
import Synchronization
import Testing
import Timing
import Transport

@Suite("The runner of a webhook", .timeLimit(.minutes(1)))
struct WebhookRunnerTests {
    private let clock = FakeClock()
    private let book = LogBook()
    private let journal = TestJournal()

    private func runner(
        _ client: FakeClient, _ reader: TestReader, pace: WebhookPace = WebhookPace(), filter: EventFilter = .all,
        drainLimit: Duration = FakeClock.drainLimit, stopLimit: Duration = .seconds(5),
        retryInterval: Duration = FakeClock.never,
        onAttempt: (@Sendable (WebhookAttempt) -> Void)? = nil
    ) -> WebhookRunner {
        let target = WebhookTarget(
            place: .url("http://127.0.0.1:8080/bitrix", .loopback), secrets: ["hunter2"],
            headers: [("authorization", "Bearer hunter3")])
        return WebhookRunner(
            name: "app", target: target, pace: pace, client: client, source: reader, filter: filter,
            logger: book.logger, drainLimit: drainLimit, stopLimit: stopLimit, retryInterval: retryInterval,
            clock: clock.clock,
            onAttempt: onAttempt)
    }

    private func sequence(_ request: HTTPRequest) -> Int {
        let text = String(decoding: request.body, as: UTF8.self)
        return Int(text.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? 0
    }

    private func header(_ name: String, _ request: HTTPRequest) -> String? {
        request.headers.first { $0.name == name }?.value
    }

    @Test("every event goes once, in order, and is kept as done; nothing is logged")
    func order() async throws {
        let client = FakeClient.willing()
        let reader = journal.reader()
        for _ in 0..<100 { journal.append(SampleBatch.usual(count: 30)) }
        journal.finish()
        let runner = runner(client, reader)
        try await runner.run()
        #expect(client.requests.map(sequence) == Array(1...3000))
        #expect(reader.cursor.sequence == 3000 && reader.cursor.delivered == 3000)
        #expect(reader.commits.allSatisfy { $0.isConserved })
        #expect(runner.counts.delivered == 3000 && runner.counts.pending == 0)
        #expect(book.lines.isEmpty)
    }

    @Test("several portals are served at a time, each in its order")
    func concurrency() async throws {
        let most = Mutex((now: 0, most: 0))
        let client = FakeClient { _, _ in
            most.withLock { most in
                most.now += 1
                most.most = max(most.most, most.now)
            }
            try? await Task.sleep(for: .milliseconds(1))
            most.withLock { $0.now -= 1 }
            return HTTPResponse(status: 200)
        }
        for round in 0..<20 {
            for portal in 0..<8 { journal.append(SampleBatch.usual(portal: "p\(portal)", count: 1 + round % 3)) }
        }
        journal.finish()
        let reader = journal.reader()
        let runner = runner(client, reader, pace: WebhookPace(concurrency: 4))
        try await runner.run()
        #expect(most.withLock { $0.most } == 4)
        let byPortal = Dictionary(grouping: client.requests) { header("webhook-id", $0)?.prefix(2) ?? "" }
        #expect(byPortal.count == 8)
        #expect(byPortal.values.allSatisfy { $0.map(sequence) == $0.map(sequence).sorted() })
        #expect(reader.cursor.isConserved && reader.cursor.delivered == journal.lastSequence)
    }

    @Test("a target that is down loses nothing: the event goes again, same id and body, and both changes are told once")
    func outage() async throws {
        let client = FakeClient { attempt, _ throws(TransportError) in
            if attempt == 3 { return HTTPResponse(status: 503) }
            if 4...9 ~= attempt {
                throw TransportError(stage: .connect, message: "127.0.0.1 accepts no connection", cure: "start it")
            }
            return HTTPResponse(status: 204)
        }
        journal.append(SampleBatch.usual(count: 5))
        journal.finish()
        let reader = journal.reader()
        try await runner(client, reader).run()
        #expect(client.requests.map(sequence) == [1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4, 5])
        #expect(Set(client.requests[2...9].map { header("webhook-id", $0) }).count == 1)
        #expect(Set(client.bodies[2...9]).count == 1)
        #expect(reader.letters.isEmpty && reader.cursor.delivered == 5)
        #expect(book.lines.count == 3)
        #expect(book.lines[0].contains("sink blocked") && book.lines[0].contains("503 Service Unavailable"))
        #expect(book.lines[1].contains("code=unreachable") && book.lines[1].contains("cure=start it"))
        #expect(book.lines[2].hasPrefix("notice sink goes on"))
    }

    @Test("a target that wants no more is asked again after an hour, with a warning")
    func unwanted() async throws {
        let client = FakeClient { attempt, _ in HTTPResponse(status: attempt == 1 ? 410 : 200) }
        journal.append(SampleBatch.usual(count: 1))
        journal.finish()
        let clock = PatientClock()
        let runner = WebhookRunner(
            name: "app", target: WebhookTarget(place: .url("http://127.0.0.1/", .loopback)), pace: WebhookPace(),
            client: client, source: journal.reader(), logger: book.logger, drainLimit: .seconds(100_000),
            retryInterval: .seconds(100_000), clock: clock.clock)
        try await runner.run()
        #expect(clock.sleeps.contains(.seconds(3600)))
        #expect(book.lines.first?.hasPrefix("warning sink blocked, its events wait code=unwanted") == true)
        #expect(runner.counts.delivered == 1)
    }

    @Test("poison becomes a dead letter after its attempts, with one warning, and the others go on")
    func poison() async throws {
        let client = FakeClient { [self] _, request in
            HTTPResponse(status: sequence(request) == 3 ? 500 : 200)
        }
        journal.append(SampleBatch.usual(count: 6))
        journal.finish()
        let reader = journal.reader()
        try await runner(client, reader).run()
        #expect(client.requests.map(sequence) == [1, 2, 3, 3, 3, 3, 3, 3, 4, 5, 6])
        #expect(reader.cursor.delivered == 5 && reader.cursor.dead == 1 && reader.cursor.sequence == 6)
        let letter = try #require(reader.letters.first)
        #expect(letter.sequence == 3 && letter.attempts == 6 && letter.reason == "500 Internal Server Error")
        #expect(letter.sink == "app" && letter.batch.events.count == 1 && letter.diedAt > 1_795_338_000_000_000)
        let told = book.lines.filter { !$0.hasPrefix("debug") }
        #expect(
            told == [
                "warning event given up, it is a dead letter now attempts=6 cure=mend the webhook, then: pulld dead retry "
                    + "portal=acme reason=500 Internal Server Error seq=3 sink=app"
            ])
    }

    @Test("of many events given up the first is told, and the others as a number")
    func manyDead() async throws {
        let client = FakeClient { _, _ in HTTPResponse(status: 404) }
        journal.append(SampleBatch.usual(count: 500))
        journal.finish()
        let reader = journal.reader()
        let pace = WebhookPace(attempts: 1)
        try await runner(client, reader, pace: pace).run()
        #expect(reader.cursor.dead == 500 && reader.letters.count == 500 && reader.cursor.isConserved)
        let told = book.lines.filter { !$0.hasPrefix("debug") }
        #expect(told.count == 2 && told.last == "warning more events given up events=499 sink=app")
    }

    @Test("a dead letter that somebody asks for is sent again, and the counts follow")
    func revival() async throws {
        let isMended = Mutex(false)
        let client = FakeClient { [self] _, request in
            HTTPResponse(status: sequence(request) == 2 && !isMended.withLock { $0 } ? 500 : 200)
        }
        let reader = journal.reader()
        let runner = runner(client, reader, pace: WebhookPace(attempts: 2), retryInterval: .milliseconds(1))
        async let run: Void = runner.run()
        journal.append(SampleBatch.usual(count: 3))
        #expect(await eventually { reader.cursor.dead == 1 })
        // Not mended yet: it fails again, once, and is kept.
        reader.requestRetry([2])
        #expect(await eventually { reader.letters.first?.attempts == 3 })
        #expect(reader.letters.first?.isRetryRequested == false)
        isMended.withLock { $0 = true }
        reader.requestRetry([2])
        #expect(await eventually { reader.letters.isEmpty })
        journal.finish()
        try await run
        #expect(reader.cursor.delivered == 3 && reader.cursor.dead == 0 && reader.cursor.isConserved)
        #expect(client.requests.filter { sequence($0) == 2 }.count == 4)
        #expect(Set(client.requests.filter { sequence($0) == 2 }.map { header("webhook-id", $0) }).count == 1)
    }

    // MARK: the journal

    @Test("no more than the window is sent while the journal does not have on disk that it was")
    func window() async throws {
        let client = FakeClient.willing()
        let reader = journal.reader()
        reader.holdDisk()
        journal.append(SampleBatch.usual(count: 300))
        let runner = runner(client, reader)
        let run = Task { try await runner.run() }
        #expect(await eventually { client.requests.count == 64 })
        try await Task.sleep(for: .milliseconds(30))
        #expect(client.requests.count == 64)
        let sent = client.requests.count
        reader.reachDisk()
        #expect(await eventually { client.requests.count > sent })
        #expect(client.requests.count <= sent + 64)
        // The process dies. What comes again has the same ids, and is no more than the window.
        run.cancel()
        try await run.value
        let again = FakeClient.willing()
        var cursor = SinkCursor(base: 0)
        cursor.sequence = reader.durableSequence
        cursor.delivered = reader.durableSequence
        journal.finish()
        try await self.runner(again, journal.reader(at: cursor)).run()
        let ids = Set(client.requests.map { header("webhook-id", $0) })
        #expect(again.requests.filter { ids.contains(header("webhook-id", $0)) }.count <= 64)
        #expect(Set(client.requests.map(sequence) + again.requests.map(sequence)) == Set(1...300))
    }

    @Test("events that the filter holds back are done with; gap records of the portal pass; gaps in numbers are dead")
    func filtered() async throws {
        let client = FakeClient.willing()
        let reader = journal.reader()
        var sample = SampleBatch()
        for command in ["b", "a", "b", "a", "b", "b"] { sample.addUsual(command: command) }
        journal.append(sample.batch)
        journal.append(SampleBatch.usual(portal: "other", count: 3, command: "a"))
        journal.skip(5)
        var gap = SampleBatch()
        gap.addGap()
        journal.append(gap.batch)
        journal.finish()
        let runner = runner(client, reader, filter: EventFilter(portals: ["acme"], include: ["*/a"]))
        try await runner.run()
        #expect(client.requests.map(sequence) == [2, 4, 15])
        #expect(reader.cursor.delivered == 3 && reader.cursor.filtered == 7 && reader.cursor.dead == 5)
        #expect(reader.cursor.isConserved && runner.counts.pending == 0)
    }

    @Test("a journal that cannot be read now is read later; a damaged one ends the run")
    func journalFaults() async throws {
        let client = FakeClient.willing()
        let reader = journal.reader()
        let fault = { JournalError(code: $0, message: "it is \($0)", cure: "mend it") }
        reader.fail([fault(.inputOutput), fault(.inputOutput)])
        journal.append(SampleBatch.usual(count: 2))
        journal.finish()
        try await runner(client, reader).run()
        #expect(client.requests.count == 2)

        let damaged = journal.reader()
        damaged.fail([fault(.damaged)])
        let runner = runner(client, damaged)
        let error = await #expect(throws: SinkError.self) { try await runner.run() }
        #expect(error?.code == .journal && client.requests.count == 2)
    }

    // MARK: ends

    @Test("a hung target ends with the drain limit, and what is left is said")
    func drainLimit() async throws {
        let runner = runner(.hung(), journal.reader(), drainLimit: .seconds(5))
        journal.append(SampleBatch.usual(count: 2))
        journal.finish()
        try await runner.run()
        #expect(runner.counts.pending == 2)
        #expect(book.lines == ["warning sink stopped with events left events=2 sink=app"])
    }

    @Test("a hung target does not keep a cancelled task from ending, whatever it is doing")
    func cancelled() async throws {
        for client in [FakeClient.hung(), FakeClient { _, _ in HTTPResponse(status: 503) }] {
            let journal = TestJournal()
            let runner = runner(client, journal.reader(), pace: WebhookPace(concurrency: 3))
            journal.append(SampleBatch.usual(count: 2))
            let run = Task { try await runner.run() }
            #expect(await eventually { client.requests.count >= 1 })
            run.cancel()
            try await run.value
            #expect(runner.counts.pending == 2)
        }
        let idle = runner(.willing(), TestJournal().reader(), pace: WebhookPace(concurrency: 3))
        let run = Task { try await idle.run() }
        try await Task.sleep(for: .milliseconds(5))
        run.cancel()
        try await run.value
    }

    // MARK: looking on

    @Test("whoever looks on learns of each request: event, attempt, status or fault")
    func attempts() async throws {
        let seen = Mutex<[WebhookAttempt]>([])
        let client = FakeClient { attempt, _ throws(TransportError) in
            switch attempt {
            case 1: return HTTPResponse(status: 500)
            case 2: throw TransportError(stage: .connect, message: "127.0.0.1 accepts no connection")
            case 3: throw TransportError(stage: .http, message: "late", isTimeout: true)
            default: return HTTPResponse(status: 201)
            }
        }
        journal.append(SampleBatch.usual(count: 5))
        journal.finish()
        let runner = runner(client, journal.reader(), pace: WebhookPace(batchSize: 3)) { attempt in
            seen.withLock { $0.append(attempt) }
        }
        try await runner.run()
        let lines = seen.withLock { seen in
            seen.map { "\($0.portal) \($0.sequence)+\($0.count) #\($0.number) \($0.answer.text)" }
        }
        #expect(
            lines == [
                "acme 1+3 #1 500 Internal Server Error", "acme 1+3 #2 127.0.0.1 accepts no connection",
                "acme 1+3 #3 no answer within 30 s", "acme 1+3 #4 201 Created", "acme 4+2 #1 201 Created",
            ])
    }

    @Test("logs have neither secrets nor anything of events")
    func noSecrets() async throws {
        let client = FakeClient { attempt, _ throws(TransportError) in
            if attempt % 3 == 0 {
                throw TransportError(stage: .tls, message: "no TLS connection to 127.0.0.1 comes about")
            }
            return HTTPResponse(status: attempt % 2 == 0 ? 500 : 200, body: Array("hunter4".utf8))
        }
        var sample = SampleBatch()
        for number in 0..<50 {
            sample.add(#"{"command":"hunter5","params":{"x":"hunter6"}}"#, shape: .object, command: "hunter5") {
                $0.id = MessageID(generation: 1, counter: UInt64(number))
            }
        }
        journal.append(sample.batch)
        journal.finish()
        let runner = runner(client, journal.reader(), pace: WebhookPace(attempts: 1))
        try await runner.run()
        #expect(!book.lines.isEmpty)
        #expect(!book.lines.contains { $0.contains("hunter") })
    }

    @Test("one event is sent by itself, with the answer's meaning and time, and as a replay if it is one")
    func poster() async throws {
        let client = FakeClient { attempt, _ in HTTPResponse(status: attempt == 1 ? 202 : 429) }
        let poster = WebhookPoster(
            target: WebhookTarget(place: .url("http://127.0.0.1/", .loopback)), client: client, clock: clock.clock)
        let batch = SampleBatch.usual(first: 7, count: 3)
        let answer = await poster.post(batch: batch, index: 2, isReplay: true)
        #expect(answer.status == 202 && answer.verdict == .taken && answer.duration >= .zero)
        #expect(client.requests.map(sequence) == [9])
        #expect(client.requests.first.flatMap { header("pulld-replay", $0) } == "1")
        clock.pass(.seconds(60))
        let refused = await poster.post(batch: batch, index: 0, isReplay: false)
        #expect(refused.status == 429 && refused.text == "429 Too Many Requests")
        #expect(client.requests.last.flatMap { header("pulld-replay", $0) } == nil)
        #expect(client.requests.map { header("webhook-timestamp", $0) } == ["1795338000", "1795338060"])
    }
}

/// As `FakeClock`, but every sleep ends, save those of a day and more.
private final class PatientClock: Sendable {
    private let state = Mutex((elapsed: Duration.zero, sleeps: [Duration]()))

    var sleeps: [Duration] { state.withLock { $0.sleeps } }

    var clock: DeliveryClock {
        var clock = FakeClock().clock
        clock.time = TimeSource {
            let elapsed = self.state.withLock { $0.elapsed }
            return Moment(monotonic: elapsed, wall: 1_795_338_000 + elapsed.inSeconds)
        }
        clock.sleep = { duration in
            if duration > .seconds(86_400) { try await Task.sleep(for: .seconds(3600)) }
            self.state.withLock { state in
                state.elapsed += duration
                state.sleeps.append(duration)
            }
        }
        return clock
    }
}

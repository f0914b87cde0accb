@testable import Delivery
import Events
import Foundation
import Journal
import Logging
import Secrets
import Synchronization
import Testing
import Timing
import Transport

@Suite("A webhook and a real server", .timeLimit(.minutes(2)))
struct WebhookTargetTests {
    private let transport = Transport(userAgent: "pulld/test")
    private let book = LogBook()

    private func post(_ place: WebhookTarget.Place, timeout: Duration = .seconds(5)) async -> WebhookAnswer {
        let poster = WebhookPoster(target: WebhookTarget(place: place, timeout: timeout), client: transport)
        return await poster.post(batch: SampleBatch.usual(count: 1), index: 0, isReplay: false)
    }

    private func post(to url: String, timeout: Duration = .seconds(5)) async -> WebhookAnswer {
        await post(.url(Secret(url), .loopback), timeout: timeout)
    }

    @Test(
        "each status is judged as the table says",
        arguments: [
            (200, "taken"), (204, "taken"), (301, "failed 301 Moved Permanently"),
            (307, "failed 307 Temporary Redirect"),
            (400, "failed 400 Bad Request"), (404, "failed 404 Not Found"), (408, "down"), (410, "unwanted"),
            (413, "failed 413 Content Too Large"), (425, "down"), (429, "down"),
            (500, "failed 500 Internal Server Error"),
            (501, "failed 501 Not Implemented"), (502, "down"), (503, "down"), (504, "down"), (599, "failed 599"),
        ])
    func statuses(_ status: Int, _ expected: String) async throws {
        let target = try LocalTarget { _, _ in .status(status, headers: "Location: /other\r\nRetry-After: 7\r\n") }
        let answer = await post(to: target.url)
        #expect(answer.status == status)
        switch answer.verdict {
        case .taken: #expect(expected == "taken")
        case .targetDown(let fault, let wait):
            #expect(expected == "down" && wait == .seconds(7) && fault.code == .refused)
        case .unwanted: #expect(expected == "unwanted")
        case .failed(let reason): #expect(expected == "failed \(reason)")
        }
        #expect(target.requests.count == 1, "a redirect was followed")
        await transport.shutdown()
    }

    @Test("a body without end is not read to its end, and the status counts")
    func endless() async throws {
        let target = try LocalTarget { _, _ in .endless }
        let answer = await post(to: target.url, timeout: .seconds(60))
        #expect(answer.verdict == .taken && answer.status == 200)
        await transport.shutdown()
    }

    @Test("a body that does not come counts by its status; no answer in time, and a closed connection, are failures")
    func slow() async throws {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
        let stalled = try LocalTarget { _, _ in .stalled(head) }
        let answer = await post(to: stalled.url, timeout: .milliseconds(300))
        #expect(answer.verdict == .taken)
        let silent = try LocalTarget { _, _ in .silence }
        let late = await post(to: silent.url, timeout: .seconds(1))
        #expect(late.verdict == .failed(reason: "no answer within 1 s") && late.status == nil)
        let closed = try LocalTarget { _, _ in .closed }
        let none = await post(to: closed.url)
        #expect(none.verdict == .failed(reason: "127.0.0.1 closed the connection without an answer"))
        let garbled = try LocalTarget { _, _ in .bytes("SSH-2.0-OpenSSH\r\n") }
        guard case .failed = await post(to: garbled.url).verdict else {
            Issue.record("an answer that is no HTTP was taken")
            return
        }
        await transport.shutdown()
    }

    @Test("no connection, no TLS, no name, and an address that the rule forbids: the target is down")
    func unreachable() async throws {
        let target = try LocalTarget { _, _ in .status(200) }
        let plain = await post(to: "https://127.0.0.1:\(target.port)/")
        target.goDown()
        let refused = await post(to: target.url)
        let nobody = await post(to: "http://nobody.invalid/")
        let missing = await post(.unix(socket: "/nowhere/app.sock", path: "/"))
        let forbidden = await post(.url("http://169.254.169.254/", .remote))
        let remote = await post(to: "http://10.0.0.5:1/")
        for answer in [plain, refused, nobody, missing, forbidden, remote] {
            guard case .targetDown(let fault, nil) = answer.verdict else {
                Issue.record("\(answer)")
                continue
            }
            #expect(fault.code == .unreachable && !fault.cure.isEmpty && answer.status == nil)
        }
        #expect(target.requests.isEmpty)
        await transport.shutdown()
    }

    @Test("a Unix socket is a target like any other")
    func unixSocket() async throws {
        let directory = try TemporaryDirectory()
        let target = try LocalTarget(path: directory.file("app.sock")) { _, _ in .status(200) }
        let answer = await post(.unix(socket: directory.file("app.sock"), path: "/hook"))
        #expect(answer.verdict == .taken)
        #expect(target.requests.first?.sequence == 1)
        #expect(target.requests.first?.headers["host"] == "localhost")
        await transport.shutdown()
    }

    // MARK: the way through

    private func runner(
        _ target: LocalTarget, _ reader: TestReader, pace: WebhookPace, timeout: Duration = .seconds(5),
        clock: DeliveryClock
    ) -> WebhookRunner {
        WebhookRunner(
            name: "app",
            target: WebhookTarget(
                place: .url(Secret(target.url), .loopback), secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "old"],
                timeout: timeout),
            pace: pace, client: transport, source: reader, logger: book.logger, drainLimit: .seconds(3600), clock: clock
        )
    }

    /// Time that passes fifty times as fast for whoever sleeps.
    private var quickClock: DeliveryClock {
        var clock = DeliveryClock.system
        let start = ContinuousClock.now
        clock.time = TimeSource {
            let passed = (ContinuousClock.now - start) * 50
            return Moment(monotonic: passed, wall: 1_795_338_000 + passed.inSeconds)
        }
        clock.sleep = { try await Task.sleep(for: $0 / 50) }
        return clock
    }

    @Test("a target that is down while thousands of events arrive gets them all after its return, in order")
    func outage() async throws {
        let isBusy = Mutex(false)
        let target = try LocalTarget { _, _ in .status(isBusy.withLock { $0 } ? 503 : 200) }
        let journal = TestJournal()
        let reader = journal.reader()
        let runner = runner(target, reader, pace: WebhookPace(), clock: quickClock)
        let run = Task { try await runner.run() }
        journal.append(SampleBatch.usual(count: 100))
        #expect(await eventually { target.requests.count >= 50 })
        target.goDown()
        for _ in 0..<100 { journal.append(SampleBatch.usual(count: 50)) }
        #expect(await eventually { runner.counts.blockedBy?.code == .unreachable })
        isBusy.withLock { $0 = true }
        try target.comeUp()
        #expect(await eventually { runner.counts.blockedBy?.code == .refused })
        isBusy.withLock { $0 = false }
        let start = ContinuousClock.now
        let before = reader.cursor.sequence
        journal.finish()
        try await run.value
        let time = ContinuousClock.now - start
        let taken = target.requests.map(\.sequence)
        var first: [Int] = []
        var seen: Set<Int> = []
        for sequence in taken where seen.insert(sequence).inserted { first.append(sequence) }
        #expect(first == Array(1...5100))
        #expect(reader.cursor.delivered == 5100 && reader.cursor.dead == 0 && reader.letters.isEmpty)
        #expect(reader.cursor.isConserved)
        print("catch-up: \(Int(Double(5100 - before) / (time / .seconds(1)))) events a second")
        await transport.shutdown()
    }

    @Test("a poison among a thousand events of ten portals dies after its schedule; the others are all delivered")
    func poison() async throws {
        let target = try LocalTarget { _, request in .status(request.sequence == 500 ? 500 : 200) }
        let journal = TestJournal()
        let reader = journal.reader()
        for batch in 0..<100 { journal.append(SampleBatch.usual(portal: "p\(batch % 10)", count: 10)) }
        journal.finish()
        let clock = quickClock
        let start = clock.time.now().monotonic
        try await runner(target, reader, pace: WebhookPace(concurrency: 4), clock: clock).run()
        let time = clock.time.now().monotonic - start
        #expect(reader.cursor.delivered == 999 && reader.cursor.dead == 1 && reader.cursor.isConserved)
        #expect(reader.letters.map(\.sequence) == [500] && reader.letters.first?.attempts == 6)
        #expect(target.requests.count == 999 + 6)
        // 1 + 2 + 4 + 8 + 16 s, each up to a fifth shorter.
        #expect(time >= .seconds(24))
        let portal = target.requests.filter { $0.headers["webhook-id"]?.hasPrefix("p9-") == true }.map(\.sequence)
        #expect(portal == portal.sorted())
        await transport.shutdown()
    }

    @Test("batches keep the order, and one that a poison spoils is taken apart")
    func batches() async throws {
        let target = try LocalTarget { _, request in .status(request.body.contains(#""seq":77,"#) ? 422 : 200) }
        let journal = TestJournal()
        let reader = journal.reader()
        for _ in 0..<10 { journal.append(SampleBatch.usual(count: 100)) }
        journal.finish()
        let pace = WebhookPace(batchSize: 50, attempts: 2)
        try await runner(target, reader, pace: pace, clock: quickClock).run()
        #expect(reader.cursor.delivered == 999 && reader.letters.map(\.sequence) == [77])
        #expect(reader.letters.first?.reason == "422 Unprocessable Content")
        let bodies = target.requests.map(\.body).filter { !$0.contains(#""seq":77,"#) }
        let sequences = try bodies.flatMap { body in
            let list = try JSONSerialization.jsonObject(with: Data(body.utf8)) as? [[String: Any]]
            return (list ?? []).compactMap { $0["seq"] as? Int }
        }
        #expect(sequences == Array(1...76) + Array(78...1000))
        await transport.shutdown()
    }

    @Test("each request is signed with both keys over what the server received")
    func signatures() async throws {
        let target = try LocalTarget { _, _ in .status(200) }
        let journal = TestJournal()
        for _ in 0..<10 { journal.append(SampleBatch.usual(count: 100)) }
        journal.finish()
        try await runner(target, journal.reader(), pace: WebhookPace(), clock: .system).run()
        #expect(target.requests.count == 1000)
        let now = Int64(Date().timeIntervalSince1970)
        for request in target.requests {
            let id = try #require(request.headers["webhook-id"])
            let timestamp = try #require(request.headers["webhook-timestamp"].flatMap { Int64($0) })
            #expect(abs(now - timestamp) < 300)
            let expected = ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "old"].map { (secret: Secret) in
                WebhookSignature(secret: secret).header(id: id, timestamp: timestamp, body: Array(request.body.utf8))
            }
            #expect(request.headers["webhook-signature"] == expected.joined(separator: " "))
        }
        await transport.shutdown()
    }
}

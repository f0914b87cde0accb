import Delivery
import EndToEndSupport
import Events
import Foundation
import Journal
import Logging
import Secrets
import Transport

/// Events that wait on disk in a journal, posted to a server that answers 200 at once. Beside it the longest of these
/// requests, sent over as many connections by a client that does nothing else.
enum WebhookRate {
    struct Way {
        var name: String
        var pace: WebhookPace
        var portals = 1
        var events: Int
    }

    struct Figures {
        var eventsPerSecond: Double
        /// Of the raw client: its requests, each counted for a full batch.
        var rawEventsPerSecond: Double
        /// Of the longest request, with its head.
        var requestBytes: Int
        var connections: Int

        var partOfRaw: Double { eventsPerSecond / rawEventsPerSecond }
    }

    static let ways = [
        Way(name: "ordered, concurrency 1", pace: WebhookPace(), events: 8_000),
        Way(name: "ordered, concurrency 8, 8 portals", pace: WebhookPace(concurrency: 8), portals: 8, events: 16_000),
        Way(name: "unordered, concurrency 8", pace: WebhookPace(isOrdered: false, concurrency: 8), events: 16_000),
        Way(name: "batches of 100, concurrency 1", pace: WebhookPace(batchSize: 100), events: 150_000),
        Way(
            name: "batches of 100, concurrency 8, 8 portals", pace: WebhookPace(concurrency: 8, batchSize: 100),
            portals: 8, events: 150_000),
    ]

    /// The middle one of three runs, by its part of the raw client's rate in the same seconds.
    static func measure(_ way: Way, size: Int, server: PostServer) async throws -> Figures {
        var runs: [Figures] = []
        for _ in 0..<3 { runs.append(try await run(way, size: size, server: server)) }
        return runs.sorted { $0.partOfRaw < $1.partOfRaw }[1]
    }

    private static func run(_ way: Way, size: Int, server: PostServer) async throws -> Figures {
        let directory = try ScratchDirectory()
        let journal = try Journal.open(directory: directory.file("state"))
        let reader = try journal.reader(named: "bench")
        try await fill(journal, way, size)
        journal.finish()
        let transport = Transport(userAgent: "pulld-bench")
        let runner = WebhookRunner(
            name: "bench",
            target: WebhookTarget(
                place: .url(Secret("http://127.0.0.1:\(server.port)/bitrix"), .loopback),
                secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]),
            pace: way.pace, client: transport, source: reader, logger: Logger(label: "pulld-bench"),
            drainLimit: .seconds(120))
        _ = server.takeSeen()
        let start = BlastServer.now()
        try await runner.run()
        let seconds = BlastServer.now() - start
        let seen = server.takeSeen()
        await transport.shutdown()
        await journal.close()
        guard runner.counts.delivered == UInt64(way.events) else {
            throw WholePath.Failure(description: "\(runner.counts.delivered) of \(way.events) events delivered")
        }
        let raw = try PostClient.rate(
            seen.longest, to: server.port, connections: way.pace.concurrency, seconds: 0.5)
        return Figures(
            eventsPerSecond: Double(way.events) / seconds, rawEventsPerSecond: raw * Double(way.pace.batchSize),
            requestBytes: seen.longest.count, connections: seen.connections)
    }

    /// Frames of ten events, the portals in turn.
    private static func fill(_ journal: Journal, _ way: Way, _ size: Int) async throws {
        let frame = LineFormatting.batch(size: size, units: 1)
        var number: UInt64 = 0
        for index in 0..<(way.events / frame.events.count) {
            var batch = frame
            batch.portal = "portal\(index % way.portals)"
            for event in batch.events.indices {
                number += 1
                batch.events[event].id = MessageID(generation: 1_700_000_000, counter: number)
            }
            try await journal.append(JournalEntry(portal: batch.portal, batch: batch))
        }
        try await journal.committed()
    }
}

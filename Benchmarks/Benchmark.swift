import Foundation

/// `pulld-bench [stages|path|latency|webhook] [--events N]`: what each stage gets through in a second, beside the usual way
/// of doing it, then the whole path through the built `pulld` next to it, how long one event takes on it, and what a
/// webhook gets through beside requests that nobody has to make.
@main
enum Benchmark {
    static let sizes = [400, 2048]

    static func main() async {
        let arguments = CommandLine.arguments.dropFirst()
        let events = arguments.firstIndex(of: "--events").flatMap {
            arguments.indices.contains($0 + 1) ? Int(arguments[$0 + 1]) : nil
        }
        do {
            let all = ["stages", "path", "latency", "webhook"]
            let chosen = all.filter { arguments.contains($0) }
            let parts = chosen.isEmpty ? all : chosen
            if parts.contains("stages") { for size in sizes { try stages(size) } }
            if parts.contains("path") { try await path(events: events ?? 2_000_000) }
            if parts.contains("latency") { try await latency() }
            if parts.contains("webhook") { try await webhook() }
        } catch {
            Report.line("failed: \(error)")
            exit(1)
        }
    }

    private static func stages(_ size: Int) throws {
        Report.heading("Events of \(size) bytes, one thread")
        Report.compare("frame decoding, text (UTF-8 checked)", try FrameDecoding.measure(size: size, isBinary: false))
        Report.compare("frame decoding, binary", try FrameDecoding.measure(size: size, isBinary: true))
        Report.compare(
            "envelope splitting, JSON checked", try MessageDecoding.measure(.text, size: size),
            usual: [
                (
                    "String, NSRegularExpression, JSONSerialization",
                    try MessageDecoding.expressionAndSerialization(size: size)
                ),
                ("Data, JSONDecoder", try MessageDecoding.decoder(size: size)),
            ])
        Report.compare(
            "protobuf decoding, JSON checked", try MessageDecoding.measure(.protobuf, size: size),
            usual: [("JSONSerialization of the bodies alone", try MessageDecoding.bodiesBySerialization(size: size))])
        Report.compare(
            "event line formatting", try LineFormatting.measure(size: size),
            usual: [
                ("JSONSerialization, ISO8601DateFormatter", try LineFormatting.serialization(size: size)),
                ("String(format:), no date", try LineFormatting.format(size: size)),
            ])
    }

    private static func latency() async throws {
        Report.heading("One event: frame sent → on disk in the journal → line in the file, 200 events/s, milliseconds")
        Report.row("", ["p50", "p99", "fdatasync p50", "p99"])
        for mode in SampleEvents.Mode.allCases {
            let figures = try await Latency.measure(mode: mode, size: 400, rate: 200, seconds: 20)
            Report.row(
                "\(mode), 400 B",
                [figures.delays, figures.syncs].flatMap { [$0.quantile(0.5), $0.quantile(0.99)] }
                    .map { Report.rounded($0, 2) })
        }
    }

    private static func webhook() async throws {
        Report.heading("Webhook: 400-byte events on disk in the journal → signed POST → 200 at once, beside raw POSTs")
        Report.row("", ["events/s", "raw", "of raw", "bytes a POST", "connections"])
        let server = try PostServer()
        for way in WebhookRate.ways {
            let figures = try await WebhookRate.measure(way, size: 400, server: server)
            Report.row(
                way.name,
                [
                    Report.events(figures.eventsPerSecond), Report.events(figures.rawEventsPerSecond),
                    "× \(Report.rounded(figures.partOfRaw, 3))", "\(figures.requestBytes)",
                    "\(figures.connections)",
                ])
        }
    }

    private static func path(events: Int) async throws {
        Report.heading("Whole path: local server → WebSocket → journal on disk → file in memory, 10 events a frame")
        Report.row("", ["events/s", "in the file", "CPU s/million", "server CPU", "lines missing"])
        for size in sizes {
            // The same number of bytes for each size: the file is in memory.
            let events = max(10, events * sizes[0] / size / 10 * 10)
            for mode in SampleEvents.Mode.allCases {
                let plan = BlastServer.Plan(mode: mode, eventSize: size, events: events)
                report("\(mode), \(size) B: only counting bytes", try await WholePath.limit(plan))
                report("\(mode), \(size) B: pulld, \(events) events", try await WholePath.pulld(plan))
            }
        }
    }

    private static func report(_ name: String, _ figures: WholePath.Figures) {
        let millions = Double(figures.events) / 1e6
        Report.row(
            name,
            [
                Report.events(Double(figures.events) / figures.seconds),
                Report.megabytes(Double(figures.bytes) / figures.seconds),
                figures.processorSeconds > 0 ? Report.rounded(figures.processorSeconds / millions, 2) : "-",
                Report.rounded(figures.serverProcessorSeconds / millions, 2),
                "\(figures.events - figures.lines)",
            ])
    }
}

import EndToEndSupport
import Foundation
import Synchronization

/// From a frame sent to its line in the file, at a steady rate: what an event costs in time when every one is on disk
/// before it is handed on. Beside it what the same disk takes for one fdatasync.
enum Latency {
    struct Figures {
        /// Milliseconds, sorted.
        var delays: [Double]
        var syncs: [Double]
    }

    static func measure(mode: SampleEvents.Mode, size: Int, rate: Int, seconds: Int) async throws -> Figures {
        let directory = try ScratchDirectory()
        let before = try syncs(in: directory, count: 300)
        let plan = BlastServer.Plan(
            mode: mode, eventSize: size, eventsPerFrame: 1, events: rate * seconds, perSecond: rate)
        let server = try BlastServer(plan)
        let daemon = try DaemonProcess(
            configuration: """
                state: $DIRECTORY/state
                portals:
                  bench:
                    url: http://127.0.0.1:\(server.port)
                    oauth: { access_token: { env: BENCH_ACCESS_TOKEN } }
                    transport: websocket
                sinks:
                  disk:
                    file: { path: $DIRECTORY/events.ndjson }
                """, environment: ["BENCH_ACCESS_TOKEN": "benchmark-access-token"], directory: directory)
        try await eventually(within: .seconds(30), "pulld connects: \(daemon.process.errorOutput)") {
            server.progress.isUpgraded
        }
        let watcher = LineWatcher(path: directory.file("events.ndjson"), lines: plan.events)
        server.letGo()
        let seen = try await watcher.times(within: .seconds(seconds + 30))
        let sent = server.progress.sentAt
        try await daemon.stop()
        guard seen.count == sent.count else {
            throw WholePath.Failure(description: "\(seen.count) of \(sent.count) lines came")
        }
        // The first second has the start of everything in it.
        let delays = zip(sent, seen).dropFirst(rate).map { ($1 - $0) * 1000 }
        let after = try syncs(in: directory, count: 300)
        return Figures(delays: delays.sorted(), syncs: (before + after).sorted())
    }

    /// How long the disk takes to have a page of a growing file, in milliseconds.
    private static func syncs(in directory: ScratchDirectory, count: Int) throws -> [Double] {
        let path = directory.file("sync-\(UInt32.random(in: 0 ... .max))")
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard descriptor >= 0 else { throw SystemFailure("open \(path)") }
        defer {
            close(descriptor)
            unlink(path)
        }
        let page = [UInt8](repeating: 0x2E, count: 4096)
        return try (0..<count).map { _ in
            guard write(descriptor, page, page.count) == page.count else { throw SystemFailure("write \(path)") }
            let start = BlastServer.now()
            guard fdatasync(descriptor) == 0 else { throw SystemFailure("fdatasync \(path)") }
            return (BlastServer.now() - start) * 1000
        }
    }
}

/// Notes when each line of a growing file can be read.
private final class LineWatcher: Sendable {
    private let found = Mutex<[Double]>([])
    private let lines: Int

    init(path: String, lines: Int) {
        self.lines = lines
        Thread.detachNewThread { self.watch(path) }
    }

    func times(within limit: Duration) async throws -> [Double] {
        try await eventually(within: limit, "all lines come") { found.withLock { $0.count >= lines } }
        return found.withLock { $0 }
    }

    private func watch(_ path: String) {
        var descriptor: Int32 = -1
        let size = 256 * 1024
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
        defer {
            buffer.deallocate()
            if descriptor >= 0 { close(descriptor) }
        }
        while found.withLock({ $0.count }) < lines {
            if descriptor < 0 { descriptor = open(path, O_RDONLY) }
            let count = descriptor < 0 ? 0 : read(descriptor, buffer, size)
            guard count > 0 else {
                usleep(50)
                continue
            }
            let now = BlastServer.now()
            var breaks = 0
            for index in 0..<count where buffer[index] == 0x0A { breaks += 1 }
            found.withLock { $0 += Array(repeating: now, count: breaks) }
        }
    }
}

extension [Double] {
    /// Of sorted values; 0 where there are none.
    func quantile(_ part: Double) -> Double {
        isEmpty ? 0 : self[Swift.min(count - 1, Int(Double(count) * part))]
    }
}

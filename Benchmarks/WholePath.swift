import EndToEndSupport
import Foundation

/// From a server that sends as fast as it can, through the real `pulld run`, to lines in a file in memory.
enum WholePath {
    struct Figures {
        var events: Int
        var seconds: Double
        var bytes: Int
        /// Of the reading side.
        var processorSeconds: Double
        var serverProcessorSeconds: Double
        var lines: Int
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// How fast the server is when the reader only counts bytes: the limit for everybody.
    static func limit(_ plan: BlastServer.Plan) async throws -> Figures {
        let server = try BlastServer(plan)
        let descriptor = try LoopbackPort.connection(to: server.port)
        defer { close(descriptor) }
        let request = "GET /subws/ HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n"
        _ = Array(request.utf8).withUnsafeBytes { BlastConnection.sendAll($0, to: descriptor) }
        try await eventually(within: .seconds(10), "the server upgrades") { server.progress.bytes > 0 }
        let size = 1 << 20
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        defer { buffer.deallocate() }
        let head = recv(descriptor, buffer, size, 0)
        guard head > 0 else { throw Failure(description: "the server does not answer") }
        let clock = ContinuousClock()
        let start = clock.now
        server.letGo()
        var bytes = 0
        let total = server.progress.bytes
        while bytes < total {
            let count = recv(descriptor, buffer, size, 0)
            guard count > 0 else { throw Failure(description: server.progress.failure ?? "the server went away") }
            bytes += count
        }
        return Figures(
            events: plan.events, seconds: (clock.now - start).inSeconds, bytes: bytes, processorSeconds: 0,
            serverProcessorSeconds: server.progress.processorSeconds, lines: plan.events)
    }

    static func pulld(_ plan: BlastServer.Plan) async throws -> Figures {
        let server = try BlastServer(plan)
        let file = "/dev/shm/pulld-bench-\(getpid())-\(plan.mode)-\(plan.eventSize).ndjson"
        unlink(file)
        defer { unlink(file) }
        let daemon = try DaemonProcess(
            configuration: """
                state: $DIRECTORY/state
                portals:
                  bench:
                    url: http://127.0.0.1:\(server.port)
                    oauth: { access_token: { env: BENCH_ACCESS_TOKEN } }
                    transport: websocket
                sinks:
                  memory:
                    file: { path: \(file) }
                """, environment: ["BENCH_ACCESS_TOKEN": "benchmark-access-token"])
        try await eventually(within: .seconds(30), "pulld connects: \(daemon.process.errorOutput)") {
            if daemon.process.exit != nil {
                throw Failure(description: "pulld ended: \(daemon.process.errorOutput)")
            }
            return server.progress.isUpgraded
        }
        let before = try daemon.figures().processorSeconds
        let clock = ContinuousClock()
        let start = clock.now
        server.letGo()
        let end = try await lastGrowth(of: file, after: start) {
            if let failure = server.progress.failure { throw Failure(description: failure) }
            if daemon.process.exit != nil {
                throw Failure(description: "pulld ended: \(daemon.process.errorOutput)")
            }
            return server.progress.isComplete
        }
        let used = try daemon.figures().processorSeconds - before
        let (lines, bytes) = try count(file)
        try await daemon.stop()
        return Figures(
            events: plan.events, seconds: (end - start).inSeconds, bytes: bytes, processorSeconds: used,
            serverProcessorSeconds: server.progress.processorSeconds, lines: lines)
    }

    /// When the file grew for the last time: all has been sent, and nothing has come for a second.
    private static func lastGrowth(
        of file: String, after start: ContinuousClock.Instant, isSent: () throws -> Bool
    ) async throws -> ContinuousClock.Instant {
        let clock = ContinuousClock()
        var last = start
        var size = 0
        while true {
            try await clock.sleep(for: .milliseconds(2))
            var status = stat()
            if stat(file, &status) == 0, status.st_size != size {
                size = Int(status.st_size)
                last = clock.now
            }
            if try isSent(), size > 0, clock.now - last > .seconds(1) { return last }
            guard clock.now - last < .seconds(20) else { throw Failure(description: "nothing is written any more") }
        }
    }

    private static func count(_ file: String) throws -> (lines: Int, bytes: Int) {
        let descriptor = open(file, O_RDONLY)
        guard descriptor >= 0 else { throw SystemFailure("open \(file)") }
        defer { close(descriptor) }
        let size = 1 << 20
        let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: size)
        defer { buffer.deallocate() }
        var lines = 0
        var bytes = 0
        while case let count = read(descriptor, buffer, size), count > 0 {
            bytes += count
            var at = buffer
            while let found = memchr(at, 0x0A, buffer + count - at) {
                lines += 1
                at = found.assumingMemoryBound(to: UInt8.self) + 1
            }
        }
        return (lines, bytes)
    }
}

extension Duration {
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }
}

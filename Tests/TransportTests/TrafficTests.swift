import EndToEndSupport
import Foundation
import Secrets
import Synchronization
import TestRandom
import Testing
import WebSocket

@testable import Transport

extension TransportTests {
    @Suite("WebSocket: traffic")
    struct TrafficTests {
        /// A stream of frames whose sizes wander from empty to 200 KB, `total` bytes of payload, made from a seed so that
        /// sender and test know the same bytes.
        static func frames(total: Int, seed: UInt64) -> [[UInt8]] {
            var random = SeededRandom(seed: seed)
            let block = (0..<250_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            var left = total
            var payloads: [[UInt8]] = []
            while left > 0 {
                let kind = random.next() % 8
                let size = min(left, Int(random.next() % (kind == 0 ? 200_000 : kind < 4 ? 20_000 : 300)))
                let offset = Int(random.next() % 50_000)
                payloads.append(Array(block[offset..<offset + size]))
                left -= size
            }
            return payloads
        }

        /// Hashes of all payloads one after the other, until `count` have come.
        static func receive(_ connection: WebSocketConnection, messages count: Int) async -> (count: Int, hash: [UInt8])
        {
            var received = 0
            var hash: [UInt8] = []
            while received < count, let batches = await connection.receive() {
                for batch in batches {
                    for message in batch.messages {
                        let bytes = Array(batch.bytes[message.start..<message.end])
                        hash = Digest.sha256(hash + Digest.sha256(bytes))
                    }
                    received += batch.messages.count
                }
            }
            return (received, hash)
        }

        static func hash(_ payloads: [[UInt8]]) -> [UInt8] {
            payloads.reduce([]) { Digest.sha256($0 + Digest.sha256($1)) }
        }

        @Test("1,000 pings are answered while nobody receives")
        func pings() async throws {
            let (results, done) = AsyncStream.makeStream(of: Bool.self)
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                for number in 0..<1000 { peer.write(LoopbackPeer.frame(9, Array("ws ping \(number)".utf8))) }
                let answers = (0..<1000).map { _ in peer.readFrame() }
                let expected = (0..<1000).map { LoopbackPeer.Frame(opcode: 10, payload: Array("ws ping \($0)".utf8)) }
                done.yield(answers == expected)
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                let connection = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                #expect(await results.first { _ in true } == true)
                try await eventually(within: .seconds(30), "the pings are counted") {
                    connection.activity.pingsReceived == 1000
                }
            }
        }

        @Test("a ping of the server is told at once")
        func toldPings() async throws {
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                peer.write(LoopbackPeer.frame(9, []))
                peer.serveControlFrames()
            }
            let (pings, told) = AsyncStream.makeStream(of: Void.self)
            try await TransportTests.withTransport { transport in
                var request = TransportTests.socket(server.webSocketURL)
                request.onPing = { told.yield() }
                let connection = try await transport.connectWebSocket(request)
                #expect(await pings.first { _ in true } != nil)
                #expect(connection.activity.pingsReceived == 1)
            }
        }

        @Test(
            "text pings are answered and counted where they are expected, and are messages where not",
            arguments: [true, false])
        func textPings(areExpected: Bool) async throws {
            let (results, done) = AsyncStream.makeStream(of: String?.self)
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                peer.write(
                    LoopbackPeer.text("one") + LoopbackPeer.text("ping") + LoopbackPeer.frame(2, Array("ping".utf8)))
                peer.write(LoopbackPeer.text("pings"))
                done.yield(areExpected ? peer.readFrame().map { String(decoding: $0.payload, as: UTF8.self) } : nil)
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                var request = TransportTests.socket(server.webSocketURL)
                request.answersTextPings = areExpected
                let connection = try await transport.connectWebSocket(request)
                let answer = await results.first { _ in true } ?? nil
                #expect(answer == (areExpected ? "pong" : nil))
                let expected = areExpected ? ["one", "ping", "pings"] : ["one", "ping", "ping", "pings"]
                #expect(await TransportTests.receiveText(connection, messages: expected.count) == expected)
                #expect(connection.activity.pingsReceived == (areExpected ? 1 : 0))
            }
        }

        @Test("own pings and texts go out in order")
        func sends() async throws {
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                while let frame = peer.readFrame() {
                    peer.write(LoopbackPeer.frame(frame.opcode == 9 ? 10 : 1, frame.payload))
                }
            }
            try await TransportTests.withTransport { transport in
                let connection = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                let long = String(repeating: "ä", count: 500_000)
                connection.send(text: "one")
                connection.ping([1, 2, 3])
                connection.send(text: long)
                connection.send(text: "three")
                #expect(await TransportTests.receiveText(connection, messages: 3) == ["one", long, "three"])
                #expect(connection.activity.pongsReceived == 1)
            }
        }

        @Test(
            "while nobody receives the loop stops reading, and later everything comes in order", arguments: [0, 1000])
        func window(size: Int) async throws {
            // Of empty messages only the places count: 64 MiB would be of no avail for a window of bytes.
            let count = size == 0 ? 4_000_000 : 67_000
            let sent = Atomic(0)
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                let block = (0..<1000).flatMap { number in
                    LoopbackPeer.frame(2, [UInt8](repeating: UInt8(number % 251), count: size))
                }
                for _ in 0..<(count / 1000) {
                    if !peer.write(block) { return }
                    sent.add(1000, ordering: .relaxed)
                }
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                let connection = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                var before = -1
                try await eventually(within: .seconds(30), "the server's sending comes to a halt") {
                    let now = sent.load(ordering: .relaxed)
                    defer { before = now }
                    if now == before { return now > 0 }
                    try await Task.sleep(for: .milliseconds(300))
                    return false
                }
                #expect(sent.load(ordering: .relaxed) < count)
                var number = 0
                var isInOrder = true
                while number < count, let batches = await connection.receive() {
                    for batch in batches {
                        for message in batch.messages {
                            isInOrder = isInOrder && message.end - message.start == size
                            if size > 0 {
                                isInOrder = isInOrder && batch.bytes[message.start] == UInt8(number % 1000 % 251)
                            }
                            number += 1
                        }
                    }
                }
                #expect(number == count && isInOrder)
            }
        }

        @Test("a paused connection that is reset costs no time of the processor")
        func pausedReset() async throws {
            let (results, done) = AsyncStream.makeStream(of: LoopbackPeer.self)
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                let block = LoopbackPeer.frame(2, [UInt8](repeating: 1, count: 65_000))
                // Until the client's window and the kernel's buffers are full.
                peer.limitWriting(milliseconds: 300)
                while peer.write(block) {}
                peer.reset()
                done.yield(peer)
            }
            try await TransportTests.withTransport { transport in
                let connection = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                _ = await results.first { _ in true }
                let before = Self.processorTime()
                try await Task.sleep(for: .milliseconds(500))
                #expect(Self.processorTime() - before < 0.2)
                var bytes = 0
                while let batches = await connection.receive() { bytes += batches.reduce(0) { $0 + $1.bytes.count } }
                #expect(bytes > 0)
                guard case .transport(let error) = connection.ending else {
                    Issue.record("ended by \(String(describing: connection.ending))")
                    return
                }
                #expect(error.stage == .protocol)
            }
        }

        static func processorTime() -> Double {
            var time = timespec()
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }

        @Test("64 MiB in frames of random sizes arrive identical over TLS")
        func bulk() async throws {
            let payloads = Self.frames(total: 64 << 20, seed: 7)
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                for payload in payloads { peer.write(LoopbackPeer.frame(2, payload)) }
                peer.drain()
            }
            let authority = try await CertificateAuthority()
            let nginx = try await NginxServer(certificate: authority.certificate(.good), upstreamPort: server.port)
            let network = NetworkOptions(caFile: authority.certificatePath, proxy: "")
            try await TransportTests.withTransport { transport in
                let connection = try await transport.connectWebSocket(
                    TransportTests.socket("wss://localhost:\(nginx.port)", network: network))
                let received = await Self.receive(connection, messages: payloads.count)
                #expect(received.count == payloads.count)
                #expect(received.hash == Self.hash(payloads))
            }
        }

        @Test("a connection under a flood does not starve another: its pings are back within 250 ms as a rule")
        func fairness() async throws {
            let server = try LoopbackServer { peer, number in
                peer.upgrade()
                if number > 0 { return peer.serveControlFrames() }
                let block = Array(repeating: LoopbackPeer.frame(2, [UInt8](repeating: 1, count: 400)), count: 1000)
                let bytes = Array(block.joined())
                while peer.write(bytes) {}
            }
            try await TransportTests.withTransport { transport in
                let busy = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                let flood = Task {
                    var bytes = 0
                    while let batches = await busy.receive() { bytes += batches.reduce(0) { $0 + $1.bytes.count } }
                    return bytes
                }
                let quiet = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                var times: [Duration] = []
                for number in 1...20 {
                    let time = try await ContinuousClock().measure {
                        quiet.ping()
                        while quiet.activity.pongsReceived < number { try await Task.sleep(for: .milliseconds(1)) }
                    }
                    times.append(time)
                    try await Task.sleep(for: .milliseconds(50))
                }
                // Not the worst: the machine may have stood still for a moment.
                #expect(times.sorted()[9] < .milliseconds(250))
                busy.close(code: 1000)
                #expect(await flood.value > 50_000_000)
            }
        }

        @Test("a cancelled receiver is free at once; the connection lives, and nothing is lost")
        func cancelReceive() async throws {
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                _ = peer.readFrame()
                peer.write(LoopbackPeer.text("after"))
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                let connection = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                for _ in 0..<100 {
                    let task = Task { await connection.receive() }
                    task.cancel()
                    #expect(await task.value == nil)
                }
                #expect(connection.ending == nil)
                connection.send(text: "go")
                #expect(await TransportTests.receiveText(connection, messages: 1) == ["after"])
            }
        }
    }
}

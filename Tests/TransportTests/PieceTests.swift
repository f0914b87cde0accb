import EndToEndSupport
import Foundation
import Secrets
import Synchronization
import Testing

@testable import Transport

extension TransportTests {
    @Suite("Bodies that are taken in pieces")
    struct PieceTests {
        private static func bytes(_ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 5) }
        }

        private static func head(_ count: Int, status: Int = 200) -> [UInt8] {
            Array("HTTP/1.1 \(status) X\r\nContent-Length: \(count)\r\n\r\n".utf8)
        }

        /// What a taker was given, and what it took.
        private final class Taker {
            var taken: [UInt8] = []
            var sizes: [Int] = []
        }

        @Test(
            "pieces and the rest are the body, however little of each piece is taken",
            arguments: [(0, 1), (1, 1), (65_535, 1), (65_536, 1), (1_000_000, 1), (1_000_000, 3), (1_000_000, 1000)])
        func whole(size: Int, divisor: Int) async throws {
            let body = Self.bytes(size)
            let server = try LoopbackServer { peer, _ in
                guard peer.readHead() != nil, peer.write(Self.head(size)) else { return }
                _ = peer.write(body)
            }
            try await TransportTests.withTransport { transport in
                let taker = Taker()
                let response = try await transport.exchange(TransportTests.get(server.url)) { piece in
                    taker.sizes.append(piece.count)
                    taker.taken += piece.prefix(piece.count / divisor)
                    return piece.count / divisor
                }
                #expect(response.status == 200)
                #expect(taker.taken + response.body == body)
                #expect(taker.sizes.allSatisfy { $0 >= 65_536 })
                // Once a piece was left the next one is twice what was left.
                if divisor == 1000 { #expect(taker.sizes.count < 8) }
                if divisor == 1, size > 500_000 { #expect(taker.sizes.max() ?? 0 < 200_000) }
            }
        }

        @Test("a refusal comes whole")
        func refusal() async throws {
            let body = Self.bytes(300_000)
            let server = try LoopbackServer { peer, _ in
                guard peer.readHead() != nil else { return }
                _ = peer.write(Self.head(body.count, status: 400) + body)
            }
            try await TransportTests.withTransport { transport in
                let response = try await transport.exchange(TransportTests.get(server.url)) { _ in
                    Issue.record("a piece of a refusal")
                    return 0
                }
                #expect(response.status == 400 && response.body == body)
            }
        }

        @Test("while a piece is being taken nothing more is received")
        func backPressure() async throws {
            let total = 64 << 20
            let sent = Mutex(0)
            let block = Self.bytes(1 << 16)
            let server = try LoopbackServer { peer, _ in
                guard peer.readHead() != nil, peer.write(Self.head(total)) else { return }
                for _ in 0..<total / block.count {
                    guard peer.write(block) else { return }
                    sent.withLock { $0 += block.count }
                }
            }
            try await TransportTests.withTransport { transport in
                let taker = Taker()
                let response = try await transport.exchange(TransportTests.get(server.url)) { piece in
                    if taker.sizes.isEmpty {
                        // The sender stands still when the buffers of both kernels are full.
                        var (before, now) = (-1, sent.withLock { $0 })
                        while before < now {
                            before = now
                            try? await Task.sleep(for: .milliseconds(200))
                            now = sent.withLock { $0 }
                        }
                        #expect(now < 32 << 20)
                    }
                    taker.sizes.append(piece.count)
                    return piece.count
                }
                #expect(taker.sizes.reduce(0, +) + response.body.count == total)
            }
        }

        @Test("the time limit is one of silence once a piece has come")
        func slow() async throws {
            let piece = Self.bytes(70_000)
            let server = try LoopbackServer { peer, number in
                guard peer.readHead() != nil, peer.write(Self.head(10 * piece.count)) else { return }
                for _ in 0..<(number == 0 ? 10 : 5) {
                    guard peer.write(piece) else { return }
                    Thread.sleep(forTimeInterval: 0.3)
                }
                if number == 1 { _ = peer.read() }
            }
            try await TransportTests.withTransport { transport in
                let request = TransportTests.get(server.url, timeout: .milliseconds(2_000))
                var taken = 0
                let response = try await transport.exchange(request) { piece in
                    taken += piece.count
                    return piece.count
                }
                #expect(taken + response.body.count == 700_000)

                taken = 0
                let error = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(request) { piece in
                        taken += piece.count - 1
                        return piece.count - 1
                    }
                }
                #expect(error?.isTimeout == true && error?.stage == .http)
                #expect(taken + (error?.partialBody.count ?? 0) == 350_000)
            }
        }

        @Test(
            "an answer that ends while a piece is being taken ends after it, whole or broken", arguments: [true, false])
        func ending(isWhole: Bool) async throws {
            let body = Self.bytes(100_000)
            let server = try LoopbackServer { peer, _ in
                guard peer.readHead() != nil else { return }
                _ = peer.write(Self.head(isWhole ? body.count : body.count + 1) + body)
            }
            try await TransportTests.withTransport { transport in
                var taken: [UInt8] = []
                let take = { (piece: [UInt8]) async -> Int in
                    try? await Task.sleep(for: .milliseconds(300))
                    taken += piece.prefix(10)
                    return 10
                }
                if isWhole {
                    let response = try await transport.exchange(TransportTests.get(server.url), take: take)
                    #expect(taken + response.body == body)
                } else {
                    let error = await TransportTests.failure { () async throws(TransportError) in
                        try await transport.exchange(TransportTests.get(server.url), take: take)
                    }
                    #expect(taken + (error?.partialBody ?? []) == body)
                }
            }
        }

        @Test("after pieces the next exchange on the connection learns of its end at once")
        func endAfterPieces() async throws {
            let body = Self.bytes(150_000)
            let server = try LoopbackServer { peer, _ in
                for _ in 0..<5 {
                    guard peer.readHead() != nil, peer.write(Self.head(body.count) + body) else { return }
                }
                _ = peer.readHead()
            }
            try await TransportTests.withTransport { transport in
                let time = try await TransportTests.took {
                    // A kept connection that ends is replaced by a new one.
                    for _ in 0..<40 {
                        var taken: [UInt8] = []
                        let response = try await transport.exchange(TransportTests.get(server.url)) { piece in
                            taken += piece
                            return piece.count
                        }
                        #expect(taken + response.body == body)
                    }
                }
                #expect(time < .seconds(20))
                #expect(server.connectionCount == 8)
            }
        }

        @Test("cancelled or shut down while a piece is being taken it ends as given up", arguments: [true, false])
        func givenUp(byCancelling: Bool) async throws {
            let server = try LoopbackServer { peer, _ in
                guard peer.readHead() != nil, peer.write(Self.head(1 << 30)) else { return }
                let block = Self.bytes(1 << 16)
                while peer.write(block) {}
            }
            try await TransportTests.withTransport { transport in
                let isTaking = Mutex(false)
                let isReleased = Mutex(false)
                let task = Task {
                    await TransportTests.failure { () async throws(TransportError) in
                        try await transport.exchange(TransportTests.get(server.url)) { piece in
                            isTaking.withLock { $0 = true }
                            while !isReleased.withLock({ $0 }) { await Task.yield() }
                            return piece.count
                        }
                    }
                }
                while !isTaking.withLock({ $0 }) { await Task.yield() }
                if byCancelling { task.cancel() } else { await transport.shutdown() }
                isReleased.withLock { $0 = true }
                #expect(await task.value?.stage == .cancelled)
            }
        }
    }
}

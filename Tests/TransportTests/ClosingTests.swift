import EndToEndSupport
import Foundation
import Testing
import WebSocket

@testable import Transport

extension TransportTests {
    @Suite("WebSocket: closing")
    struct ClosingTests {
        /// Connects, lets `act` do something, and receives to the end.
        static func ending(
            _ serve: @escaping @Sendable (LoopbackPeer, Int) -> Void,
            act: (WebSocketConnection) -> Void = { _ in }
        ) async throws -> (ending: WebSocketEnding?, texts: [String]) {
            let server = try LoopbackServer(serve)
            return try await TransportTests.withTransport { transport in
                let connection = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                act(connection)
                let texts = await TransportTests.receiveText(connection, messages: .max)
                try await eventually(within: .seconds(30), "the server's end is closed") { server.openCount == 0 }
                return (connection.ending, texts)
            }
        }

        @Test("a Close of the server ends it with code and reason, after the messages before it, and is answered")
        func byServer() async throws {
            let (answers, done) = AsyncStream.makeStream(of: LoopbackPeer.Frame?.self)
            let (ending, texts) = try await Self.ending { peer, _ in
                peer.upgrade()
                peer.write(LoopbackPeer.text("last") + LoopbackPeer.close(4010, "4010: Wrong Channel Id."))
                done.yield(peer.readFrame())
                peer.drain()
            }
            let frame = CloseFrame(code: 4010, reason: "4010: Wrong Channel Id.")
            #expect(ending == .session(.closedByPeer(frame)))
            #expect(texts == ["last"])
            #expect(await answers.first { _ in true } == LoopbackPeer.Frame(opcode: 8, payload: [0x0F, 0xAA]))
        }

        @Test("the server's code is known even when it takes no answer any more")
        func byServerWhoLeaves() async throws {
            let (results, done) = AsyncStream.makeStream(of: Void.self)
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                // A little more than the window, so that the Close is still in the kernel when the reset comes.
                let piece = LoopbackPeer.frame(2, [UInt8](repeating: 1, count: 16_000))
                for _ in 0..<268 {
                    peer.write(piece)
                    peer.waitUntilTaken()
                }
                peer.write(LoopbackPeer.close(4029))
                peer.waitUntilTaken()
                peer.reset()
                done.yield()
            }
            try await TransportTests.withTransport { transport in
                let connection = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                _ = await results.first { _ in true }
                while await connection.receive() != nil {}
                #expect(connection.ending == .session(.closedByPeer(CloseFrame(code: 4029))))
            }
        }

        @Test("our Close waits for the server's, and messages until then still arrive")
        func byUs() async throws {
            let (ending, texts) = try await Self.ending { peer, _ in
                peer.upgrade()
                guard peer.readFrame()?.opcode == 8 else { return }
                peer.write(LoopbackPeer.text("on its way") + LoopbackPeer.close(1000))
                peer.drain()
            } act: { connection in
                connection.close(code: 3000, reason: "config replaced")
            }
            #expect(
                ending
                    == .session(
                        .closedByUs(
                            sent: CloseFrame(code: 3000, reason: "config replaced"), answer: CloseFrame(code: 1000))))
            #expect(texts == ["on its way"])
        }

        @Test("a Close that is not answered: two seconds, then the connection is dropped")
        func unanswered() async throws {
            let time = try await TransportTests.took {
                let (ending, _) = try await Self.ending { peer, _ in
                    peer.upgrade()
                    peer.drain()
                } act: { connection in
                    connection.close(code: 1000)
                    connection.close(code: 1000)
                }
                guard case .transport(let error) = ending else {
                    Issue.record("ended by \(String(describing: ending))")
                    return
                }
                #expect(error.description == "protocol: the peer did not answer the Close")
            }
            #expect(time > .milliseconds(1900) && time < .seconds(15))
        }

        @Test("the same holds when the window is full and nobody receives")
        func unansweredFull() async throws {
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                let block = LoopbackPeer.frame(2, [UInt8](repeating: 1, count: 65_000))
                while peer.write(block) {}
            }
            try await TransportTests.withTransport { transport in
                let connection = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                try await Task.sleep(for: .milliseconds(300))
                connection.close(code: 1000)
                try await eventually(within: .seconds(30), "it has ended") { connection.ending != nil }
                var bytes = 0
                while let batches = await connection.receive() { bytes += batches.reduce(0) { $0 + $1.bytes.count } }
                #expect(bytes < 2 * WebSocketInbox.window)
            }
        }

        @Test("a stream that ends without a Close is unclean")
        func cut() async throws {
            let (ending, texts) = try await Self.ending { peer, _ in
                peer.upgrade(early: LoopbackPeer.text("x"))
            }
            #expect(ending == .session(.unclean))
            #expect(texts == ["x"])
        }

        @Test("a reset is an error of the transport")
        func reset() async throws {
            let (ending, _) = try await Self.ending { peer, _ in
                peer.upgrade()
                _ = peer.readFrame()
                peer.reset()
            } act: { connection in
                connection.send(text: "x")
            }
            guard case .transport(let error) = ending else {
                Issue.record("ended by \(String(describing: ending))")
                return
            }
            #expect(error.stage == .protocol)
            #expect(error.message.hasPrefix("the connection to 127.0.0.1 was lost"))
        }

        @Test("a violation ends it, with a Close that names it")
        func violation() async throws {
            let (answers, done) = AsyncStream.makeStream(of: LoopbackPeer.Frame?.self)
            let (ending, _) = try await Self.ending { peer, _ in
                peer.upgrade(early: [0x81, 0x01, 0xFF])
                done.yield(peer.readFrame())
                peer.drain()
            }
            guard case .session(.violation(let violation)) = ending else {
                Issue.record("ended by \(String(describing: ending))")
                return
            }
            #expect(violation.closeCode == 1007)
            let answer = await answers.first { _ in true } ?? nil
            #expect(answer?.opcode == 8 && answer?.payload.prefix(2) == [0x03, 0xEF])
        }

        @Test("a connection that nobody holds any more is closed, with 1001")
        func letGo() async throws {
            let (answers, done) = AsyncStream.makeStream(of: LoopbackPeer.Frame?.self)
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                let frame = peer.readFrame()
                done.yield(frame)
                peer.write(LoopbackPeer.close(1001))
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                _ = try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                let answer = await answers.first { _ in true } ?? nil
                #expect(answer == LoopbackPeer.Frame(opcode: 8, payload: [0x03, 0xE9]))
                try await eventually(within: .seconds(30), "the socket is closed") { server.openCount == 0 }
            }
        }
    }

    @Suite("WebSocket: many")
    struct ManyTests {
        @Test("200 connections at once over TLS all work, sleep without a wake-up, and leave no descriptor")
        func many() async throws {
            let server = try LoopbackServer { peer, _ in
                peer.upgrade(early: LoopbackPeer.text("hello"))
                peer.serveControlFrames()
            }
            let authority = try await CertificateAuthority()
            let nginx = try await NginxServer(certificate: authority.certificate(.good), upstreamPort: server.port)
            let request = TransportTests.socket(
                "wss://localhost:\(nginx.port)", network: NetworkOptions(caFile: authority.certificatePath, proxy: ""))
            let before = TransportTests.descriptorCount()
            try await TransportTests.withTransport { transport in
                let connections = try await withThrowingTaskGroup(of: WebSocketConnection.self) { group in
                    for _ in 0..<200 { group.addTask { try await transport.connectWebSocket(request) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                for connection in connections {
                    #expect(await TransportTests.receiveText(connection, messages: 1) == ["hello"])
                    connection.ping()
                }
                try await eventually(within: .seconds(30), "all pongs are there") {
                    connections.allSatisfy { $0.activity.pongsReceived == 1 }
                }
                let sleeps = TransportTests.loopSleeps()
                try await Task.sleep(for: .seconds(1))
                #expect(TransportTests.loopSleeps() == sleeps && sleeps > 0)
                for connection in connections { connection.close(code: 1000) }
                for connection in connections {
                    #expect(await connection.receive() == nil)
                    guard case .session(.closedByUs(_, .some)) = connection.ending else {
                        Issue.record("ended by \(String(describing: connection.ending))")
                        continue
                    }
                }
            }
            try await eventually(
                within: .seconds(30), "no descriptor is left: \(TransportTests.descriptorCount()) of \(before)"
            ) { TransportTests.descriptorCount() <= before }
        }
    }
}

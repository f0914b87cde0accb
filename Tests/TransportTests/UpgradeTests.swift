import EndToEndSupport
import Foundation
import Secrets
import Testing

@testable import Transport

extension TransportTests {
    @Suite("WebSocket: opening")
    struct UpgradeTests {
        @Test("the request is an upgrade to path and query, and what comes behind the answer is received")
        func opens() async throws {
            let server = try LoopbackServer { peer, _ in
                guard let head = peer.readHead() else { return }
                peer.acceptUpgrade(head, early: LoopbackPeer.text("early") + LoopbackPeer.text(head))
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                var request = TransportTests.socket(server.webSocketURL + "/subws/?CHANNEL_ID=a:b.c/d&format=json")
                request.headers = [("X-One", "1\r\nX-Evil: 1")]
                let connection = try await transport.connectWebSocket(request)
                let texts = await TransportTests.receiveText(connection, messages: 2)
                #expect(texts.first == "early")
                let lines = texts.last?.components(separatedBy: "\r\n") ?? []
                #expect(lines.first == "GET /subws/?CHANNEL_ID=a:b.c/d&format=json HTTP/1.1")
                #expect(lines.contains("Host: 127.0.0.1:\(server.port)"))
                #expect(lines.contains("User-Agent: pulld-test/1"))
                #expect(!lines.contains { $0.hasPrefix("X-Evil") || $0.lowercased().contains("extensions") })
                #expect(connection.activity.lastBytesAt > 0)
            }
        }

        @Test("an own User-Agent takes the place of the program's")
        func ownAgent() async throws {
            let server = try LoopbackServer { peer, _ in
                guard let head = peer.readHead() else { return }
                peer.acceptUpgrade(head, early: LoopbackPeer.text(head))
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                var request = TransportTests.socket(server.webSocketURL)
                request.headers = [("user-agent", "own/2")]
                let connection = try await transport.connectWebSocket(request)
                let head = await TransportTests.receiveText(connection, messages: 1).first?.lowercased() ?? ""
                #expect(head.components(separatedBy: "user-agent:").count == 2)
                #expect(head.contains("own/2"))
            }
        }

        @Test(
            "a refusal gives status, the answer's words and Retry-After, and a cure",
            arguments: [
                ("400 Bad", "Content-Length: 17\r\n\r\nWrong Channel Id.", 400, "Wrong Channel Id.", nil),
                ("400 4036: Wrong Client Id.", "Content-Length: 0\r\n\r\n", 400, "4036: Wrong Client Id.", nil),
                ("403 Forbidden", "\r\nno end but the stream's", 403, "no end but the stream's", nil),
                ("404 Not Found", "Content-Length: 0\r\n\r\n", 404, "Not Found", nil),
                ("429 Slow", "Retry-After: 17\r\nContent-Length: 0\r\n\r\n", 429, "Slow", 17),
                ("503 Busy", "Retry-After: -5\r\nContent-Length: 0\r\n\r\n", 503, "Busy", 0),
                (
                    "503 Busy", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\nContent-Length: 0\r\n\r\n", 503, "Busy",
                    nil
                ),
                ("302 Found", "Location: http://evil.example/\r\nContent-Length: 0\r\n\r\n", 302, "Found", nil),
            ] as [(String, String, Int, String, Int?)])
        func refused(line: String, rest: String, status: Int, answer: String, retryAfter: Int?) async throws {
            let server = try LoopbackServer { peer, _ in
                _ = peer.readHead()
                peer.write("HTTP/1.1 \(line)\r\n\(rest)")
            }
            try await TransportTests.withTransport { transport in
                let error = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL + "/?t=s3cr3t"))
                }
                #expect(error?.stage == .upgrade)
                #expect(error?.status == status)
                #expect(error?.answer == answer)
                #expect(error?.retryAfter == retryAfter)
                #expect(error?.cure.isEmpty == false)
                #expect(error?.message == "127.0.0.1 refuses the upgrade to WebSocket with status \(status)")
                try await eventually(within: .seconds(30), "the socket is closed") { server.openCount == 0 }
            }
        }

        @Test(
            "what is no WebSocket server's answer: upgrade, with the cure",
            arguments: [
                "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
                "SSH-2.0-OpenSSH_9\r\n\r\n", "",
            ])
        func invalid(answer: String) async throws {
            let server = try LoopbackServer { peer, _ in
                _ = peer.readHead()
                peer.write(answer)
            }
            try await TransportTests.withTransport { transport in
                let error = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                }
                #expect(error?.stage == .upgrade && error?.status == nil)
                #expect(error?.message.hasPrefix("127.0.0.1 does not answer as a WebSocket server") == true)
            }
        }

        @Test(
            "an upgrade that is never answered, or only by halves, is a timeout of the stage upgrade",
            arguments: ["", "HTTP/1.1 101 X\r\n"])
        func timeout(answer: String) async throws {
            let server = try LoopbackServer { peer, _ in
                _ = peer.readHead()
                peer.write(answer)
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                var request = TransportTests.socket(server.webSocketURL)
                request.upgradeTimeout = .milliseconds(400)
                let time = await TransportTests.took {
                    let error = await TransportTests.failure { () async throws(TransportError) in
                        try await transport.connectWebSocket(request)
                    }
                    #expect(error?.stage == .upgrade && error?.isTimeout == true)
                    #expect(error?.message == "127.0.0.1 did not answer the upgrade to WebSocket in time")
                }
                #expect(time >= .milliseconds(400) && time < .seconds(10))
                try await eventually(within: .seconds(30), "the socket is closed") { server.openCount == 0 }
            }
        }

        @Test("a cancelled task is free at once, and its socket closed")
        func cancel() async throws {
            let server = try LoopbackServer { peer, _ in peer.drain() }
            try await TransportTests.withTransport { transport in
                let task = Task {
                    await TransportTests.failure { () async throws(TransportError) in
                        try await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                    }
                }
                try await eventually(within: .seconds(30), "the connection is there") { server.connectionCount == 1 }
                let time = await TransportTests.took {
                    task.cancel()
                    #expect(await task.value?.stage == .cancelled)
                }
                #expect(time < .seconds(10))
                try await eventually(within: .seconds(30), "the socket is closed") { server.openCount == 0 }
            }
        }

        @Test("whenever a task is cancelled, no connection stays behind that nobody holds")
        func cancelRaces() async throws {
            let server = try LoopbackServer { peer, _ in
                peer.upgrade()
                peer.serveControlFrames()
            }
            try await TransportTests.withTransport { transport in
                for round in 0..<200 {
                    let task = Task {
                        _ = try? await transport.connectWebSocket(TransportTests.socket(server.webSocketURL))
                    }
                    try? await Task.sleep(for: .microseconds(round * 10))
                    task.cancel()
                    await task.value
                }
                try await eventually(within: .seconds(30), "all are closed, not \(server.openCount)") {
                    server.openCount == 0
                }
            }
        }

        @Test(
            "what is no ws URL is refused without a connection",
            arguments: ["", "http://127.0.0.1/", "wss://", "ws://a b"])
        func addresses(url: String) async throws {
            try await TransportTests.withTransport { transport in
                let error = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.connectWebSocket(TransportTests.socket(url))
                }
                #expect(error == .notAnAddress)
            }
        }
    }
}

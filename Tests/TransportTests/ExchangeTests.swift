import EndToEndSupport
import Foundation
import Secrets
import Synchronization
import Testing

@testable import Transport

extension TransportTests {
    @Suite("HTTP exchanges")
    struct ExchangeTests {
        /// Answers every request with `answer(head, body)`, on a connection that stays open.
        static func server(_ answer: @escaping @Sendable (String, [UInt8]) -> String) throws -> LoopbackServer {
            try LoopbackServer { peer, _ in
                while let head = peer.readHead() {
                    let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
                    let count = length.flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
                    let body = peer.read(exactly: count) ?? []
                    if !peer.write(answer(head, body)) { return }
                }
            }
        }

        static func ok(_ body: String, _ fields: String = "") -> String {
            "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
        }

        @Test("a GET brings status, headers in lower case and the body")
        func get() async throws {
            let server = try Self.server { head, _ in Self.ok(head, "Last-Message-Id:  7 \r\nX-Empty:\r\n") }
            try await TransportTests.withTransport { transport in
                var request = TransportTests.get(server.url + "/sub/?CHANNEL_ID=1")
                request.headers = [("X-One", "1"), ("X-Blank", "")]
                let response = try await transport.exchange(request)
                let sent = String(decoding: response.body, as: UTF8.self)
                #expect(response.status == 200 && !response.isTruncated)
                #expect(response.header("last-message-id") == "7")
                #expect(response.header("x-empty") == "")
                #expect(sent.hasPrefix("GET /sub/?CHANNEL_ID=1 HTTP/1.1\r\n"))
                #expect(sent.contains("\r\nX-One: 1\r\n") && sent.contains("\r\nX-Blank:\r\n"))
                #expect(sent.contains("\r\nUser-Agent: pulld-test/1\r\n"))
                #expect(!sent.contains("If-Modified-Since") && !sent.contains("Expect"))
            }
        }

        @Test("a POST sends its body whole, whatever bytes it has", arguments: [0, 1, 2000, 3_000_000])
        func post(size: Int) async throws {
            let server = try Self.server { head, body in
                Self.ok("\(body.count) \(Digest.hex(Digest.sha256(body))) \(head.hasPrefix("POST / "))")
            }
            try await TransportTests.withTransport { transport in
                let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
                let request = HTTPRequest(
                    method: .post, url: Secret(server.url), headers: [("Content-Type", "application/json")], body: body,
                    network: TransportTests.direct)
                let response = try await transport.exchange(request)
                #expect(
                    String(decoding: response.body, as: UTF8.self) == "\(size) \(Digest.hex(Digest.sha256(body))) true")
            }
        }

        @Test("statuses without a body, and redirects, are answers like others", arguments: [204, 304, 302, 500])
        func statuses(status: Int) async throws {
            let server = try Self.server { _, _ in
                let length = status == 302 || status == 500 ? "Content-Length: 0\r\n" : ""
                return "HTTP/1.1 \(status) X\r\nLocation: http://127.0.0.1:1/\r\n\(length)\r\n"
            }
            try await TransportTests.withTransport { transport in
                let response = try await transport.exchange(TransportTests.get(server.url))
                #expect(response.status == status)
                #expect(response.body.isEmpty)
                #expect(response.header("location") == "http://127.0.0.1:1/")
            }
        }

        @Test("a body larger than allowed is cut there and says so", arguments: [0, 1, 1000, 70_000])
        func cut(limit: Int) async throws {
            let server = try Self.server { _, _ in Self.ok(String(repeating: "x", count: 70_001)) }
            try await TransportTests.withTransport { transport in
                var request = TransportTests.get(server.url)
                request.maximumBodySize = limit
                let response = try await transport.exchange(request)
                #expect(response.isTruncated)
                #expect(response.status == 200)
                #expect(response.body.count == limit)
            }
        }

        @Test("a body of just the size allowed is whole")
        func exactSize() async throws {
            let server = try Self.server { _, _ in Self.ok(String(repeating: "x", count: 1000)) }
            try await TransportTests.withTransport { transport in
                var request = TransportTests.get(server.url)
                request.maximumBodySize = 1000
                let response = try await transport.exchange(request)
                #expect(!response.isTruncated && response.body.count == 1000)
            }
        }

        @Test("no answer in time is a timeout of the stage http, with what had arrived")
        func timeout() async throws {
            let server = try LoopbackServer { peer, _ in
                _ = peer.readHead()
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                let error = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(
                        TransportTests.get(server.url + "/?t=s3cr3t", timeout: .milliseconds(300)))
                }
                #expect(error?.stage == .http)
                #expect(error?.isTimeout == true)
                #expect(error?.partialBody == Array("half".utf8))
                #expect(error?.description == "http: no answer of 127.0.0.1 in time")
                #expect(error.map { String(reflecting: $0).contains("half") } == false)
            }
        }

        @Test("an answer that ends early is an error, with what had arrived")
        func cutAnswer() async throws {
            let server = try LoopbackServer { peer, _ in
                _ = peer.readHead()
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            }
            try await TransportTests.withTransport { transport in
                let error = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(TransportTests.get(server.url))
                }
                #expect(error?.stage == .http && error?.isTimeout == false)
                #expect(error?.partialBody == Array("half".utf8))
                #expect(error?.status == 200)
            }
        }

        @Test("a second request goes over the same connection")
        func keepAlive() async throws {
            let server = try Self.server { _, _ in Self.ok("x") }
            try await TransportTests.withTransport { transport in
                for _ in 0..<3 { _ = try await transport.exchange(TransportTests.get(server.url)) }
                #expect(server.connectionCount == 1)
            }
        }

        @Test("a cancelled task is free at once, and its socket closed")
        func cancel() async throws {
            let server = try LoopbackServer { peer, _ in
                _ = peer.readHead()
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                let task = Task {
                    await TransportTests.failure { () async throws(TransportError) in
                        try await transport.exchange(TransportTests.get(server.url))
                    }
                }
                try await eventually(within: .seconds(30), "the request is there") { server.connectionCount == 1 }
                let time = await TransportTests.took {
                    task.cancel()
                    #expect(await task.value?.stage == .cancelled)
                }
                #expect(time < .seconds(10))
                try await eventually(within: .seconds(30), "the socket is closed") { server.openCount == 0 }
            }
        }

        @Test("cancelled before it begins, or in the moment it ends, it neither hangs nor ends another's exchange")
        func cancelRaces() async throws {
            let server = try Self.server { _, _ in Self.ok("x") }
            try await TransportTests.withTransport { transport in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for round in 0..<400 {
                        group.addTask {
                            let task = Task { try? await transport.exchange(TransportTests.get(server.url)) }
                            if round % 2 == 0 { try? await Task.sleep(for: .microseconds(round * 20)) }
                            task.cancel()
                            _ = await task.value
                        }
                        if round % 8 == 0 {
                            group.addTask {
                                let response = try await transport.exchange(TransportTests.get(server.url))
                                #expect(response.status == 200)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }

        @Test("200 exchanges at once all get their own answer, and few connections stay open afterwards")
        func many() async throws {
            let server = try Self.server { head, _ in Self.ok(String(head.split(separator: " ")[1])) }
            try await TransportTests.withTransport { transport in
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<200 {
                        group.addTask {
                            let response = try await transport.exchange(TransportTests.get(server.url + "/\(number)"))
                            return String(decoding: response.body, as: UTF8.self) == "/\(number)"
                        }
                    }
                    for try await isRight in group { #expect(isRight) }
                }
                try await eventually(within: .seconds(30), "idle connections are closed") { server.openCount <= 34 }
            }
        }

        @Test("line breaks, and names that are none, cannot add header fields")
        func injection() async throws {
            let server = try Self.server { head, _ in Self.ok(head) }
            try await TransportTests.withTransport { transport in
                var request = TransportTests.get(server.url)
                request.headers = [
                    ("X-One", "1\r\nX-Evil: 1"), ("X-Two\r\nX-Evil", "1"), ("X-Evil: 1\r\nX", "2"), ("", "X-Evil"),
                    ("X-Three", "a\0b"), ("X-Evil;", ""),
                ]
                let head = try await transport.exchange(request).body
                let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
                #expect(!lines.contains { $0.hasPrefix("X-Evil") })
                #expect(lines.contains("X-One: 1  X-Evil: 1"))
                #expect(lines.contains("X-Three: a b"))
            }
        }

        @Test(
            "what is no http URL is refused without a connection",
            arguments: [
                "", "x", "ftp://127.0.0.1/", "file:///etc/passwd", "ws://127.0.0.1/", "http://", "http://a b/",
                "http://127.0.0.1/\r\nX: 1",
            ])
        func addresses(url: String) async throws {
            try await TransportTests.withTransport { transport in
                let error = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(TransportTests.get(url))
                }
                #expect(error == .notAnAddress)
            }
        }
    }
}

import EndToEndSupport
import Foundation
import Secrets
import Synchronization
import Testing

@testable import Transport

extension TransportTests {
    /// Every way that a request can end without an answer says whether the server may have acted on it.
    @Suite("Ends without an answer")
    struct EndingTests {
        /// What whoever sends events has to know.
        struct Fate: Hashable, CustomStringConvertible {
            var stage: TransportError.Stage
            var isSent: Bool
            var isTimeout = false
            var status: Int?

            init(_ stage: TransportError.Stage, sent: Bool, timeout: Bool = false, status: Int? = nil) {
                self.stage = stage
                isSent = sent
                isTimeout = timeout
                self.status = status
            }

            init(_ error: TransportError) {
                self.init(error.stage, sent: error.isRequestSent, timeout: error.isTimeout, status: error.status)
            }

            var description: String {
                "\(stage)\(isSent ? ", sent" : "")\(isTimeout ? ", timeout" : "")\(status.map { ", \($0)" } ?? "")"
            }
        }

        /// What a server does with a connection once it is there.
        struct Case: Sendable, CustomTestStringConvertible {
            var testDescription: String
            var message: String
            var fate: Fate
            var body = Array("body".utf8)
            var serve: @Sendable (LoopbackPeer) -> Void

            init(
                _ name: String, _ fate: Fate, _ message: String, body: [UInt8] = Array("body".utf8),
                serve: @escaping @Sendable (LoopbackPeer) -> Void
            ) {
                testDescription = name
                self.fate = fate
                self.message = message
                self.body = body
                self.serve = serve
            }
        }

        static let limit = Duration.milliseconds(1_000)

        /// Reads a request of four bytes.
        static func take(_ peer: LoopbackPeer) {
            _ = peer.readHead()
            _ = peer.read(exactly: 4)
        }

        static let cases: [Case] = [
            Case("no answer", Fate(.http, sent: true, timeout: true), "no answer of 127.0.0.1 in time") { $0.drain() },
            Case(
                "the body is not taken", Fate(.http, sent: true, timeout: true), "no answer of 127.0.0.1 in time",
                body: [UInt8](repeating: 0x20, count: 30_000_000)
            ) { peer in
                _ = peer.readHead()
                usleep(5_000_000)
            },
            Case("FIN", Fate(.http, sent: true), "127.0.0.1 closed the connection without an answer") { take($0) },
            Case("RST", Fate(.http, sent: true), "127.0.0.1 closed the connection without an answer") { peer in
                take(peer)
                peer.reset()
            },
            Case(
                "RST within the request", Fate(.http, sent: true),
                "127.0.0.1 closed the connection without an answer", body: [UInt8](repeating: 0x20, count: 30_000_000)
            ) { peer in
                _ = peer.readHead()
                peer.reset()
            },
            Case("half of a head, FIN", Fate(.http, sent: true, status: 200), "the answer of 127.0.0.1 ended early") {
                peer in
                take(peer)
                peer.write("HTTP/1.1 200 OK\r\nContent-")
            },
            Case("a head, byte by byte", Fate(.http, sent: true, timeout: true), "no answer of 127.0.0.1 in time") {
                peer in
                take(peer)
                for byte in "HTTP/1.1 200 OK\r\nX: ".utf8 + [UInt8](repeating: 0x78, count: 10_000) {
                    if !peer.write([byte]) { return }
                    usleep(100_000)
                }
            },
            Case(
                "a body without end, byte by byte", Fate(.http, sent: true, timeout: true, status: 200),
                "no answer of 127.0.0.1 in time"
            ) { peer in
                take(peer)
                peer.write("HTTP/1.1 200 OK\r\n\r\n")
                while peer.write("x") { usleep(10_000) }
            },
            Case(
                "a body shorter than announced, RST", Fate(.http, sent: true, status: 200),
                "the answer of 127.0.0.1 ended early"
            ) { peer in
                take(peer)
                peer.write("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
                peer.waitUntilTaken()
                usleep(50_000)
                peer.reset()
            },
            Case(
                "a body shorter than announced, FIN", Fate(.http, sent: true, status: 503),
                "the answer of 127.0.0.1 ended early"
            ) { peer in
                take(peer)
                peer.write("HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nhalf")
            },
            Case("no HTTP", Fate(.http, sent: true), "what 127.0.0.1 answers is not HTTP") { peer in
                take(peer)
                peer.write("220 mail.example ESMTP\r\n")
            },
            Case(
                "a head without end", Fate(.http, sent: true, status: 200),
                "the head of the answer of 127.0.0.1 is too large"
            ) { peer in
                take(peer)
                peer.write("HTTP/1.1 200 OK\r\n")
                while peer.write("X: \(String(repeating: "x", count: 1000))\r\n") {}
            },
        ]

        static func request(
            _ url: String, body: [UInt8] = Array("body".utf8), timeout: Duration = .seconds(20)
        ) -> HTTPRequest {
            HTTPRequest(
                method: .post, url: Secret(url), body: body, timeout: timeout, maximumBodySize: 65536,
                network: NetworkOptions(destination: .loopback))
        }

        @Test("on a new connection", arguments: cases)
        func newConnection(_ example: Case) async throws {
            let server = try LoopbackServer { peer, _ in example.serve(peer) }
            try await TransportTests.withTransport { try await Self.check(example, at: server.url, with: $0) }
        }

        @Test(
            "on a connection that has answered before, where what fails is not taken for a stage that it is past",
            arguments: cases)
        func keptConnection(_ example: Case) async throws {
            let server = try LoopbackServer { peer, number in
                if number == 0 {
                    Self.take(peer)
                    peer.write(ExchangeTests.ok("x"))
                }
                example.serve(peer)
            }
            try await TransportTests.withTransport { transport in
                let status = try await transport.exchange(Self.request(server.url)).status
                #expect(status == 200)
                try await Self.check(example, at: server.url, with: transport)
            }
        }

        static func check(_ example: Case, at url: String, with transport: Transport) async throws {
            let clock = ContinuousClock()
            let start = clock.now
            let error = try #require(
                await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(
                        request(url, body: example.body, timeout: example.fate.isTimeout ? limit : .seconds(20)))
                })
            #expect(Fate(error) == example.fate)
            #expect(error.message == example.message)
            #expect(!error.isForbiddenDestination)
            #expect(clock.now - start < limit + .seconds(15))
        }

        @Test("before the request: nothing was sent")
        func before() async throws {
            let silent = try LoopbackServer { peer, _ in peer.drain() }
            let closing = try LoopbackServer { peer, _ in _ = peer.read(atMost: 1) }
            let closed = try LoopbackPort.free()
            let cases: [(String, Secret, Fate)] = [
                ("http://127.0.0.1:\(closed)", "", Fate(.connect, sent: false)),
                ("http://portal.invalid", "", Fate(.dns, sent: false)),
                ("https://127.0.0.1:\(silent.port)", "", Fate(.tls, sent: false, timeout: true)),
                ("https://127.0.0.1:\(closing.port)", "", Fate(.tls, sent: false)),
                ("https://portal.invalid", Secret("http://127.0.0.1:\(closed)"), Fate(.proxy, sent: false)),
                (
                    "https://portal.invalid", Secret("http://127.0.0.1:\(silent.port)"),
                    Fate(.proxy, sent: false, timeout: true)
                ),
                ("https://portal.invalid", Secret("http://127.0.0.1:\(closing.port)"), Fate(.proxy, sent: false)),
            ]
            try await TransportTests.withTransport { transport in
                for (url, proxy, fate) in cases {
                    var request = Self.request(url, timeout: fate.isTimeout ? Self.limit : .seconds(20))
                    request.network = NetworkOptions(proxy: proxy)
                    let sent = request
                    let error = try #require(
                        await TransportTests.failure { () async throws(TransportError) in
                            try await transport.exchange(sent)
                        })
                    #expect(Fate(error) == fate, "\(url) \(error)")
                }
            }
        }

        @Test(
            "a connection that is reset as soon as it is there is no answer and no timeout, whether the request was under way or not"
        )
        func resetAtOnce() async throws {
            let server = try LoopbackServer { peer, _ in peer.reset() }
            try await TransportTests.withTransport { transport in
                for _ in 0..<20 {
                    let error = try #require(
                        await TransportTests.failure { () async throws(TransportError) in
                            try await transport.exchange(Self.request(server.url))
                        })
                    #expect(!error.isTimeout && error.status == nil)
                    #expect(error.isRequestSent == (error.stage == .http))
                    #expect(error.stage == .http || error.stage == .connect)
                }
            }
        }

        @Test("a provisional answer is none", arguments: [100, 102, 103])
        func provisional(status: Int) async throws {
            let server = try LoopbackServer { peer, _ in
                Self.take(peer)
                peer.write("HTTP/1.1 \(status) Wait\r\n\r\n")
                peer.drain()
            }
            try await TransportTests.withTransport { transport in
                let error = try #require(
                    await TransportTests.failure { () async throws(TransportError) in
                        try await transport.exchange(Self.request(server.url, timeout: Self.limit))
                    })
                #expect(error.message == "no answer of 127.0.0.1 in time")
                #expect(error.isTimeout && error.isRequestSent)
            }
        }

        @Test("a body without end at full speed is cut, with its status, at its limit", arguments: [200, 500])
        func endless(status: Int) async throws {
            let server = try LoopbackServer { peer, _ in
                Self.take(peer)
                peer.write("HTTP/1.1 \(status) X\r\nTransfer-Encoding: chunked\r\n\r\n")
                while peer.write("1000\r\n\(String(repeating: "x", count: 4096))\r\n") {}
            }
            try await TransportTests.withTransport { transport in
                let response = try await transport.exchange(Self.request(server.url))
                #expect(response.status == status && response.isTruncated && response.body.count == 65536)
                try await eventually(within: .seconds(30), "the connection is closed") { server.openCount == 0 }
            }
        }

        @Test(
            "a silent server behind TLS, on a connection that has answered before: sent, a timeout",
            arguments: [false, true])
        func silentTLS(http2: Bool) async throws {
            let stage = try await HTTP2Tests.Stage()
            try await TransportTests.withTransport { transport in
                for path in ["up/", "up/?silent", "up/", "up/?silent"] {
                    let isSilent = path.hasSuffix("?silent")
                    let request = stage.request(
                        path, http2: http2, timeout: isSilent ? .milliseconds(500) : .seconds(20))
                    if !isSilent {
                        let status = try await transport.exchange(request).status
                        #expect(status == 200)
                        continue
                    }
                    let error = try #require(
                        await TransportTests.failure { () async throws(TransportError) in
                            try await transport.exchange(request)
                        })
                    #expect(Fate(error) == Fate(.http, sent: true, timeout: true))
                }
            }
        }
    }
}

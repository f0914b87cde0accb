import EndToEndSupport
import Foundation
import Secrets
import Testing

@testable import Transport

extension TransportTests {
    /// Against a real nginx.
    @Suite("HTTP/2")
    struct HTTP2Tests {
        /// Every answer's body is `X-Front`, path and size of the request; with `?wait` it takes 200 ms, with `?silent` it
        /// never comes, `?endless` never ends.
        static func upstream() throws -> LoopbackServer {
            try LoopbackServer { peer, _ in
                while let head = peer.readHead() {
                    let lines = head.split(separator: "\r\n")
                    let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
                    let count = length.flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
                    _ = peer.read(exactly: count)
                    let front = lines.first { $0.hasPrefix("X-Front: ") }.map { $0.dropFirst(9) } ?? "?"
                    let path = lines[0].split(separator: " ")[1]
                    if path.contains("?wait") { usleep(200_000) }
                    if path.contains("?silent") { return peer.drain() }
                    if path.contains("?endless") {
                        peer.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                        while peer.write(String(repeating: "x", count: 4096)) {}
                        return
                    }
                    if !peer.write(ExchangeTests.ok("\(front) \(path) \(count)")) { return }
                }
            }
        }

        struct Stage {
            let authority: CertificateAuthority
            let upstream: LoopbackServer
            let front: HTTP2Server

            init(requestsPerConnection: Int = 100_000) async throws {
                authority = try await CertificateAuthority()
                upstream = try HTTP2Tests.upstream()
                front = try await HTTP2Server(
                    certificate: authority.certificate(.good), upstreamPort: upstream.port,
                    requestsPerConnection: requestsPerConnection)
            }

            func request(_ path: String, http2: Bool = true, timeout: Duration = .seconds(20)) -> HTTPRequest {
                HTTPRequest(
                    method: .post, url: Secret(front.url + path), body: Array("body".utf8), timeout: timeout,
                    network: NetworkOptions(
                        caFile: authority.certificatePath, destination: .loopback),
                    allowsHTTP2: http2)
            }

            /// Protocol and connection, as nginx saw them, and the rest.
            func answer(_ transport: Transport, _ path: String, http2: Bool = true) async throws -> [String] {
                let response = try await transport.exchange(request(path, http2: http2))
                try #require(response.status == 200)
                return String(decoding: response.body, as: UTF8.self).split(separator: " ").map(String.init)
            }
        }

        @Test("requests one after the other share a connection of HTTP/2")
        func keepAlive() async throws {
            let stage = try await Stage()
            try await TransportTests.withTransport { transport in
                var connections: Set<String> = []
                for number in 0..<50 {
                    let answer = try await stage.answer(transport, "up/\(number)")
                    #expect(answer[0] == "HTTP/2.0" && answer[2...] == ["/up/\(number)", "4"])
                    connections.insert(answer[1])
                }
                #expect(connections.count == 1)
            }
        }

        @Test("requests at the same time share a connection, the very first ones too, and each gets its own answer")
        func multiplexed() async throws {
            let stage = try await Stage()
            try await TransportTests.withTransport { transport in
                let clock = ContinuousClock()
                let start = clock.now
                let connections = try await withThrowingTaskGroup(of: String.self) { group in
                    for number in 0..<50 {
                        group.addTask {
                            let answer = try await stage.answer(transport, "up/\(number)?wait")
                            #expect(answer[0] == "HTTP/2.0" && answer[2] == "/up/\(number)?wait")
                            return answer[1]
                        }
                    }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(connections.count == 1)
                #expect(clock.now - start < .seconds(5), "50 answers of 200 ms each")
            }
        }

        @Test("who does not ask for HTTP/2 gets 1.1, beside connections of HTTP/2 to the same server")
        func notAsked() async throws {
            let stage = try await Stage()
            try await TransportTests.withTransport { transport in
                let asked = try await stage.answer(transport, "up/")
                let notAsked = try await stage.answer(transport, "up/", http2: false)
                #expect(asked[0] == "HTTP/2.0" && notAsked[0] == "HTTP/1.1")
                #expect(try await stage.answer(transport, "up/", http2: false) == notAsked)
            }
        }

        @Test("a server that does not offer it gets 1.1, with TLS and without")
        func notOffered() async throws {
            let authority = try await CertificateAuthority()
            let upstream = try ExchangeTests.server { head, _ in ExchangeTests.ok(head) }
            let nginx = try await NginxServer(certificate: authority.certificate(.good), upstreamPort: upstream.port)
            try await TransportTests.withTransport { transport in
                for url in [upstream.url, nginx.httpsURL] {
                    let request = HTTPRequest(
                        method: .get, url: Secret(url),
                        network: NetworkOptions(caFile: authority.certificatePath, destination: .loopback),
                        allowsHTTP2: true)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<20 {
                            group.addTask {
                                let body = try await transport.exchange(request).body
                                let head = String(decoding: body, as: UTF8.self)
                                #expect(head.hasPrefix("GET / HTTP/1.1\r\n") && !head.contains("HTTP2-Settings"))
                            }
                        }
                        try await group.waitForAll()
                    }
                }
            }
        }

        @Test("a server that ends its connections now and then (GOAWAY) costs no request")
        func goAway() async throws {
            let stage = try await Stage(requestsPerConnection: 7)
            try await TransportTests.withTransport { transport in
                var connections: Set<String> = []
                for number in 0..<60 { connections.insert(try await stage.answer(transport, "up/\(number)")[1]) }
                #expect(connections.count >= 8)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<60 {
                        group.addTask { _ = try await stage.answer(transport, "up/\(number)?wait") }
                    }
                    try await group.waitForAll()
                }
            }
        }

        @Test("a body is cut at its limit, and the connection goes on for others")
        func cut() async throws {
            let stage = try await Stage()
            try await TransportTests.withTransport { transport in
                let before = try await stage.answer(transport, "up/")
                async let other = stage.answer(transport, "up/?wait")
                var request = stage.request("up/?endless")
                request.maximumBodySize = 1000
                let response = try await transport.exchange(request)
                #expect(response.status == 200 && response.isTruncated && response.body.count == 1000)
                #expect(try await other[1] == before[1])
                #expect(try await stage.answer(transport, "up/")[1] == before[1])
            }
        }

        @Test("an answer that does not come in time is a timeout of its own request alone")
        func timeout() async throws {
            let stage = try await Stage()
            try await TransportTests.withTransport { transport in
                let before = try await stage.answer(transport, "up/")
                async let other = stage.answer(transport, "up/?wait")
                let error = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(stage.request("up/?silent", timeout: .milliseconds(400)))
                }
                #expect(error?.stage == .http && error?.isTimeout == true && error?.isRequestSent == true)
                #expect(try await other[1] == before[1])
            }
        }

        @Test("a server that dies with requests under way: sent, no answer; and nothing is left of it")
        func killed() async throws {
            let stage = try await Stage()
            try await TransportTests.withTransport { transport in
                _ = try await stage.answer(transport, "up/")
                let first = stage.upstream.connectionCount
                let task = Task {
                    await TransportTests.failure { () async throws(TransportError) in
                        try await transport.exchange(stage.request("up/?silent"))
                    }
                }
                try await eventually(within: .seconds(30), "the request is there") {
                    stage.upstream.connectionCount > first
                }
                stage.front.kill()
                let error = await task.value
                #expect(error?.stage == .http && error?.isTimeout == false && error?.isRequestSent == true)
                #expect(error?.status == nil)
                // The worker dies after the master.
                try await eventually(within: .seconds(30), "nobody listens") {
                    !LoopbackPort.answers(stage.front.port)
                }
                let later = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(stage.request("up/"))
                }
                #expect(later?.stage == .connect && later?.isRequestSent == false)
            }
        }
    }
}

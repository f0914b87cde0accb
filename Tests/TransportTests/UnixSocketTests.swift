import CCurl
import EndToEndSupport
import Foundation
import Secrets
import Testing

@testable import Transport

extension TransportTests {
    @Suite("Sockets of the file system")
    struct UnixSocketTests {
        static func options(_ path: String, _ rule: DestinationRule = .any) -> NetworkOptions {
            NetworkOptions(connectTimeout: .seconds(5), destination: rule, unixSocket: path)
        }

        /// Answers every request with its name and the request's head.
        static func server(_ path: String, name: String) throws -> UnixServer {
            try UnixServer(path: path) { peer in
                while let head = peer.readHead() { peer.write(ExchangeTests.ok("\(name) \(head)")) }
            }
        }

        static func failure(_ network: NetworkOptions) async throws -> TransportError? {
            try await TransportTests.withTransport { transport in
                await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(
                        TransportTests.get("http://localhost/?s3cr3t", timeout: .seconds(5), network: network))
                }
            }
        }

        @Test(
            "a request goes to the socket, under any rule, and the URL's host into its head alone",
            arguments: [DestinationRule.any, .loopback, .remote], ["localhost", "portal.invalid", "169.254.169.254"])
        func exchange(rule: DestinationRule, host: String) async throws {
            let directory = try ScratchDirectory()
            let server = try Self.server(directory.file("app.sock"), name: "here")
            try await TransportTests.withTransport { transport in
                for _ in 0..<3 {
                    let request = TransportTests.get(
                        "http://\(host)/hook?a=1", network: Self.options(server.path, rule))
                    let response = try await transport.exchange(request)
                    let body = String(decoding: response.body, as: UTF8.self)
                    #expect(body.hasPrefix("here GET /hook?a=1 HTTP/1.1\r\nHost: \(host)\r\n"))
                }
            }
            #expect(server.connectionCount == 1)
        }

        @Test("connections kept open are told apart by their path, and from TCP")
        func reuse() async throws {
            let directory = try ScratchDirectory()
            let one = try Self.server(directory.file("1.sock"), name: "one")
            let two = try Self.server(directory.file("2.sock"), name: "two")
            let tcp = try ExchangeTests.server { _, _ in ExchangeTests.ok("tcp GET") }
            try await TransportTests.withTransport { transport in
                let places = [
                    (Self.options(one.path), "one"), (Self.options(two.path, .loopback), "two"),
                    (DestinationTests.options(.loopback), "tcp"), (TransportTests.direct, "tcp"),
                ]
                for (options, name) in places + places.reversed() {
                    let response = try await transport.exchange(TransportTests.get(tcp.url, network: options))
                    #expect(String(decoding: response.body, as: UTF8.self).hasPrefix("\(name) GET"))
                }
            }
            #expect(one.connectionCount == 1 && two.connectionCount == 1 && tcp.connectionCount == 1)
        }

        @Test("no proxy stands before a socket of the file system")
        func noProxy() async throws {
            let directory = try ScratchDirectory()
            let server = try Self.server(directory.file("app.sock"), name: "here")
            let proxy = try WatchedPort()
            var options = Self.options(server.path)
            options.proxy = Secret("http://127.0.0.1:\(proxy.port)")
            let network = options
            try await TransportTests.withTransport { transport in
                let request = TransportTests.get("http://portal.invalid/", network: network)
                let status = try await transport.exchange(request).status
                #expect(status == 200)
            }
            #expect(proxy.visitors() == (0, 0))
        }

        @Test("a path as long as a socket's can be is connected to")
        func longest() async throws {
            let directory = try ScratchDirectory()
            let stem = directory.file("")
            let path = stem + String(repeating: "x", count: NetworkOptions.maximumUnixSocketLength - stem.utf8.count)
            let server = try Self.server(path, name: "here")
            try await TransportTests.withTransport { transport in
                let request = TransportTests.get("http://localhost/", network: Self.options(server.path))
                let status = try await transport.exchange(request).status
                #expect(status == 200)
            }
        }

        @Test("a path that is too long is an error that says so, and no shorter one is tried")
        func tooLong() async throws {
            let directory = try ScratchDirectory()
            let stem = directory.file("")
            let path = stem + String(repeating: "x", count: NetworkOptions.maximumUnixSocketLength - stem.utf8.count)
            let server = try Self.server(path, name: "here")
            let error = try await Self.failure(Self.options(path + "x"))
            #expect(
                error?.description
                    == "connect: the path of the socket has 108 bytes, and 107 is the most that a socket can "
                    + "have (put the socket into a directory with a shorter path)")
            #expect(error?.isForbiddenDestination == false)
            #expect(server.connectionCount == 0)
        }

        @Test("an empty path, or one with a NUL, is an error, and what stands before the NUL is not connected to")
        func noPath() async throws {
            let directory = try ScratchDirectory()
            let server = try Self.server(directory.file("app.sock"), name: "here")
            let tcp = try WatchedPort()
            for path in ["", "\0", server.path + "\0", server.path + "\0x"] {
                for rule in [DestinationRule.any, .loopback] {
                    let error = try await TransportTests.withTransport { transport in
                        await TransportTests.failure { () async throws(TransportError) in
                            try await transport.exchange(
                                TransportTests.get(
                                    "http://127.0.0.1:\(tcp.port)/", timeout: .seconds(5),
                                    network: Self.options(path, rule)))
                        }
                    }
                    #expect(error?.message == "the path of the socket is empty or has a NUL in it")
                }
            }
            #expect(server.connectionCount == 0)
            #expect(tcp.visitors() == (0, 0))
        }

        @Test("a socket that is not there, and one where nobody listens, are told apart")
        func notConnected() async throws {
            let directory = try ScratchDirectory()
            let missing = directory.file("missing.sock")
            #expect(
                try await Self.failure(Self.options(missing))?.description
                    == "connect: there is no socket \(missing) "
                    + "(check the path, and that the program that listens there runs)")
            let dead = directory.file("dead.sock")
            close(try UnixServer.bound(dead))
            #expect(
                try await Self.failure(Self.options(dead, .loopback))?.description
                    == "connect: nobody listens at the socket \(dead) (check that the program that listens there runs)")
        }

        @Test("a socket that this user may not write to says so")
        func forbidden() throws {
            let address = try #require(Address("http://localhost/"))
            let failure = CurlFailure(
                result: CURLE_COULDNT_CONNECT, address: address, libraryMessage: "", certificateProblem: 0,
                proxyStatus: 0, isResolved: false, isConnected: false, isEncrypted: false, systemError: EACCES,
                network: Self.options("/run/app.sock"))
            #expect(
                failure.error.description == "connect: this user may not connect to the socket /run/app.sock "
                    + "(permit writing to the socket and passing through its directories)")
        }

        @Test("an answer that does not come names the socket")
        func silent() async throws {
            let directory = try ScratchDirectory()
            let server = try UnixServer(path: directory.file("app.sock")) { $0.drain() }
            try await TransportTests.withTransport { transport in
                let error = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(
                        TransportTests.get(
                            "http://localhost/", timeout: .milliseconds(300), network: Self.options(server.path)))
                }
                #expect(error?.description == "http: no answer of \(server.path) in time")
                #expect(error?.isTimeout == true && error?.isRequestSent == true)
            }
        }
    }
}

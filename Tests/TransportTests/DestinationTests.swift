import EndToEndSupport
import Foundation
import Secrets
import Synchronization
import Testing

@testable import Transport

extension TransportTests {
    /// With real sockets: what a rule forbids gets no connection, let alone a byte.
    @Suite("Destinations")
    struct DestinationTests {
        static func options(_ rule: DestinationRule) -> NetworkOptions {
            NetworkOptions(connectTimeout: .seconds(5), destination: rule)
        }

        static func failure(_ url: String, _ rule: DestinationRule) async throws -> TransportError? {
            try await TransportTests.withTransport { transport in
                await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(
                        TransportTests.get(url, timeout: .seconds(5), network: options(rule)))
                }
            }
        }

        @Test(
            "an address that no delivery may reach is not connected to, whatever its spelling",
            arguments: [
                "169.254.169.254", "0251.0376.0251.0376", "0xA9FEA9FE", "2852039166", "169.254.43518",
                "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::1]",
                "[fd00:ec2::254]", "100.100.100.200", "168.63.129.16",
            ], [DestinationRule.loopback, .remote])
        func metadata(host: String, rule: DestinationRule) async throws {
            let error = try #require(await Self.failure("http://\(host)/latest/meta-data/?s3cr3t", rule))
            #expect(error.stage == .connect && error.isForbiddenDestination && !error.isRequestSent)
            #expect(!error.isTimeout && error.cure.isEmpty)
            #expect(error.message.hasSuffix(" a metadata service of a cloud: not allowed"))
            #expect(!"\(error)".contains("s3cr3t"))
        }

        @Test(
            "this machine by an address that is not loopback's: without the rule it is reached, with it nobody comes",
            arguments: ["0.0.0.0", "0", "[::]", "[::ffff:0.0.0.0]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"])
        func otherForms(host: String) async throws {
            let watched = try WatchedPort()
            let url = "http://\(host):\(watched.port)/"
            let error = try #require(await Self.failure(url, .loopback))
            #expect(error.isForbiddenDestination && error.stage == .connect)
            #expect(watched.visitors() == (0, 0))
            try await TransportTests.withTransport { transport in
                _ = try? await transport.exchange(
                    TransportTests.get(url, timeout: .milliseconds(300), network: Self.options(.any)))
            }
            let visitors = watched.visitors()
            #expect(visitors.connections == 1 && visitors.bytes > 0)
        }

        @Test(
            "another of this machine's addresses is remote: the error names it and the cure",
            .enabled(if: WatchedPort.ownAddress != nil))
        func ownAddress() async throws {
            let own = try #require(WatchedPort.ownAddress)
            let watched = try WatchedPort()
            let error = try #require(await Self.failure("http://\(own):\(watched.port)/", .loopback))
            #expect(error.isForbiddenDestination)
            #expect(
                error.description == "connect: \(own) is not a loopback address: not allowed (set allow_remote: true)")
            #expect(watched.visitors() == (0, 0))
            let remote = try await TransportTests.withTransport { transport in
                await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(
                        TransportTests.get(
                            "http://\(own):\(watched.port)/", timeout: .milliseconds(300),
                            network: Self.options(.remote)))
                }
            }
            #expect(remote?.isTimeout == true && remote?.isRequestSent == true)
            #expect(watched.visitors().connections == 1)
        }

        @Test("a WebSocket obeys the same rule")
        func webSocket() async throws {
            let watched = try WatchedPort()
            try await TransportTests.withTransport { transport in
                let error = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.connectWebSocket(
                        TransportTests.socket("ws://0.0.0.0:\(watched.port)/", network: Self.options(.loopback)))
                }
                #expect(error?.isForbiddenDestination == true)
                #expect(watched.visitors() == (0, 0))
            }
        }

        @Test("localhost is within both rules", arguments: ["127.0.0.1", "localhost", "0x7f.1", "127.1"])
        func localhost(host: String) async throws {
            let server = try ExchangeTests.server { _, _ in ExchangeTests.ok("x") }
            try await TransportTests.withTransport { transport in
                for rule in [DestinationRule.loopback, .remote] {
                    let request = TransportTests.get(
                        "http://\(host):\(server.port)/", network: Self.options(rule))
                    let status = try await transport.exchange(request).status
                    #expect(status == 200)
                }
                #expect(server.connectionCount == 1)
            }
        }

        @Test(
            "a name that leads to several addresses is connected to by the allowed ones alone",
            arguments: [
                "169.254.169.254,127.0.0.1", "127.0.0.1,169.254.169.254", "10.255.255.1,0.0.0.0,127.0.0.1",
                "[fd00:ec2::254],[::ffff:127.0.0.1],127.0.0.1",
            ])
        func someAllowed(addresses: String) throws {
            let server = try ExchangeTests.server { _, _ in "HTTP/1.1 204 OK\r\n\r\n" }
            let result = CurlStage().get(
                "http://hooks.example:\(server.port)/", Self.options(.loopback), addresses: addresses)
            #expect(result == .success(204))
            #expect(server.connectionCount == 1)
        }

        @Test(
            "a name that leads to forbidden addresses alone is not connected to, and the error names one",
            arguments: ["0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "169.254.169.254,0.0.0.0", "0.0.0.0,10.255.255.1"])
        func noneAllowed(addresses: String) throws {
            let watched = try WatchedPort()
            let result = CurlStage().get(
                "http://hooks.example:\(watched.port)/", Self.options(.loopback), addresses: addresses)
            guard case .failure(let error) = result else {
                Issue.record("it was answered")
                return
            }
            #expect(error.isForbiddenDestination && error.stage == .connect)
            #expect(error.message.hasPrefix("hooks.example leads to "))
            #expect(watched.visitors() == (0, 0))
        }

        @Test("an allowed address that does not answer is an outage, not a forbidden destination")
        func allowedButDown() throws {
            let result = CurlStage().get(
                "http://hooks.example:\(try LoopbackPort.free())/", Self.options(.loopback),
                addresses: "169.254.169.254,127.0.0.1")
            guard case .failure(let error) = result else {
                Issue.record("it was answered")
                return
            }
            #expect(!error.isForbiddenDestination)
            #expect(error.message == "hooks.example accepts no connection")
        }

        @Test("a name that leads here at first and elsewhere later is followed no further than the rule goes")
        func rebinding() throws {
            let server = try LoopbackServer { peer, _ in
                _ = peer.readHead()
                peer.write("HTTP/1.1 204 OK\r\nConnection: close\r\n\r\n")
            }
            let stage = CurlStage()
            let url = "http://hooks.example:\(server.port)/"
            #expect(stage.get(url, Self.options(.loopback), addresses: "127.0.0.1") == .success(204))
            for addresses in ["0.0.0.0", "[::ffff:127.0.0.1]", "169.254.169.254"] {
                guard case .failure(let error) = stage.get(url, Self.options(.loopback), addresses: addresses) else {
                    Issue.record("\(addresses) was answered")
                    continue
                }
                #expect(error.isForbiddenDestination)
            }
            #expect(server.connectionCount == 1)
            #expect(stage.get(url, Self.options(.loopback), addresses: "127.0.0.1") == .success(204))
        }

        @Test("a connection kept open under no rule does not carry a request that its address is forbidden to")
        func reuse() async throws {
            let heads = Mutex<[String]>([])
            let server = try ExchangeTests.server { head, _ in
                heads.withLock { $0.append(head) }
                return ExchangeTests.ok("x")
            }
            let url = "http://[::ffff:127.0.0.1]:\(server.port)"
            try await TransportTests.withTransport { transport in
                for path in ["/1", "/2"] {
                    _ = try await transport.exchange(
                        TransportTests.get(url + path, network: Self.options(.any)))
                }
                #expect(server.connectionCount == 1)
                for path in ["/s3cr3t", "/s3cr3t"] {
                    let error = await TransportTests.failure { () async throws(TransportError) in
                        try await transport.exchange(
                            TransportTests.get(url + path, network: Self.options(.loopback)))
                    }
                    #expect(error?.isForbiddenDestination == true && error?.isRequestSent == false)
                    #expect(error?.message == "[::ffff:127.0.0.1] is not a loopback address: not allowed")
                }
                _ = try await transport.exchange(TransportTests.get(url + "/3", network: Self.options(.any)))
            }
            let paths = heads.withLock { $0.map { $0.split(separator: " ")[1] } }
            #expect(paths == ["/1", "/2", "/3"])
        }

        @Test(
            "a connection opened to an address that is forbidden now does not carry further requests either",
            arguments: [false, true])
        func reuseByName(http2: Bool) async throws {
            let authority = try await CertificateAuthority()
            let front = try await HTTP2Server(certificate: authority.certificate(.good), upstreamPort: 1)
            let stage = CurlStage()
            var options = Self.options(.any)
            options.caFile = authority.certificatePath
            options.proxy = ""
            // Leads to this machine, and its connection stays open.
            #expect(stage.get(front.url, options, addresses: "[::ffff:127.0.0.1]", http2: http2) == .success(200))
            options.destination = .loopback
            guard case .failure(let error) = stage.get(front.url, options, addresses: "127.0.0.1", http2: http2) else {
                Issue.record("the connection under no rule carried a request under the stricter rule")
                return
            }
            #expect(error.isForbiddenDestination && !error.isRequestSent)
        }

        @Test("under a rule no proxy is used, neither the settings' nor the environment's")
        func noProxy() async throws {
            let proxy = try WatchedPort()
            let server = try ExchangeTests.server { _, _ in ExchangeTests.ok("x") }
            let address = "http://127.0.0.1:\(proxy.port)"
            // Not a host that is spared from the environment's proxy anyway.
            let url = "http://[::ffff:127.0.0.1]:\(server.port)/"
            setenv("http_proxy", address, 1)
            defer { unsetenv("http_proxy") }
            try await TransportTests.withTransport { transport in
                var options = Self.options(.remote)
                var status = try await transport.exchange(TransportTests.get(url, network: options)).status
                #expect(status == 200)
                options.proxy = Secret(address)
                status = try await transport.exchange(TransportTests.get(url, network: options)).status
                #expect(status == 200)
                #expect(proxy.visitors() == (0, 0))
                _ = try? await transport.exchange(
                    TransportTests.get(url, timeout: .milliseconds(300), network: Self.options(.any)))
                #expect(proxy.visitors().connections == 1)
            }
        }
    }
}

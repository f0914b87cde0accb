import EndToEndSupport
import Foundation
import Secrets
import Synchronization
import Testing

@testable import Transport

extension TransportTests {
    @Suite("The signal that a request goes out")
    struct SentTests {
        /// What an exchange has told, in order, and its result.
        private static func told(
            _ transport: Transport, _ request: HTTPRequest
        ) async -> (signals: [String], result: Result<HTTPResponse, TransportError>) {
            let signals = Mutex<[String]>([])
            do throws(TransportError) {
                let response = try await transport.exchange(
                    request, sent: { signals.withLock { $0.append("sent") } },
                    begins: { signals.withLock { $0.append("begins") } }
                ) { _ in 0 }
                return (signals.withLock { $0 }, .success(response))
            } catch {
                return (signals.withLock { $0 }, .failure(error))
            }
        }

        private static func answers(
            _ transport: Transport, _ request: HTTPRequest, with signals: [String] = ["sent", "begins"]
        ) async throws -> String {
            let (told, result) = await told(transport, request)
            #expect(told == signals)
            return String(decoding: try result.get().body, as: UTF8.self)
        }

        @Test(
            "comes before the answer, on a new connection and on a kept one, whatever the rule for destinations",
            arguments: [DestinationRule.any, .loopback, .remote])
        func plain(rule: DestinationRule) async throws {
            let server = try ExchangeTests.server { _, _ in ExchangeTests.ok("x") }
            try await TransportTests.withTransport { transport in
                var request = TransportTests.get(server.url, network: NetworkOptions(proxy: "", destination: rule))
                for _ in 0..<3 {
                    let answer = try await Self.answers(transport, request)
                    #expect(answer == "x")
                }
                #expect(server.connectionCount == 1)
                request.usesNewConnection = true
                let next = try await Self.answers(transport, request)
                #expect(next == "x")
                #expect(server.connectionCount == 2)
            }
        }

        @Test("comes with TLS, and through a proxy, on a new connection and on a kept one", arguments: [false, true])
        func secure(hasProxy: Bool) async throws {
            let stage = try await HTTP2Tests.Stage()
            let tunnels = Mutex(0)
            let proxy = try ConnectProxy.server { _ in tunnels.withLock { $0 += 1 } }
            try await TransportTests.withTransport { transport in
                var request = stage.request("up/", http2: false)
                // This machine is not asked for through a proxy of the environment, but through one of the settings.
                request.network = NetworkOptions(
                    caFile: stage.authority.certificatePath, proxy: Secret(hasProxy ? proxy.url : ""))
                let first = try await Self.answers(transport, request)
                let answer = try await Self.answers(transport, request)
                #expect(answer == first)
                request.usesNewConnection = true
                let next = try await Self.answers(transport, request)
                #expect(next != first)
                #expect(tunnels.withLock { $0 } == (hasProxy ? 2 : 0))
            }
        }

        @Test("comes over a socket of the file system")
        func fileSystem() async throws {
            let directory = try ScratchDirectory()
            let server = try UnixServer(path: directory.file("app.sock")) { peer in
                while peer.readHead() != nil { peer.write(ExchangeTests.ok("x")) }
            }
            try await TransportTests.withTransport { transport in
                let request = TransportTests.get("http://localhost/", network: NetworkOptions(unixSocket: server.path))
                let answer = try await Self.answers(transport, request)
                #expect(answer == "x")
            }
        }

        @Test("comes once more where a kept connection turns out to be dead, and not with a connection of its own")
        func dead() async throws {
            let server = try LoopbackServer { peer, number in
                guard peer.readHead() != nil, peer.write(ExchangeTests.ok("\(number)")) else { return }
                // Closed when the next request is there.
                _ = peer.readHead()
            }
            try await TransportTests.withTransport { transport in
                var request = TransportTests.get(server.url)
                let answer = try await Self.answers(transport, request)
                #expect(answer == "0")
                let next = try await Self.answers(transport, request, with: ["sent", "sent", "begins"])
                #expect(next == "1")
                request.usesNewConnection = true
                let third = try await Self.answers(transport, request)
                #expect(third == "2")
            }
        }

        @Test(
            "does not come while the connection, TLS or a proxy's tunnel hangs",
            arguments: ["connection", "TLS", "tunnel", "proxy"])
        func hanging(what: String) async throws {
            let (full, silent) = (try HangingPort(), try SilentServer())
            let way: (url: String, proxy: String) =
                switch what {
                case "connection": ("http://127.0.0.1:\(full.port)/", "")
                case "TLS": ("https://127.0.0.1:\(silent.port)/", "")
                case "tunnel": ("https://127.0.0.1:1/", "http://127.0.0.1:\(silent.port)")
                default: ("http://127.0.0.1:1/", "http://127.0.0.1:\(full.port)")
                }
            try await TransportTests.withTransport { transport in
                let network = NetworkOptions(proxy: Secret(way.proxy), connectTimeout: .milliseconds(700))
                let (signals, result) = await Self.told(transport, TransportTests.get(way.url, network: network))
                #expect(signals == [])
                guard case .failure(let error) = result else { throw TransportError.cancelled }
                #expect(error.isTimeout && !error.isRequestSent)
            }
        }

        @Test("comes where nobody answers")
        func unanswered() async throws {
            let silent = try SilentServer()
            try await TransportTests.withTransport { transport in
                let request = TransportTests.get("http://127.0.0.1:\(silent.port)/", timeout: .milliseconds(500))
                let (signals, result) = await Self.told(transport, request)
                #expect(signals == ["sent"])
                guard case .failure(let error) = result else { throw TransportError.cancelled }
                #expect(error.isTimeout && error.isRequestSent)
            }
        }
    }
}

import EndToEndSupport
import Foundation
import Secrets
import Testing

@testable import Transport

extension TransportTests {
    @Suite("Probes of connections")
    struct ConnectionProbeTests {
        private func probe(
            _ url: String, network: NetworkOptions = direct, timeout: Duration = .seconds(10)
        ) async throws -> ConnectionProbe {
            try await TransportTests.withTransport { transport in
                await transport.probe(Secret(url), network: network, timeout: timeout)
            }
        }

        @Test("A probe connects, sends nothing and hangs up", arguments: ["http", "ws"])
        func plain(scheme: String) async throws {
            let receiver = try WebhookReceiver()
            let probe = try await probe("\(scheme)://127.0.0.1:\(receiver.port)/secret")
            #expect(probe.error == nil)
            #expect(probe.address == "127.0.0.1")
            #expect(probe.connection != nil && probe.handshake == nil && probe.certificateEnd == nil)
            try await eventually(within: .seconds(30), "it hangs up") { receiver.connectionCount == 0 }
            #expect(receiver.requestCount == 0)
        }

        @Test("The end of the certificate is known, also of the second connection")
        func certificate() async throws {
            let authority = try await CertificateAuthority()
            let receiver = try WebhookReceiver()
            let nginx = try await NginxServer(
                certificate: try await authority.certificate(.endsSoon), upstreamPort: receiver.port)
            let network = NetworkOptions(caFile: authority.certificatePath, proxy: Secret(""))
            try await TransportTests.withTransport { transport in
                for _ in 1...2 {
                    let probe = await transport.probe(
                        Secret(nginx.httpsURL), network: network, timeout: .seconds(10))
                    #expect(probe.error == nil, "\(String(describing: probe.error))")
                    #expect(probe.handshake != nil)
                    let end = Double(try #require(probe.certificateEnd))
                    let days = (end - Date().timeIntervalSince1970) / 86_400
                    #expect(6.9...7.1 ~= days)
                }
            }
        }

        @Test("A port where nobody listens, and one where nobody answers")
        func failing() async throws {
            let refused = try await probe("https://127.0.0.1:\(try LoopbackPort.free())")
            #expect(refused.error?.stage == .connect)
            let silent = try SilentServer()
            let waited = try await probe("https://127.0.0.1:\(silent.port)", timeout: .milliseconds(300))
            #expect(waited.error?.stage == .tls && waited.error?.isTimeout == true)
        }

        @Test("A socket in the file system that nobody listens at")
        func unixSocket() async throws {
            let network = NetworkOptions(unixSocket: "/nowhere/app.sock")
            #expect(try await probe("http://localhost/", network: network).error?.stage == .connect)
        }

        @Test("A webhook's destination rule holds for probes, too")
        func forbidden() async throws {
            let network = NetworkOptions(destination: .loopback)
            #expect(try await probe("http://192.0.2.1/", network: network).error?.isForbiddenDestination == true)
        }

        @Test("Cancelling a probe, or shutting the transport down, ends it at once")
        func cancelled() async throws {
            let silent = try SilentServer()
            let url = Secret("https://127.0.0.1:\(silent.port)")
            try await TransportTests.withTransport { transport in
                let task = Task { await transport.probe(url, network: direct, timeout: .seconds(60)) }
                try await eventually(within: .seconds(30), "it connects") { silent.connectionCount == 1 }
                task.cancel()
                #expect(await task.value.error?.stage == .cancelled)
                let other = Task { await transport.probe(url, network: direct, timeout: .seconds(60)) }
                try await eventually(within: .seconds(30), "it connects") { silent.connectionCount == 2 }
                await transport.shutdown()
                #expect(await other.value.error?.stage == .cancelled)
                #expect(
                    await transport.probe(url, network: direct, timeout: .seconds(60)).error?.stage == .cancelled)
            }
        }
    }
}

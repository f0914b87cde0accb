import EndToEndSupport
import Foundation
import Testing

extension EndToEnd {
    @Suite struct WebhookTLSTests {
        @Test(
            "A webhook behind TLS is spoken to in HTTP/2 where that is offered, and trusted by its own authority only")
        func http2() async throws {
            let count = 200
            try await Stage.with { stage in
                let authority = try await CertificateAuthority()
                let receiver = try WebhookReceiver()
                let nginx = try await NginxServer(
                    certificate: try await authority.certificate(.good), upstreamPort: receiver.port, offersHTTP2: true)
                let url = "url: \"\(nginx.httpsURL)/bitrix\", concurrency: 4, ordered: false"
                let daemon = try await stage.daemon(
                    sinks: [
                        "trusting: { webhook: { \(url), tls: { ca_file: \(authority.certificatePath) } } }",
                        "wary: { webhook: { \(url) } }",
                    ])
                try await stage.isSubscribed(daemon)
                try await stage.sandbox.load(count: count, rate: 0)
                try await eventually(within: .seconds(60), "all have arrived") { receiver.requestCount >= count }
                _ = try await daemon.stop()
                let requests = receiver.requests
                #expect(Set(requests.compactMap { $0.headers["webhook-id"] }).count == count)
                #expect(requests.allSatisfy { $0.headers["x-protocol"] == "HTTP/2.0" })
                // The other one has sent nothing, and lost nothing.
                #expect(requests.count == count)
                #expect(
                    try await SinkBalance(of: "wary", in: daemon.databasePath)
                        == SinkBalance(journaled: count, pending: count))
                #expect(daemon.log.contains { $0.isTrouble && "\($0)".contains("certificate") })
            }
        }
    }
}

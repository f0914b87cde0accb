import CCurl
import EndToEndSupport
import Foundation
import Secrets
import Synchronization
import Testing

@testable import Transport

extension TransportTests {
    /// Every way to fail says how far it got, what happened and what to do, and nothing that is secret.
    @Suite("Errors of the way")
    struct ErrorTests {
        static let path = "/rest/1/s3cr3t-code/method.json?auth=s3cr3t-token"

        /// Tries an exchange and a WebSocket at the same place, and returns the error that both have.
        static func failure(
            _ authority: String, tls: Bool, network: NetworkOptions = direct,
            sourceLocation: SourceLocation = #_sourceLocation
        ) async throws -> TransportError? {
            try await TransportTests.withTransport { transport in
                let plain = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.exchange(
                        TransportTests.get((tls ? "https://" : "http://") + authority + path, network: network))
                }
                let socket = await TransportTests.failure { () async throws(TransportError) in
                    try await transport.connectWebSocket(
                        TransportTests.socket((tls ? "wss://" : "ws://") + authority + path, network: network))
                }
                #expect(plain == socket, sourceLocation: sourceLocation)
                for text in [plain, socket].map({ String(reflecting: $0) + "\($0.map { "\($0)" } ?? "")" }) {
                    #expect(!text.contains("s3cr3t") && !text.contains("/rest/"), sourceLocation: sourceLocation)
                }
                return plain
            }
        }

        @Test("a name that nobody knows: dns")
        func dns() async throws {
            let error = try await Self.failure("portal.invalid", tls: true)
            #expect(error?.stage == .dns)
            #expect(
                error?.description
                    == "dns: the name portal.invalid cannot be resolved (check the host name and this machine's name servers)"
            )
        }

        @Test("a port where nobody listens: connect", arguments: ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
        func refused(host: String) async throws {
            let error = try await Self.failure("\(host):\(try LoopbackPort.free())", tls: true)
            #expect(error?.stage == .connect)
            #expect(
                error?.description == "connect: \(host) accepts no connection "
                    + "(check that the server runs and that no firewall is in between)")
        }

        @Test("a proxy that does not run: proxy", arguments: ["portal.invalid", "127.0.0.1"])
        func proxyDown(host: String) async throws {
            let network = NetworkOptions(proxy: Secret("http://user:s3cr3t@127.0.0.1:\(try LoopbackPort.free())"))
            let error = try await Self.failure(host, tls: true, network: network)
            #expect(
                error?.description
                    == "proxy: the proxy accepts no connection (check that the proxy runs and the proxy setting)")
        }

        @Test("a proxy whose name nobody knows: proxy")
        func proxyUnknown() async throws {
            let network = NetworkOptions(proxy: "http://user:s3cr3t@proxy.invalid:3128")
            let error = try await Self.failure("127.0.0.1", tls: true, network: network)
            #expect(error?.description == "proxy: the proxy's name cannot be resolved (check the proxy setting)")
        }

        @Test("a proxy that wants a password: proxy, 407")
        func proxyAuthentication() async throws {
            let proxy = try ConnectProxy.server(authorization: "Basic right")
            let network = NetworkOptions(proxy: Secret("http://user:s3cr3t@127.0.0.1:\(proxy.port)"))
            let error = try await Self.failure("portal.invalid", tls: true, network: network)
            #expect(error?.status == 407)
            #expect(
                error?.description == "proxy: the proxy refuses the connection to portal.invalid with status 407 "
                    + "(put user and password into the proxy setting)")
        }

        @Test("a proxy that cannot reach the server: proxy, with its status")
        func proxyRefuses() async throws {
            let proxy = try ConnectProxy.server()
            let network = NetworkOptions(proxy: Secret(proxy.url))
            let error = try await Self.failure("portal.invalid:\(try LoopbackPort.free())", tls: true, network: network)
            #expect(error?.stage == .proxy && error?.status == 502)
        }

        @Test("a proxy that says nothing: proxy, a timeout")
        func proxySilent() async throws {
            let proxy = try LoopbackServer { peer, _ in peer.drain() }
            let network = NetworkOptions(proxy: Secret(proxy.url), connectTimeout: .milliseconds(300))
            let error = try await Self.failure("portal.invalid", tls: true, network: network)
            #expect(error?.stage == .proxy && error?.isTimeout == true)
        }

        @Test("a proxy that works is used for exchanges and WebSockets, and sees neither headers nor path")
        func proxyWorks() async throws {
            let authority = try await CertificateAuthority()
            let upstream = try LoopbackServer { peer, _ in
                guard let head = peer.readHead() else { return }
                guard head.contains("websocket") else {
                    peer.write("HTTP/1.1 204 OK\r\n\r\n")
                    return
                }
                peer.acceptUpgrade(head, early: LoopbackPeer.text(head))
                peer.drain()
            }
            let nginx = try await NginxServer(
                certificate: authority.certificate(.good), upstreamPort: upstream.port)
            let heads = Mutex<[String]>([])
            let expected = "Basic " + Data("us er:s3cr3t".utf8).base64EncodedString()
            let proxy = try ConnectProxy.server(authorization: expected) { head in heads.withLock { $0.append(head) } }
            let network = NetworkOptions(
                caFile: authority.certificatePath, proxy: Secret("http://us%20er:s3cr3t@127.0.0.1:\(proxy.port)"))
            try await TransportTests.withTransport { transport in
                for url in ["wss://localhost:\(nginx.port)", upstream.webSocketURL] {
                    var request = TransportTests.socket(url + Self.path, network: network)
                    request.headers = [("X-Own", "s3cr3t")]
                    let connection = try await transport.connectWebSocket(request)
                    let head = await TransportTests.receiveText(connection, messages: 1).first ?? ""
                    #expect(head.hasPrefix("GET \(Self.path) HTTP/1.1\r\n") && head.contains("X-Own: s3cr3t\r\n"))
                }
                let response = try await transport.exchange(
                    TransportTests.get(nginx.httpsURL + Self.path, network: network))
                #expect(response.status == 204)
            }
            let seen = heads.withLock { $0 }
            #expect(seen.count == 3)
            #expect(seen.allSatisfy { !$0.contains("X-Own") && !$0.contains("/rest/") })
        }

        @Test(
            "a certificate that proves nothing: tls, with the reason",
            arguments: [
                (
                    CertificateAuthority.Kind.wrongHost, "the certificate is for another name than localhost",
                    "use the name that the certificate is made for"
                ),
                (
                    .unknownAuthority, "the certificate of localhost is from an unknown authority",
                    "put the authority's certificate into tls.ca_file"
                ),
                (
                    .expired, "the certificate of localhost is expired",
                    "renew it on the server, or check this machine's clock"
                ),
            ])
        func certificates(kind: CertificateAuthority.Kind, message: String, cure: String) async throws {
            let authority = try await CertificateAuthority()
            let nginx = try await NginxServer(
                certificate: authority.certificate(kind), upstreamPort: LoopbackPort.free())
            let network = NetworkOptions(caFile: authority.certificatePath, proxy: "")
            let error = try await Self.failure("localhost:\(nginx.port)", tls: true, network: network)
            #expect(error?.description == "tls: \(message) (\(cure))")
            // A session that went well with one file of authorities is nothing to another.
            let system = try await Self.failure("localhost:\(nginx.port)", tls: true)
            #expect(system?.stage == .tls)
        }

        @Test("sessions are resumed only under the same authorities")
        func resumption() async throws {
            let authority = try await CertificateAuthority()
            let stranger = try await CertificateAuthority()
            let nginx = try await NginxServer(
                certificate: authority.certificate(.good), upstreamPort: LoopbackPort.free())
            try await TransportTests.withTransport { transport in
                for (file, isTrusted) in [(authority, true), (stranger, false), (authority, true), (stranger, false)] {
                    let network = NetworkOptions(caFile: file.certificatePath, proxy: "")
                    let request = TransportTests.get(nginx.httpsURL, network: network)
                    let status = try? await transport.exchange(request).status
                    #expect(status == (isTrusted ? 502 : nil))
                }
            }
        }

        @Test("a file of authorities that is not there: tls")
        func noAuthorities() async throws {
            let network = NetworkOptions(caFile: "/nonexistent/ca.pem", proxy: "")
            let server = try LoopbackServer { peer, _ in peer.drain() }
            let error = try await Self.failure("127.0.0.1:\(server.port)", tls: true, network: network)
            #expect(
                error?.description
                    == "tls: the file of trusted authorities cannot be read (check tls.ca_file)")
        }

        @Test("a server without TLS behind an https address: tls")
        func plainServer() async throws {
            let server = try LoopbackServer { peer, _ in
                _ = peer.read()
                peer.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            }
            let error = try await Self.failure("127.0.0.1:\(server.port)", tls: true)
            #expect(
                error?.description == "tls: no TLS connection to 127.0.0.1 comes about "
                    + "(check that the server speaks TLS 1.2 or later on this port)")
        }

        @Test("a server that does not take the connection: connect, a timeout")
        func noAccept() async throws {
            // With no room for connections that wait, the kernel lets further ones try.
            let (listener, port) = try LoopbackPort.listener(backlog: 0)
            var waiting: [Int32] = []
            defer { for descriptor in waiting + [listener] { close(descriptor) } }
            waiting.append(try LoopbackPort.connection(to: port))
            let network = NetworkOptions(proxy: "", connectTimeout: .milliseconds(300))
            let error = try await Self.failure("127.0.0.1:\(port)", tls: true, network: network)
            #expect(error?.stage == .connect && error?.isTimeout == true)
        }

        @Test("a server that takes the connection and says nothing to TLS: tls, a timeout")
        func silentTLS() async throws {
            let server = try LoopbackServer { peer, _ in peer.drain() }
            let network = NetworkOptions(proxy: "", connectTimeout: .milliseconds(300))
            let error = try await Self.failure("127.0.0.1:\(server.port)", tls: true, network: network)
            #expect(error?.stage == .tls && error?.isTimeout == true)
        }

        @Test("a connection refused by a proxy of the environment is the proxy's, by the peer that libcurl names")
        func environmentProxy() throws {
            let address = try #require(Address("https://portal.example:8443/x"))
            let cases: [(String, TransportError.Stage)] = [
                ("Failed to connect to portal.example port 8443 after 0 ms: Couldn't connect to server", .connect),
                ("Failed to connect to PORTAL.example port 8443 after 0 ms: Couldn't connect to server", .connect),
                ("Failed to connect to portal.example port 3128 after 0 ms: Couldn't connect to server", .proxy),
                ("Failed to connect to proxy.example port 8443 after 0 ms: Couldn't connect to server", .proxy),
                ("", .connect),
            ]
            for (message, stage) in cases {
                let failure = CurlFailure(
                    result: CURLE_COULDNT_CONNECT, address: address, libraryMessage: message,
                    certificateProblem: 0, proxyStatus: 0, isResolved: true, isConnected: false, isEncrypted: false)
                #expect(failure.error.stage == stage, "\(message)")
            }
        }
    }

    @Suite("Addresses")
    struct AddressTests {
        @Test(
            "are taken apart as libcurl does it",
            arguments: [
                ("https://acme.bitrix24.com/rest/?a=b", "acme.bitrix24.com", "443", "acme.bitrix24.com", "/rest/?a=b"),
                ("WSS://Acme:8443/subws/", "Acme", "8443", "Acme:8443", "/subws/"),
                ("ws://[::1]:80", "[::1]", "80", "[::1]:80", "/"),
                ("ws://user:s3cr3t@host/x#fragment", "host", "80", "host", "/x"),
                ("https://host?q=1", "host", "443", "host", "/?q=1"),
            ])
        func parts(url: String, host: String, port: String, authority: String, target: String) throws {
            let address = try #require(Address(Secret(url)))
            #expect(address.host == host)
            #expect(address.port == port)
            #expect(address.authority == authority)
            #expect(address.target == target)
            if let httpURL = address.httpURL {
                #expect(!httpURL.exposed.contains("s3cr3t") && httpURL.exposed.hasPrefix("http"))
            }
        }
    }
}

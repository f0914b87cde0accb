import EndToEndSupport
import Foundation
import Testing

/// A plain HTTP server that says which path was asked for, and accepts WebSocket upgrades with the key unread.
private struct PlainServer {
    let process: ChildProcess
    let port: UInt16

    init() async throws {
        let port = try LoopbackPort.free()
        let script = """
            import http.server
            class Handler(http.server.BaseHTTPRequestHandler):
                protocol_version = 'HTTP/1.1'
                def do_GET(self):
                    if self.headers.get('Upgrade'):
                        self.send_response(101)
                        self.send_header('Upgrade', self.headers['Upgrade'])
                        self.send_header('Connection', self.headers['Connection'])
                        self.end_headers()
                        self.wfile.write(b'after the upgrade')
                        self.close_connection = True
                        return
                    body = ('path ' + self.path).encode()
                    self.send_response(200)
                    self.send_header('Content-Length', str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
            http.server.ThreadingHTTPServer(('127.0.0.1', \(port)), Handler).serve_forever()
            """
        process = try ChildProcess("python3", ["-c", script])
        try await eventually(within: .seconds(30), "the plain server listens") { LoopbackPort.answers(port) }
        self.port = port
    }
}

/// One connection with Python's own TLS, which says what became of it.
private func request(
    port: UInt16, authority: String, headers: String = ""
) async throws -> CommandLineTool.Result {
    let script = """
        import socket, ssl
        context = ssl.create_default_context(cafile='\(authority)')
        try:
            with context.wrap_socket(socket.create_connection(('127.0.0.1', \(port))), server_hostname='localhost') as s:
                s.sendall(b'GET /a/b?c=d HTTP/1.1\\r\\nHost: localhost\\r\\n\(headers)\\r\\n')
                s.settimeout(5)
                data = b''
                while b'path' not in data and b'after' not in data: data += s.recv(4096)
                print(data.decode())
        except ssl.SSLCertVerificationError as error:
            print('refused:', error.verify_message)
        """
    return try await CommandLineTool.result(of: "python3", ["-c", script])
}

@Suite struct NginxServerTests {
    @Test("nginx serves TLS in front of a plain server, requests and upgrades alike")
    func serves() async throws {
        let authority = try await CertificateAuthority()
        let plain = try await PlainServer()
        let nginx = try await NginxServer(
            certificate: authority.certificate(.good), upstreamPort: plain.port)
        let answer = try await request(port: nginx.port, authority: authority.certificatePath)
        #expect(answer.output.contains("path /a/b?c=d"), "\(answer) \(nginx.log)")
        let upgrade = try await request(
            port: nginx.port, authority: authority.certificatePath,
            headers: "Upgrade: websocket\\r\\nConnection: Upgrade\\r\\n")
        #expect(upgrade.output.contains("101"), "\(upgrade) \(nginx.log)")
        #expect(upgrade.output.contains("after the upgrade"))
        try await nginx.stop()
        #expect(!LoopbackPort.answers(nginx.port))
        let log = try String(contentsOfFile: nginx.accessLogPath, encoding: .utf8)
        #expect(log.contains("/a/b"))
        #expect(!log.contains("c=d"))
        let requests = nginx.requests
        #expect(requests.map(\.path) == ["/a/b", "/a/b"] && requests.map(\.status) == [200, 101])
        #expect(requests.map(\.isUpgrade) == [false, true])
        #expect(requests.allSatisfy { $0.start <= $0.end && abs($0.end - Date().timeIntervalSince1970) < 60 })
    }

    @Test(
        "Each bad certificate is refused for its own fault",
        arguments: [
            (CertificateAuthority.Kind.wrongHost, "Hostname mismatch"), (.expired, "expired"),
            (.unknownAuthority, "unable to get local issuer"),
        ])
    func refused(kind: CertificateAuthority.Kind, reason: String) async throws {
        let authority = try await CertificateAuthority()
        let plain = try await PlainServer()
        let nginx = try await NginxServer(certificate: authority.certificate(kind), upstreamPort: plain.port)
        let answer = try await request(port: nginx.port, authority: authority.certificatePath)
        #expect(answer.output.contains("refused"), "\(answer)")
        #expect(answer.output.contains(reason), "\(answer)")
    }
}

import EndToEndSupport
import Foundation

/// A real nginx that offers HTTP/2 over TLS. `/` tells how the request came; what is below `/up/` is passed on to a plain
/// server, with `X-Front: <protocol> <number of the connection>`.
final class HTTP2Server: Sendable {
    let port: UInt16
    private let directory: ScratchDirectory
    private let process: ChildProcess

    /// - Parameter requestsPerConnection: then the connection is ended (GOAWAY).
    init(
        certificate: CertificateAuthority.Certificate, upstreamPort: UInt16, requestsPerConnection: Int = 100_000
    ) async throws {
        let directory = try ScratchDirectory()
        self.directory = directory
        let port = try LoopbackPort.free()
        self.port = port
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(directory.path)/\($0);" }.joined(separator: " ")
        try directory.write(
            """
            daemon off;
            worker_processes 1;
            pid \(directory.file("nginx.pid"));
            \(getuid() == 0 ? "user root;" : "")
            events { worker_connections 512; }
            http {
                \(temporary)
                access_log off;
                client_max_body_size 64m;
                server {
                    listen 127.0.0.1:\(port) ssl http2;
                    ssl_certificate \(certificate.certificatePath);
                    ssl_certificate_key \(certificate.keyPath);
                    keepalive_requests \(requestsPerConnection);
                    location / { return 200 "$server_protocol $connection"; }
                    location /up/ {
                        proxy_pass http://127.0.0.1:\(upstreamPort);
                        proxy_http_version 1.1;
                        proxy_set_header X-Front "$server_protocol $connection";
                        proxy_buffering off;
                        proxy_request_buffering off;
                        proxy_read_timeout 60s;
                    }
                }
            }
            """, to: "nginx.conf")
        let known = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"]
        let program = known.first { FileManager.default.isExecutableFile(atPath: $0) } ?? "nginx"
        let process = try ChildProcess(
            program,
            ["-p", directory.path, "-e", directory.file("error.log"), "-c", directory.file("nginx.conf")])
        self.process = process
        try await eventually(within: .seconds(30), "nginx accepts connections") {
            LoopbackPort.answers(port)
        }
    }

    var url: String { "https://localhost:\(port)/" }

    /// SIGKILL for master and worker.
    func kill() {
        process.kill()
    }
}

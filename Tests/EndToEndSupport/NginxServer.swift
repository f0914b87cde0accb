import Foundation

/// A real nginx with TLS in front of a plain server, as boxes have it in front of their push server: WebSocket upgrades
/// and long polls pass through, nothing is buffered.
public final class NginxServer: Sendable {
    public let port: UInt16
    public let errorLogPath: String
    /// One line a request, when it is done: status, bytes, method, path without the query, since queries hold channel ids,
    /// what an upgrade was asked to, Unix seconds of the end, seconds from beginning to end.
    public let accessLogPath: String
    private let directory: ScratchDirectory
    private let process: ChildProcess

    /// Starts nginx and returns when it accepts connections.
    public init(
        certificate: CertificateAuthority.Certificate, upstreamPort: UInt16, port: UInt16? = nil,
        offersHTTP2: Bool = false
    ) async throws {
        directory = try ScratchDirectory()
        errorLogPath = directory.file("error.log")
        accessLogPath = directory.file("access.log")
        let port = try port ?? LoopbackPort.free()
        self.port = port
        let configuration = Self.configuration(
            directory: directory.path, port: port, upstreamPort: upstreamPort, certificate: certificate,
            offersHTTP2: offersHTTP2)
        try directory.write(configuration, to: "nginx.conf")
        let process = try ChildProcess(
            Self.program, ["-p", directory.path, "-e", errorLogPath, "-c", directory.file("nginx.conf")])
        self.process = process
        try await eventually(within: .seconds(30), "nginx accepts connections\n\(log)") {
            if process.exit != nil { throw CommandLineTool.Failure(description: "nginx ended: \(log)") }
            return LoopbackPort.answers(port)
        }
    }

    public var httpsURL: String { "https://localhost:\(port)" }
    public var pid: pid_t { process.pid }
    public var log: String { (try? String(contentsOfFile: errorLogPath, encoding: .utf8)) ?? "" }

    public struct Request: Sendable, Hashable {
        public var status: Int
        public var path: String
        public var isUpgrade: Bool
        /// Unix seconds, in steps of a millisecond.
        public var start: Double
        public var end: Double
    }

    /// Every request that is done, in the order of their ends.
    public var requests: [Request] {
        let text = (try? String(contentsOfFile: accessLogPath, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count == 7, let status = Int(fields[0]), let end = Double(fields[5]),
                let seconds = Double(fields[6])
            else { return nil }
            return Request(
                status: status, path: String(fields[3]), isUpgrade: fields[4] != "-", start: end - seconds, end: end)
        }
    }

    /// SIGTERM: every connection ends at once, with FIN.
    public func stop() async throws {
        _ = try await process.terminate(within: .seconds(30))
    }

    /// SIGKILL for master and worker.
    public func kill() {
        process.kill()
    }

    /// Debian puts it where a plain user's `PATH` does not look.
    private static var program: String {
        let known = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"]
        return known.first { FileManager.default.isExecutableFile(atPath: $0) } ?? "nginx"
    }

    private static func configuration(
        directory: String, port: UInt16, upstreamPort: UInt16, certificate: CertificateAuthority.Certificate,
        offersHTTP2: Bool
    ) -> String {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let descriptors = min(Int(clamping: limit.rlim_max), 65536)
        // Two connections for each client: its own and the one to the upstream server.
        let connections = max(min(descriptors - 64, 32768), 512)
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(directory)/\($0);" }.joined(separator: "\n    ")
        return """
            daemon off;
            worker_processes 1;
            worker_rlimit_nofile \(descriptors);
            worker_shutdown_timeout 1s;
            pid \(directory)/nginx.pid;
            \(getuid() == 0 ? "user root;" : "")
            events { worker_connections \(connections); }
            http {
                \(temporary)
                log_format brief '$status $bytes_sent $request_method $uri $http_upgrade $msec $request_time';
                access_log \(directory)/access.log brief;
                client_max_body_size 64m;
                map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
                server {
                    listen 127.0.0.1:\(port) ssl \(offersHTTP2 ? "http2 " : "")backlog=4096;
                    ssl_certificate \(certificate.certificatePath);
                    ssl_certificate_key \(certificate.keyPath);
                    ssl_session_cache shared:tests:1m;
                    keepalive_timeout 300s;
                    keepalive_requests 1000000;
                    location / {
                        proxy_pass http://127.0.0.1:\(upstreamPort);
                        proxy_http_version 1.1;
                        proxy_set_header Host $http_host;
                        proxy_set_header Upgrade $http_upgrade;
                        proxy_set_header Connection $connection_upgrade;
                        proxy_set_header X-Forwarded-Proto https;
                        proxy_set_header X-Protocol $server_protocol;
                        proxy_buffering off;
                        proxy_request_buffering off;
                        proxy_connect_timeout 10s;
                        proxy_read_timeout 3600s;
                        proxy_send_timeout 3600s;
                    }
                }
            }
            """
    }
}

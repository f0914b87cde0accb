import EndToEndSupport
import Foundation
import Synchronization
import Testing

/// A portal in a box, what stands in front of it, and the daemons that subscribe to it.
final class Stage: Sendable {
    enum Front: Sendable, Hashable {
        /// Plain, on the loopback.
        case nothing
        /// TLS by nginx, reached over a cable that can be cut.
        case nginx(CertificateAuthority.Kind = .good)
    }

    enum Transport: String, Sendable, Hashable {
        case webSocket = "websocket"
        case longPolling = "long-polling"
    }

    let sandbox: SandboxProcess
    let relay: TCPRelay?
    /// What a daemon's settings name as the portal.
    let url: String

    private let server: Mutex<NginxServer?>
    /// Kept over a restart of nginx, too.
    private let nginxPort: LoopbackPort.Reservation?
    private let certificate: CertificateAuthority.Certificate?
    private static let tokenVariable = "PULLD_TEST_TOKEN"

    private init(_ front: Front, sandboxArguments: [String]) async throws {
        switch front {
        case .nothing:
            sandbox = try await SandboxProcess(sandboxArguments)
            (certificate, relay, nginxPort) = (nil, nil, nil)
            server = Mutex(nil)
            url = "http://127.0.0.1:\(sandbox.port)"
        case .nginx(let kind):
            let reservation = try LoopbackPort.Reservation()
            let relay = try TCPRelay(to: reservation.port)
            let url = "https://localhost:\(relay.port)"
            sandbox = try await SandboxProcess(["--public-url", url] + sandboxArguments)
            let certificate = try await TestCertificates.certificate(kind)
            let nginx = try await NginxServer(
                certificate: certificate, upstreamPort: sandbox.port, port: reservation.port)
            server = Mutex(nginx)
            self.certificate = certificate
            nginxPort = reservation
            self.relay = relay
            self.url = url
        }
    }

    var nginx: NginxServer? { server.withLock { $0 } }

    /// As when the machine in front of the portal crashes: all connections end, and others are possible soon.
    func restartNginx() async throws {
        guard let nginx, let certificate else { return }
        nginx.kill()
        let next = try await NginxServer(
            certificate: certificate, upstreamPort: sandbox.port, port: nginx.port)
        server.withLock { $0 = next }
    }

    /// Sets the stage, plays on it and clears it away. Whatever secrets the sandbox has issued are remembered for the
    /// search of all output.
    static func with<Result: Sendable>(
        _ front: Front = .nothing, sandbox arguments: [String] = [],
        _ play: (Stage) async throws -> Result
    ) async throws -> Result {
        let stage = try await Stage(front, sandboxArguments: arguments)
        do {
            let result = try await play(stage)
            try await stage.sandbox.rememberSecrets()
            return result
        } catch {
            _ = try? await stage.sandbox.rememberSecrets()
            throw error
        }
    }

    /// Starts a daemon with one portal, `acme`, whose log is JSON.
    ///
    /// - Parameters:
    ///   - url: instead of the stage's own.
    ///   - portal: further members of the portal, YAML lines without indentation.
    ///   - sinks: YAML lines below `sinks:`. Default: a file and standard output.
    ///   - token: instead of the sandbox's access token.
    func daemon(
        _ transport: Transport = .webSocket, url: String? = nil, portal: [String] = [], sinks: [String]? = nil,
        level: String = "debug", token: String? = nil, environment: [String: String] = [:]
    ) async throws -> DaemonProcess {
        var members = [
            "url: \(url ?? self.url)", "oauth: { access_token: { env: \(Self.tokenVariable) } }",
            "transport: \(transport.rawValue)",
        ]
        if nginx != nil { members.append("tls: { ca_file: \(try await TestCertificates.authorityPath()) }") }
        members += portal
        let sinks = sinks ?? ["log: { file: { path: $DIRECTORY/events.ndjson } }", "terminal: { stdout: {} }"]
        let configuration = """
            portals:
              acme:
            \(members.map { "    \($0)" }.joined(separator: "\n"))
            sinks:
            \(sinks.map { "  \($0)" }.joined(separator: "\n"))
            log: { level: \(level), format: json }
            """
        let token = if let token { token } else { try await sandbox.accessToken() }
        return try DaemonProcess(
            configuration: configuration, environment: environment.merging([Self.tokenVariable: token]) { $1 })
    }

    /// Waits until the push server knows the daemon's connection: what is published from then on is for it.
    func isSubscribed(_ daemon: DaemonProcess, connections: Int = 1) async throws {
        try await eventually(within: .seconds(20), "the daemon subscribes\n\(daemon.process.errorOutput)") {
            try daemon.mustRun()
            return try await sandbox.connectionCount() >= connections
        }
    }

    /// The load generator's events, in the order of publication.
    func published() async throws -> [SandboxProcess.Published] {
        try await sandbox.ledger().filter { $0.number != nil }
    }
}

/// The certificates of all tests, made once.
private struct TestCertificates: Sendable {
    static let shared = Task {
        let authority = try await CertificateAuthority()
        var certificates: [CertificateAuthority.Kind: CertificateAuthority.Certificate] = [:]
        // One after the other: they share the authority's serial number.
        for kind in CertificateAuthority.Kind.allCases {
            certificates[kind] = try await authority.certificate(kind)
        }
        return TestCertificates(authority: authority, certificates: certificates)
    }

    let authority: CertificateAuthority
    let certificates: [CertificateAuthority.Kind: CertificateAuthority.Certificate]

    static func certificate(_ kind: CertificateAuthority.Kind) async throws -> CertificateAuthority.Certificate {
        try #require(try await shared.value.certificates[kind])
    }

    static func authorityPath() async throws -> String { try await shared.value.authority.certificatePath }
}

/// A daemon that should be running, and is not.
struct ProcessEnded: Error, CustomStringConvertible {
    var description: String
}

extension DaemonProcess {
    func mustRun() throws {
        guard let exit = process.exit else { return }
        throw ProcessEnded(description: "pulld ended: \(exit)\n\(process.errorOutput)")
    }

    var eventFile: String { directory.file("events.ndjson") }
    var log: [LogLine] { LogLine.lines(of: process.errorOutput) }

    /// Waits until the file sink holds so many lines.
    func hasWritten(_ count: Int, within limit: Duration) async throws {
        try await eventually(
            within: limit, "\(count) lines are in the file; there are \(Self.lineCount(of: eventFile))"
        ) {
            Self.lineCount(of: eventFile) >= count
        }
    }

    static func lineCount(of path: String) -> Int {
        let data = FileManager.default.contents(atPath: path) ?? Data()
        return data.withUnsafeBytes { bytes in
            var count = 0
            for byte in bytes where byte == UInt8(ascii: "\n") { count += 1 }
            return count
        }
    }
}

/// A line of the daemon's own log, written as JSON.
struct LogLine: Sendable, CustomStringConvertible {
    var level: String
    var message: String
    /// Everything else.
    var fields: [String: String]

    var cause: String { fields["cause"] ?? "" }
    var cure: String { fields["cure"] ?? "" }
    var retryIn: Double? { fields["retry_in_s"].flatMap { Double($0) } }
    var time: Date? { fields["time"].flatMap { ISO8601DateFormatter().date(from: $0) } }
    var isTrouble: Bool { ["warning", "error", "critical"].contains(level) }

    var description: String { "\(level) \(message) \(fields)" }

    static func lines(of text: String) -> [LogLine] {
        text.split(separator: "\n").compactMap { line in
            guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String] else {
                return nil
            }
            var fields = object
            let level = fields.removeValue(forKey: "level")
            let message = fields.removeValue(forKey: "message")
            return LogLine(level: level ?? "", message: message ?? "", fields: fields)
        }
    }
}

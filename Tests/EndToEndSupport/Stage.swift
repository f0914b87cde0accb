import Foundation
import Synchronization

/// A portal in a box, what stands in front of it, and the daemons that subscribe to it.
public final class Stage: Sendable {
    public enum Front: Sendable, Hashable {
        /// Plain, on the loopback.
        case nothing
        /// TLS by nginx, reached over a cable that can be cut.
        case nginx(CertificateAuthority.Kind = .good)
    }

    public enum Transport: String, Sendable, Hashable {
        case automatic = "auto"
        case webSocket = "websocket"
        case longPolling = "long-polling"
    }

    public let sandbox: SandboxProcess
    public let relay: TCPRelay?
    /// What a daemon's settings name as the portal.
    public let url: String

    private let server: Mutex<NginxServer?>
    /// Kept over a restart of nginx, too.
    private let nginxPort: LoopbackPort.Reservation?
    private let certificate: CertificateAuthority.Certificate?
    private static let tokenVariable = "PULLD_TEST_TOKEN"

    private init(_ front: Front, sandboxArguments: [String], keepsStore: Bool) async throws {
        switch front {
        case .nothing:
            sandbox = try await SandboxProcess(sandboxArguments, keepsStore: keepsStore)
            (certificate, relay, nginxPort) = (nil, nil, nil)
            server = Mutex(nil)
            url = "http://127.0.0.1:\(sandbox.port)"
        case .nginx(let kind):
            let reservation = try LoopbackPort.Reservation()
            let relay = try TCPRelay(to: reservation.port)
            let url = "https://localhost:\(relay.port)"
            sandbox = try await SandboxProcess(["--public-url", url] + sandboxArguments, keepsStore: keepsStore)
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

    public var nginx: NginxServer? { server.withLock { $0 } }

    /// As when the machine in front of the portal crashes: all connections end, and others are possible soon.
    public func restartNginx() async throws {
        guard let nginx, let certificate else { return }
        nginx.kill()
        let next = try await NginxServer(
            certificate: certificate, upstreamPort: sandbox.port, port: nginx.port)
        server.withLock { $0 = next }
    }

    /// Sets the stage, plays on it and clears it away. Whatever secrets the sandbox has issued are remembered for the
    /// search of all output.
    ///
    /// - Parameter keepsStore: the sandbox may be killed and restarted.
    public static func with<Result: Sendable>(
        _ front: Front = .nothing, sandbox arguments: [String] = [], keepsStore: Bool = false,
        _ play: (Stage) async throws -> Result
    ) async throws -> Result {
        let stage = try await Stage(front, sandboxArguments: arguments, keepsStore: keepsStore)
        do {
            let result = try await play(stage)
            try await stage.sandbox.rememberSecrets()
            return result
        } catch {
            _ = try? await stage.sandbox.rememberSecrets()
            throw error
        }
    }

    /// For a daemon with one portal, `acme`, whose log is JSON.
    ///
    /// - Parameters:
    ///   - url: instead of the stage's own.
    ///   - portal: further members of the portal, YAML lines without indentation.
    ///   - sinks: YAML lines below `sinks:`. Default: a file and standard output.
    ///   - top: further YAML lines of the whole file.
    ///   - token: instead of the sandbox's access token.
    public func recipe(
        _ transport: Transport = .webSocket, url: String? = nil, portal: [String] = [], sinks: [String]? = nil,
        top: [String] = [], level: String = "debug", token: String? = nil, environment: [String: String] = [:]
    ) async throws -> DaemonRecipe {
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
            \(top.joined(separator: "\n"))
            """
        let token = if let token { token } else { try await sandbox.accessToken() }
        return DaemonRecipe(
            configuration: configuration, environment: environment.merging([Self.tokenVariable: token]) { $1 })
    }

    /// Starts a daemon with one portal, as `recipe` says.
    public func daemon(
        _ transport: Transport = .webSocket, url: String? = nil, portal: [String] = [], sinks: [String]? = nil,
        level: String = "debug", token: String? = nil, environment: [String: String] = [:]
    ) async throws -> DaemonProcess {
        try DaemonProcess(
            try await recipe(
                transport, url: url, portal: portal, sinks: sinks, level: level, token: token,
                environment: environment))
    }

    /// Waits until the push server knows the daemon's connection: what is published from then on is for it.
    public func isSubscribed(
        _ daemon: DaemonProcess, connections: Int = 1, within limit: Duration = .seconds(20)
    ) async throws {
        try await eventually(within: limit, "the daemon subscribes\n\(daemon.process.errorOutput)") {
            try daemon.mustRun()
            return try await sandbox.connectionCount() >= connections
        }
    }

    /// The load generator's events, in the order of publication.
    public func published() async throws -> [SandboxProcess.Published] {
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
        guard let certificate = try await shared.value.certificates[kind] else {
            throw CommandLineTool.Failure(description: "no certificate of the kind \(kind)")
        }
        return certificate
    }

    static func authorityPath() async throws -> String { try await shared.value.authority.certificatePath }
}

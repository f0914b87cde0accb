import Addresses
import Delivery
import Glibc
import Secrets
import Settings
import Timing
import Transport

/// One sink: whether what it writes to is there. Nothing is written and no event is sent.
struct SinkCheck: Sendable {
    /// Bytes below which a file system is nearly full.
    static let smallRoom: UInt64 = 64 << 20

    let sink: SinkSettings
    let secrets: SecretEnvironment
    let transport: Transport
    var limits = CheckLimits()

    /// - Parameter isOffline: nothing is connected to.
    func run(_ log: inout SubjectFindings, isOffline: Bool) async {
        switch sink.kind {
        case .standardOutput:
            log.add(.ok(.target, "standard output"))
        case .file(let path, let rotation):
            let watch = Stopwatch()
            var finding = Self.file(path, isRotated: rotation != nil)
            finding.duration = watch.elapsed
            log.add(finding)
        case .webhook(let webhook):
            readSecrets(webhook, &log)
            if isOffline { return }
            log.add(await connect(webhook))
        }
    }

    private func readSecrets(_ webhook: WebhookSettings, _ log: inout SubjectFindings) {
        var stage = SecretsStage(environment: secrets)
        for source in webhook.secrets { stage.read(source, "webhook.secret") }
        var isEmpty = webhook.secrets.isEmpty
        for header in webhook.headers {
            if case .secret(let source) = header.value {
                stage.read(source, "webhook.headers.\(header.name)")
                isEmpty = false
            }
        }
        if !isEmpty { log.add(stage.result) }
    }

    // MARK: Files

    static func file(_ path: String, isRotated: Bool) -> Finding {
        let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        var status = stat()
        let exists = stat(path, &status) == 0
        if exists, status.st_mode & S_IFMT == S_IFDIR {
            return .failed(.target, .cannotCreate, "\(path) is a directory", cure: "name a file")
        }
        if exists, access(path, W_OK) != 0 { return failed(errno, path) }
        // A new file is made there: at the start, or when the old one is full.
        if !exists || isRotated, access(directory, W_OK | X_OK) != 0 { return failed(errno, directory) }
        if exists, status.st_mode & S_IFMT != S_IFREG { return .ok(.target, "\(path), no regular file") }
        var figures = statvfs()
        guard statvfs(directory, &figures) == 0 else { return failed(errno, directory) }
        let room = UInt64(figures.f_bavail) * UInt64(figures.f_frsize)
        let detail = "\(path), \(ByteCount.text(room)) free"
        if room == 0 { return .failed(.target, .temporary, detail, cure: "make room on its file system") }
        if room < smallRoom { return .warning(.target, detail, cure: "make room on its file system") }
        return .ok(.target, detail)
    }

    private static func failed(_ number: Int32, _ place: String) -> Finding {
        let error = SinkError(errno: number, place: place)
        return .failed(
            .target, .cannotCreate, error.message,
            cure: error.cure.isEmpty ? "name a file that can be written" : error.cure)
    }

    // MARK: Webhooks

    private func connect(_ webhook: WebhookSettings) async -> Finding {
        let url: String
        var network = NetworkOptions(caFile: webhook.caFile, connectTimeout: limits.connection)
        let place: String
        var isTLS = false
        switch webhook.address {
        case .unix(let socket, _):
            (url, place) = ("http://localhost/", socket)
            network.unixSocket = socket
        case .url(let text):
            guard let address = WebAddress(text) else {
                return .failed(.target, .configuration, "not an address", cure: "check webhook.url")
            }
            // Only where it leads: its path may be a secret.
            (url, place) = (address.origin, "\(address.host) port \(address.effectivePort)")
            network.destination = webhook.allowsRemote ? .remote : .loopback
            isTLS = address.scheme == "https"
        }
        let watch = Stopwatch()
        let probe = await transport.probe(Secret(url), network: network, timeout: limits.connection)
        return ConnectionStages.finding(
            .target, probe, place: place, isTLS: isTLS, now: TimeSource.system.now().wall, took: watch.elapsed)
    }
}

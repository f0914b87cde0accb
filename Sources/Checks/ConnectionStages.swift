import Addresses
import Transport

/// What an attempt to connect says of name, connection and TLS.
enum ConnectionStages {
    /// A certificate that ends sooner should have been renewed: 14 days, in seconds.
    static let renewalTime = 14 * 86_400.0

    /// Of a portal.
    ///
    /// - Parameters:
    ///   - address: of the portal.
    ///   - usesProxy: by the settings.
    ///   - now: Unix seconds.
    ///   - duration: of the whole attempt.
    static func findings(
        _ probe: ConnectionProbe, _ address: WebAddress, usesProxy: Bool, now: Double, took duration: Duration? = nil
    ) -> [Finding] {
        let isProxied = probe.isProxied || usesProxy
        let stages: [CheckStage] = (isProxied ? [.proxy] : [.dns, .tcp]) + [.tls]
        var findings: [Finding] = []
        let culprit = probe.error.map { stage(of: $0, isProxied: isProxied) }
        for stage in stages {
            if stage == culprit, let error = probe.error {
                findings.append(failed(stage, error, took: duration))
                break
            }
            findings.append(good(stage, probe, address, now: now))
        }
        return findings
    }

    /// Of a push server or a webhook: all in one.
    static func finding(
        _ stage: CheckStage, _ probe: ConnectionProbe, place: String, isTLS: Bool, now: Double,
        took duration: Duration? = nil
    ) -> Finding {
        if let error = probe.error {
            return failed(stage, error, prefix: "\(error.stage.rawValue): ", took: duration)
        }
        var finding = certificate(stage, probe, now: now, says: isTLS ? "\(place): " : place)
        finding.duration = duration
        return finding
    }

    private static func stage(of error: TransportError, isProxied: Bool) -> CheckStage {
        switch error.stage {
        case .dns: isProxied ? .proxy : .dns
        case .connect: isProxied ? .proxy : .tcp
        case .proxy: .proxy
        case .tls, .http, .upgrade, .protocol, .cancelled: .tls
        }
    }

    private static func good(
        _ stage: CheckStage, _ probe: ConnectionProbe, _ address: WebAddress, now: Double
    ) -> Finding {
        switch stage {
        case .dns: .ok(.dns, address.host, took: probe.lookup)
        case .tcp:
            .ok(
                .tcp, "\(probe.address.isEmpty ? address.host : probe.address) port \(address.effectivePort)",
                took: probe.connection)
        case .proxy: .ok(.proxy, "leads to \(address.host)", took: probe.connection)
        default:
            address.scheme == "https"
                ? certificate(.tls, probe, now: now, says: "")
                : .skipped(.tls, "plain http, on this machine")
        }
    }

    private static func certificate(
        _ stage: CheckStage, _ probe: ConnectionProbe, now: Double, says place: String
    ) -> Finding {
        guard let end = probe.certificateEnd else { return .ok(stage, place, took: probe.handshake) }
        let left = Double(end) - now
        let detail = "\(place)the certificate ends in \(TimeSpan.text(left))"
        guard left < renewalTime else { return .ok(stage, detail, took: probe.handshake) }
        return .warning(stage, detail, cure: "renew it on the server", took: probe.handshake)
    }

    private static func failed(
        _ stage: CheckStage, _ error: TransportError, prefix: String = "", took duration: Duration?
    ) -> Finding {
        .failed(
            stage, error.isForbiddenDestination ? .configuration : .unavailable, prefix + error.message,
            cure: error.cure.isEmpty ? cure(for: error) : error.cure, took: duration)
    }

    private static func cure(for error: TransportError) -> String {
        switch error.stage {
        case .dns: "check this machine's name servers"
        case .connect: "check the address and port, and that no firewall is in between"
        case .proxy: "check the proxy setting and the proxy's rules"
        case .tls: "check that the server speaks TLS on this port"
        case .http, .upgrade, .protocol, .cancelled: "try again"
        }
    }
}

extension WebAddress {
    /// The scheme's own if none is named.
    var effectivePort: UInt16 {
        port ?? (scheme == "https" || scheme == "wss" ? 443 : 80)
    }

    /// Where a connection goes: the same for two addresses that differ only in scheme spelling (https, wss) or path.
    func leadsToSamePlace(as other: WebAddress) -> Bool {
        let secure = ["https", "wss"]
        return host == other.host && effectivePort == other.effectivePort
            && secure.contains(scheme) == secure.contains(other.scheme)
    }
}

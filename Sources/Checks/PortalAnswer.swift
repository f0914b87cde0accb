import Portal
import PullProtocol
import Settings

/// What the portal's answer to the call for its configuration says: one call, several stages.
enum PortalAnswer {
    /// The portal's own words for each kind of trouble.
    private static let tokenCodes: Set<String> = [
        "expired_token", "invalid_token", "no_auth_found", "wrong_auth_type", "invalid_credentials",
        "user_access_error", "access_denied", "authorize_error", "application_not_found", "authorization_error",
        "method_confirm_waiting", "method_confirm_denied", "invalid_grant", "invalid_client", "payment_required",
    ]
    private static let scopeCodes: Set<String> = ["insufficient_scope", "invalid_scope"]
    private static let configurationCodes: Set<String> = [
        "server_error", "error_method_not_found", "error_core", "error_argument",
    ]

    /// Up to the stage that failed.
    ///
    /// - Parameter hadToken: the portal has been asked; without one it is the authorisation server that is asked first.
    static func findings(_ error: PortalError, hadToken: Bool, took duration: Duration?) -> [Finding] {
        let (stage, failure) = judge(error)
        let cure = error.cure.isEmpty ? "check the portal's address, and try again" : error.cure
        var findings: [Finding] = []
        for passed in [CheckStage.rest, .token, .scope, .configuration].prefix(while: { $0 != stage }) {
            findings.append(
                hadToken ? good(passed, duration) : .skipped(passed, "there is nothing to ask with"))
        }
        findings.append(
            .failed(stage, failure, error.message, cure: cure, took: findings.isEmpty ? duration : nil))
        return findings
    }

    private static func judge(_ error: PortalError) -> (CheckStage, CheckFailure) {
        switch error.code {
        case .address: (.rest, .configuration)
        case .transport: (.rest, .unavailable)
        case .authorisation(.store), .authorisation(.notStored): (.token, .inputOutput)
        case .authorisation: (.token, error.needsPerson ? .noPermission : .unavailable)
        case .configuration(.noChannels), .configuration(.badChannelID): (.channels, .unavailable)
        case .configuration: (.configuration, .unavailable)
        case .rest(let refusal):
            if tokenCodes.contains(refusal.code) {
                (.token, .noPermission)
            } else if scopeCodes.contains(refusal.code) {
                (.scope, .noPermission)
            } else if configurationCodes.contains(refusal.code) {
                (.configuration, .unavailable)
            } else {
                (.rest, .unavailable)
            }
        }
    }

    static func timedOut(after limit: Duration) -> Finding {
        .failed(
            .rest, .unavailable, "no answer in \(TimeSpan.text(limit / .seconds(1)))",
            cure: "check what stands before the portal: it takes the request and does not answer")
    }

    /// - Parameters:
    ///   - configuration: as the portal gave it.
    ///   - token: how it stands with it.
    ///   - duration: of the call.
    static func findings(
        _ configuration: PullConfiguration, _ portal: PortalSettings, token: String, took duration: Duration?
    ) -> [Finding] {
        [good(.rest, duration), .ok(.token, token), good(.scope, duration), judge(configuration, portal)]
    }

    private static func good(_ stage: CheckStage, _ duration: Duration?) -> Finding {
        switch stage {
        case .rest: .ok(.rest, "answers", took: duration)
        case .token: .ok(.token, "accepted")
        case .configuration: .ok(.configuration, "read")
        default: .ok(stage, "pull")
        }
    }

    private static func judge(_ configuration: PullConfiguration, _ portal: PortalSettings) -> Finding {
        guard configuration.isEnabled else {
            return .failed(
                .configuration, .unavailable, "the portal's real time is switched off",
                cure: "switch it on in the settings of the portal's Push and Pull module")
        }
        let server = "push server of version \(configuration.version), \(configuration.mode.rawValue)"
        guard configuration.version < 5 || portal.allowsJSONRPC else {
            return .failed(
                .configuration, .unavailable, "\(server): JSON-RPC, which is new and untested",
                cure: "set the portal's json_rpc: true to try it")
        }
        let ways = [
            configuration.webSocketURL.map { _ in "WebSocket" },
            configuration.longPollingURL.map { _ in "long polling" },
        ].compactMap(\.self)
        guard portal.transport.choice.transport(for: configuration) != nil else {
            return .failed(
                .configuration, .unavailable,
                "\(server): offers \(ways.first ?? "no way to connect"), and the file wants \(portal.transport.rawValue)",
                cure: ways.isEmpty
                    ? "check the addresses in the settings of the portal's Push and Pull module" : "set transport: auto"
            )
        }
        return .ok(.configuration, "\(server), \(ways.joined(separator: " and "))")
    }
}

extension PortalSettings.Transport {
    var choice: TransportChoice {
        switch self {
        case .auto: .automatic
        case .websocket: .webSocketOnly
        case .longPolling: .longPollingOnly
        }
    }
}

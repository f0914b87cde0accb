import EndToEndSupport
import Foundation
import Testing

/// A way in which a daemon does not get to its events, and what it has to say of it.
struct FailureCase: Sendable, Hashable, CustomTestStringConvertible {
    /// What the sandbox, or what stands in its place, does.
    enum Fault: Sendable, Hashable {
        case certificate(CertificateAuthority.Kind)
        /// The next config calls are answered so.
        case configuration(vector: String)
        case configurationBody(String)
        case refusedUpgrade(status: Int)
        /// The proxy setting names a port where nobody listens.
        case proxyDown
        case proxyAnswers(String)
        case unknownName
    }

    /// How often the daemon tried, as seen from the other side.
    enum Attempts: Sendable {
        case counted(Int)
        /// Name servers are not the test's.
        case unknown
    }

    var name: String
    var fault: Fault
    /// How the cause begins, or a part of it that tells this case from others.
    var cause: String
    /// A part of the cure.
    var cure: String
    /// Of `retry_in_s`, one line after the other; the last is repeated.
    var waits: [ClosedRange<Double>]
    var message = noConfiguration

    var testDescription: String { name }

    static let noConfiguration = "no configuration from the portal"
    static let notConnected = "not connected to the push server"
    /// Ways to the portal: 1 s, doubling, a tenth more or less.
    static let schedule = [0.9...1.1, 1.8...2.2, 3.6...4.4]
    /// Up to a tenth longer, so that many portals are not asked in one moment.
    static func after(_ seconds: Double) -> [ClosedRange<Double>] { [seconds...(seconds * 1.1)] }
    /// Push connections: at once, then a quarter of a minute, up to a fifth longer.
    static let reconnects = [0.1...0.5, 15.0...18]
    /// The same where the configuration is asked for first: not within five seconds of the last time.
    static let refetches = [0.1...5.0, 15.0...18]
    /// What the log's one digit takes from a number.
    static let rounding = 0.051
    /// Long enough for the first three attempts on the schedule, and too short for a fourth.
    static let span = Duration.milliseconds(5_500)
}

/// What was seen of a case.
struct FailureOutcome: Sendable {
    var troubles: [LogLine]
    var attempts: FailureCase.Attempts
    var wasReady: Bool
    var status: String
    var exit: ProcessExit
}

extension FailureCase {
    /// Lets the fault be there before the daemon starts, and watches for a while.
    func watch() async throws -> FailureOutcome {
        switch fault {
        case .certificate(let kind):
            return try await Stage.with(.nginx(kind)) { stage in
                // Without a handshake there is no request to count, but there are connections.
                try await observe(stage.daemon()) { .counted(stage.relay?.acceptedConnections ?? 0) }
            }
        case .configuration(let vector):
            return try await failingConfiguration(["vector": vector])
        case .configurationBody(let body):
            return try await failingConfiguration(["status": 200, "body": body])
        case .refusedUpgrade(let status):
            return try await Stage.with(.nginx()) { stage in
                try await stage.sandbox.fault("refuse-upgrade", ["status": status, "body": "no", "count": 1_000])
                return try await observe(stage.daemon()) {
                    let log = try String(contentsOfFile: stage.nginx?.accessLogPath ?? "", encoding: .utf8)
                    return .counted(log.split(separator: "\n").filter { $0.contains("/subws/") }.count)
                }
            }
        case .proxyDown:
            let port = try LoopbackPort.free()
            return try await Stage.with { stage in
                let daemon = try await stage.daemon(
                    url: "https://portal.example", portal: ["proxy: http://127.0.0.1:\(port)"])
                return try await observe(daemon) { .unknown }
            }
        case .proxyAnswers(let status):
            let proxy = try WebhookReceiver(status: status)
            return try await Stage.with { stage in
                let daemon = try await stage.daemon(
                    url: "https://portal.example", portal: ["proxy: http://127.0.0.1:\(proxy.port)"])
                return try await observe(daemon) { .counted(proxy.requestCount) }
            }
        case .unknownName:
            return try await Stage.with { stage in
                try await observe(stage.daemon(url: "https://portal.invalid")) { .unknown }
            }
        }
    }

    private func failingConfiguration(_ answer: [String: any Sendable]) async throws -> FailureOutcome {
        try await Stage.with { stage in
            try await stage.sandbox.fault("config-error", answer.merging(["count": 1_000]) { $1 })
            return try await observe(stage.daemon()) { .counted(try await stage.sandbox.calls().count) }
        }
    }

    private func observe(
        _ daemon: DaemonProcess, attempts: () async throws -> Attempts
    ) async throws -> FailureOutcome {
        try await eventually(within: .seconds(30), "\(name): the failure is told\n\(daemon.process.errorOutput)") {
            try daemon.mustRun()
            return daemon.log.contains(where: \.isTrouble)
        }
        try await Task.sleep(for: Self.span)
        let seen = try await attempts()
        let troubles = daemon.log.filter(\.isTrouble)
        let status = daemon.notify.value(of: "STATUS") ?? ""
        let wasReady = daemon.notify.has("READY=1")
        let exit = try await daemon.stop()
        return FailureOutcome(
            troubles: troubles, attempts: seen, wasReady: wasReady, status: status, exit: exit)
    }
}

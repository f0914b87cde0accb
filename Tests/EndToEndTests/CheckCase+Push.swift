import EndToEndSupport
import Foundation

/// What is wrong between the push server and the sinks.
extension CheckCase {
    static let pushes = doors + events + webhooks

    private static func portal(
        _ stage: String, _ detail: String, cure: String, outcome: String = "failed", skipped: Int? = nil
    ) -> Expectation {
        Expectation(
            stage: stage, subject: "acme", outcome: outcome, detail: detail, cure: cure,
            exit: outcome == "failed" ? 69 : 0, skipped: skipped)
    }

    private static let doors = [
        online(
            "a proxy that refuses WebSocket, while long polling works",
            portal("websocket", "long polling works", cure: "pass WebSocket upgrades", outcome: "warning", skipped: 0)
        ) { try await $0.sandbox.blockUpgrades(.status(403)) },
        online(
            "a WebSocket that is never answered, while long polling works",
            portal("websocket", "did not answer the upgrade", cure: "pass WebSocket", outcome: "warning", skipped: 0)
        ) { try await $0.sandbox.blockUpgrades(.hang) },
        online(
            "a proxy that refuses the WebSocket that the file wants", Setup(transport: .webSocket),
            portal("websocket", "upgrade: ", cure: "pass WebSocket upgrades", skipped: 1)
        ) { try await $0.sandbox.blockUpgrades(.status(403)) },
        online(
            "a push server that does not know the channel", Setup(transport: .webSocket),
            portal("websocket", "upgrade: ", cure: "signature key", skipped: 1)
        ) { try await $0.sandbox.fault("refuse-upgrade", ["status": 400, "body": "Wrong Channel Id.", "count": 9]) },
        online(
            "a push server that accepts and then refuses the channel", Setup(transport: .webSocket),
            portal("websocket", "closed by the server with code 4010", cure: "signature key", skipped: 1)
        ) { try await $0.sandbox.fault("reject-after-accept", ["code": 4010, "reason": "4010: Wrong Channel Id"]) },
        online(
            "long polling refused, while WebSocket works",
            portal("long-poll", "WebSocket works", cure: "pass requests", outcome: "warning", skipped: 0)
        ) { try await $0.sandbox.blockPolls(.status(403)) },
        online(
            "the long polling that the file wants refused", Setup(transport: .longPolling),
            portal("long-poll", "status 403", cure: "pass requests", skipped: 1)
        ) { try await $0.sandbox.blockPolls(.status(403)) },
        online("both ways refused", portal("websocket", "upgrade: ", cure: "pass WebSocket", skipped: 1)) {
            try await $0.sandbox.blockUpgrades(.status(403))
            try await $0.sandbox.blockPolls(.status(403))
        },
        online(
            "polls that something takes and never answers, while WebSocket works",
            portal("long-poll", "did not come by it", cure: "holds back", outcome: "warning", skipped: 0)
        ) { try await $0.sandbox.blockPolls(.hang) },
    ]

    private static let events = [
        online(
            "an event that does not come back", Setup(transport: .webSocket),
            portal("event", "not here after 15 s", cure: "portal reaches its push server", skipped: 0)
        ) { try await $0.sandbox.silentAfterAccept(true) }
    ]

    private static func sink(_ detail: String, cure: String, exit: Int32 = 69) -> Expectation {
        Expectation(stage: "target", subject: "app", detail: detail, cure: cure, exit: exit, skipped: nil)
    }

    private static func webhook(
        _ name: String, _ webhook: @escaping @Sendable (Stage) throws -> String, front: Stage.Front = .nothing,
        _ expectation: Expectation
    ) -> CheckCase {
        CheckCase(name: name, expectation: expectation) {
            try await Stage.with(front) { stage in
                try await check(stage, Setup(sinks: ["app: { webhook: \(try webhook(stage)) }"]))
            }
        }
    }

    private static let webhooks = [
        webhook(
            "a webhook that is down", { _ in "{ url: 'http://127.0.0.1:\(try LoopbackPort.free())' }" },
            sink("connect: 127.0.0.1 accepts no connection", cure: "server runs")),
        webhook(
            "a unix socket that is missing", { _ in "{ url: 'unix:/tmp/pulld-no-such.sock' }" },
            sink("there is no socket /tmp/pulld-no-such.sock", cure: "check the path")),
        webhook(
            "a webhook of an unknown authority", { "{ url: '\($0.url)/hook' }" }, front: .nginx(),
            sink("tls: the certificate of localhost is from an unknown authority", cure: "ca_file")),
    ]
}

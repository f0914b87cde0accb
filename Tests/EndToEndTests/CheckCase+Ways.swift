import EndToEndSupport
import Foundation

/// What is wrong on the way to a portal, and with what it answers.
extension CheckCase {
    static let ways = connections + answers + configurations

    private static func portal(
        _ stage: String, _ detail: String, cure: String, exit: Int32 = 69, skipped: Int? = nil
    ) -> Expectation {
        Expectation(stage: stage, subject: "acme", detail: detail, cure: cure, exit: exit, skipped: skipped)
    }

    /// With a server of the test's own in the portal's place.
    private static func standIn<Server: Sendable>(
        _ name: String, _ server: @escaping @Sendable () throws -> Server,
        _ setup: @escaping @Sendable (Server) -> Setup, _ expectation: Expectation
    ) -> CheckCase {
        CheckCase(name: name, expectation: expectation) {
            let server = try server()
            return try await Stage.with { stage in
                let run = try await check(stage, setup(server))
                return withExtendedLifetime(server) { run }
            }
        }
    }

    private static func answering(_ status: String) -> @Sendable () throws -> WebhookReceiver {
        { try WebhookReceiver(status: status) }
    }

    private static let connections = [
        online(
            "a name that nobody knows", Setup(url: "https://portal.invalid"),
            portal("dns", "the name portal.invalid cannot be resolved", cure: "name servers", skipped: 12)),
        standIn(
            "a port where nobody listens", LoopbackPort.free, { Setup(url: "http://127.0.0.1:\($0)") },
            portal("tcp", "accepts no connection", cure: "check that the server runs", skipped: 11)),
        standIn(
            "a port that takes connections and says nothing", { try SilentServer() },
            { Setup(url: "https://127.0.0.1:\($0.port)") },
            portal("tls", "no TLS connection to 127.0.0.1 in time", cure: "speaks TLS", skipped: 10)),
        CheckCase(
            name: "a plain port in the place of a secure one",
            expectation: portal("tls", "no TLS connection to 127.0.0.1", cure: "TLS", skipped: 10)
        ) {
            try await Stage.with { try await check($0, Setup(url: "https://127.0.0.1:\($0.sandbox.port)")) }
        },
        online(
            "a certificate of an unknown authority", Setup(front: .nginx(.unknownAuthority)),
            portal("tls", "unknown authority", cure: "tls.ca_file", skipped: 10)),
        online(
            "a certificate that has expired", Setup(front: .nginx(.expired)),
            portal("tls", "is expired", cure: "renew it", skipped: 10)),
        online(
            "a certificate for another name", Setup(front: .nginx(.wrongHost)),
            portal("tls", "for another name", cure: "use the name", skipped: 10)),
        online(
            "a certificate that ends in a week", Setup(front: .nginx(.endsSoon)),
            Expectation(
                stage: "tls", subject: "acme", outcome: "warning", detail: "the certificate ends in ", cure: "renew it",
                exit: 0,
                skipped: 0)),
        CheckCase(
            name: "a file of authorities that is missing",
            expectation: portal(
                "tls", "the file of trusted authorities cannot be read", cure: "tls.ca_file", skipped: 10)
        ) {
            try await Stage.with(.nginx()) { stage in
                let text = """
                    portals:
                      acme:
                        url: \(stage.url)
                        oauth: { access_token: { env: TOKEN } }
                        tls: { ca_file: $DIRECTORY/ca.pem }
                    sinks: { terminal: { stdout: {} } }
                    state: $DIRECTORY/state
                    """
                return try await .of(
                    configuration: text, in: try ScratchDirectory(), environment: ["TOKEN": "a-token-of-nobody"])
            }
        },
        standIn(
            "a proxy that is down", LoopbackPort.free,
            { Setup(url: "https://portal.example", portal: ["proxy: 'http://127.0.0.1:\($0)'"]) },
            portal("proxy", "the proxy accepts no connection", cure: "proxy setting", skipped: 11)),
        standIn(
            "a proxy that wants a password",
            answering("407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\""),
            { Setup(url: "https://portal.example", portal: ["proxy: 'http://127.0.0.1:\($0.port)'"]) },
            portal("proxy", "status 407", cure: "user and password", skipped: 11)),
    ]

    private static func refused(
        _ name: String, _ status: Int, _ body: String, _ expectation: Expectation
    ) -> CheckCase {
        online(name, expectation) { stage in
            try await stage.sandbox.fault("config-error", ["status": status, "body": body, "count": 1_000])
        }
    }

    private static let answers = [
        standIn(
            "a portal that takes requests and says nothing", { try SilentServer() },
            { Setup(url: "http://127.0.0.1:\($0.port)") },
            portal("rest", "no answer in 30 s", cure: "what stands before the portal", skipped: 9)),
        standIn(
            "a portal that has moved", answering("302 Found\r\nLocation: https://elsewhere.example/"),
            { Setup(url: "http://127.0.0.1:\($0.port)", isRenewable: false) },
            portal("rest", "answers with a redirect", cure: "new address", skipped: 9)),
        refused(
            "a page of a proxy", 502, "<html><body>Bad gateway</body></html>",
            portal("rest", "http_502", cure: "Wait", skipped: 9)),
        refused(
            "too many requests", 503, #"{"error":"QUERY_LIMIT_EXCEEDED","error_description":"Too many requests"}"#,
            portal("rest", "query_limit_exceeded", cure: "fewer requests", skipped: 9)),
        online(
            "a token of nobody", Setup(token: "a-token-that-nobody-gave", isRenewable: false),
            portal("token", "no_auth_found", cure: "access token", exit: 77, skipped: 8)),
        online(
            "a token that has run out, and no application to renew it", Setup(isRenewable: false),
            portal("token", "expired_token", cure: "access token", exit: 77, skipped: 8)
        ) { try await $0.sandbox.fault("expire-tokens") },
        online(
            "a token that has run out, and a refresh token that is used up",
            portal("token", "invalid_grant", cure: "pulld login acme", exit: 77, skipped: 8)
        ) {
            try await $0.sandbox.fault("expire-tokens")
            try await $0.sandbox.fault("revoke-tokens")
        },
        online(
            "a token that has run out, and an authorisation server that is down",
            portal("token", "the authorisation server has a fault", cure: "wait", skipped: 8)
        ) {
            try await $0.sandbox.fault("expire-tokens")
            try await $0.sandbox.fault("block-tokens")
        },
        CheckCase(
            name: "an application that nobody has let in",
            expectation: portal("token", "no refresh token", cure: "pulld login acme", exit: 77, skipped: 8)
        ) {
            try await Stage.with { stage in
                let text = """
                    portals:
                      acme: { url: '\(stage.url)', oauth: { client_id: local.1, client_secret: { env: CLIENT_SECRET } } }
                    sinks: { terminal: { stdout: {} } }
                    state: $DIRECTORY/state
                    """
                return try await .of(
                    configuration: text, in: try ScratchDirectory(), environment: ["CLIENT_SECRET": "a-client-secret"])
            }
        },
        CheckCase(
            name: "a webhook's code that is wrong",
            expectation: portal("token", "invalid_credentials", cure: "rights", exit: 77, skipped: 8)
        ) {
            try await Stage.with { stage in
                let address = "\(stage.url)/rest/1/a-code-of-nobody/"
                let text = """
                    portals: { acme: { url: '\(stage.url)', webhook: { env: WEBHOOK } } }
                    sinks: { terminal: { stdout: {} } }
                    state: $DIRECTORY/state
                    """
                return try await .of(
                    configuration: text, in: try ScratchDirectory(), environment: ["WEBHOOK": address])
            }
        },
        refused(
            "a webhook for an application's channels", 403,
            #"{"error":"WRONG_AUTH_TYPE","error_description":"Application context required"}"#,
            portal("token", "wrong_auth_type", cure: "OAuth application", exit: 77, skipped: 8)),
        refused(
            "a scope that is missing", 403,
            #"{"error":"insufficient_scope","error_description":"The request requires higher privileges"}"#,
            portal("scope", "insufficient_scope", cure: "scope \"pull\"", exit: 77, skipped: 7)),
    ]

    private static func vector(_ name: String, _ vector: String, _ expectation: Expectation) -> CheckCase {
        online(name, expectation) {
            try await $0.sandbox.fault("config-error", ["vector": vector, "count": 1_000])
        }
    }

    /// A config answer with one private channel.
    static func configuration(
        webSocket: String = "", longPolling: String = "", end: String = "2099-01-01T00:00:00+00:00"
    ) -> String {
        """
        {"result":{"server":{"version":4,"server_enabled":true,"mode":"personal","websocket_enabled":true,\
        "long_polling":"\(longPolling)","websocket":"\(webSocket)","websocket_secure":"","long_pooling_secure":""},\
        "channels":{"private":{"id":"\(String(repeating: "a", count: 32)).\(String(repeating: "b", count: 40))",\
        "start":"2026-01-01T00:00:00+00:00","end":"\(end)","type":"private"}},"publicChannels":false}}
        """
    }

    private static func pushAddress(_ name: String, _ url: String, _ expectation: Expectation) -> CheckCase {
        online(
            name, Setup(portal: ["channels: [private]"], configuration: { _ in configuration(webSocket: url) }),
            expectation)
    }

    private static let configurations = [
        vector(
            "push that is not configured", "C8", portal("config", "not configured", cure: "Push and Pull", skipped: 6)),
        vector("push that is switched off", "C7", portal("config", "switched off", cure: "switch it on", skipped: 6)),
        vector(
            "an answer without a configuration", "C13-list",
            portal("config", "no push configuration", cure: "address", skipped: 6)),
        vector(
            "a shared push server without a client id", "C10",
            portal("config", "no client id", cure: "Register", skipped: 6)),
        pushAddress(
            "a push server by plain ws on another machine", "ws://push.example/subws/",
            portal("config", "plain ws/http", cure: "secure addresses", skipped: 6)),
        online(
            "a portal without the WebSocket that the file wants",
            Setup(sandbox: ["--no-websocket"], transport: .webSocket),
            portal("config", "the file wants websocket", cure: "transport: auto", skipped: 6)),
        vector(
            "a configuration without channels", "C4", portal("channels", "no channel", cure: "application", skipped: 5)),
        online(
            "a channel that has ended",
            Setup(
                portal: ["channels: [private]"],
                configuration: { stage in
                    configuration(
                        webSocket: "ws://127.0.0.1:\(stage.sandbox.port)/subws/", end: "2026-01-02T00:00:00+00:00")
                }),
            portal("channels", "private ended", cure: "clock of the portal's machine", skipped: 4)),
        CheckCase(
            name: "a clock two minutes off",
            expectation: Expectation(
                stage: "clock", subject: "acme", outcome: "warning", detail: "2 min ahead of the portal's",
                cure: "set this machine's clock", exit: 0, skipped: 0)
        ) {
            let clock = try await ShiftedClock.environment(shift: 125)
            return try await Stage.with { try await check($0, Setup(environment: clock)) }
        },
        CheckCase(
            name: "a clock ten minutes off, and signatures",
            expectation: portal("clock", "10 min behind the portal's", cure: "set this machine's clock", skipped: 0)
        ) {
            var environment = try await ShiftedClock.environment(shift: -605)
            environment["HOOK"] = "whsec_c2VjcmV0LW9mLWEtd2ViaG9vaw=="
            let receiver = try WebhookReceiver()
            let sink = "app: { webhook: { url: 'http://127.0.0.1:\(receiver.port)', secret: { env: HOOK } } }"
            return try await Stage.with { [environment] stage in
                try await check(stage, Setup(sinks: [sink], environment: environment))
            }
        },
        pushAddress(
            "a push server that is down", "ws://127.0.0.1:1/subws/",
            portal("push-server", "connect: 127.0.0.1 accepts no connection", cure: "server runs", skipped: 3)),
        pushAddress(
            "a push server by a name that nobody knows", "wss://push.invalid/subws/",
            portal("push-server", "dns: the name push.invalid", cure: "name servers", skipped: 3)),
    ]
}

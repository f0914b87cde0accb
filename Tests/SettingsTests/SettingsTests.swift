import Foundation
import Settings
import Testing

@Suite("Right configuration files")
struct SettingsTests {
    private func parse(_ text: String) throws -> Settings {
        try Settings.parse(Array(text.utf8), file: "pulld.yaml")
    }

    @Test("the example file parses, and every key in it has its effect")
    func example() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../config/pulld.example.yaml").standardizedFileURL.path
        let settings = try Settings.load(path: path)

        #expect(settings.state == "/var/lib/pulld")
        #expect(settings.log == LogSettings(level: .info, format: .auto))
        #expect(settings.portals.map(\.name) == ["acme", "helpdesk"])
        let oauth = OAuthSettings(
            clientID: "local.0123456789abcd.01234567", clientSecret: .credential("acme-client-secret"),
            refreshToken: .credential("acme-refresh-token"))
        #expect(
            settings.portals.first
                == PortalSettings(
                    name: "acme", url: "https://acme.bitrix24.com", access: .oauth(oauth),
                    caFile: "/etc/ssl/certs/ca-certificates.crt", proxy: .url("http://proxy.example:3128"),
                    refreshMargin: .seconds(600), requestLimit: .bucket(burst: 40, perSecond: 1)))
        #expect(settings.journal == JournalSettings())
        let accesses = settings.portals.dropFirst().map(\.access)
        #expect(accesses == [.webhook(.file("/etc/pulld/helpdesk-webhook"))])
        #expect(
            settings.sinks == [
                SinkSettings(
                    name: "log",
                    kind: .file(
                        path: "/var/log/pulld/events.ndjson",
                        rotation: RotationSettings(size: 100 << 20, age: .seconds(604_800)))),
                SinkSettings(
                    name: "app",
                    kind: .webhook(
                        WebhookSettings(
                            address: .url("http://127.0.0.1:8080/bitrix"),
                            secrets: [.credential("app-webhook-secret")],
                            headers: [WebhookHeader(name: "x-source", value: .text("pulld"))])),
                    portals: ["acme"], include: ["application/*"], exclude: ["application/heartbeat"]),
                SinkSettings(name: "terminal", kind: .standardOutput, portals: ["acme", "helpdesk"]),
            ])
    }

    @Test("what is left out has its default")
    func defaults() throws {
        let settings = try parse(
            "portals: {p: {url: 'https://P.example:8443/', webhook: {env: W}}}\nsinks: {s: {stdout: {}}}\n")
        let portal = try #require(settings.portals.first)
        #expect(portal.url == "https://p.example:8443")
        #expect(portal.channels == [.shared, .private])
        #expect(portal.transport == .auto)
        #expect(portal.refreshMargin == .seconds(600))
        #expect(portal.caFile == nil && portal.proxy == nil)
        #expect(settings.state == nil)
        #expect(settings.log == LogSettings())
        #expect(settings.journal == JournalSettings(keep: .seconds(86_400), size: 1 << 30))
        #expect(portal.start == .now && portal.audit == AuditSettings() && portal.requestLimit == nil)
    }

    @Test("a secret proxy, one channel, long polling and another margin are taken over")
    func portalKeys() throws {
        let settings = try parse(
            """
            portals:
              p:
                url: http://localhost:8080
                webhook: { env: W }
                proxy: { file: /run/proxy }
                channels: [private]
                transport: long-polling
                refresh_margin: 90s
            sinks: { s: { stdout: {} } }
            """)
        let portal = try #require(settings.portals.first)
        #expect(portal.proxy == .secret(.file("/run/proxy")))
        #expect(portal.channels == [.private])
        #expect(portal.transport == .longPolling)
        #expect(portal.refreshMargin == .seconds(90))
    }

    @Test("what keeps a subscription whole is taken over")
    func subscriptionKeys() throws {
        let settings = try parse(
            """
            portals:
              p:
                url: https://p.example
                webhook: { env: W }
                start: retained
                audit: { interval: 1m, lag: 2m }
                max_backoff: 30s
                websocket_trial: 5m
                request_limit: { burst: 250, per_second: 5 }
                json_rpc: true
              q: { url: "https://q.example", webhook: { env: W }, audit: off, request_limit: off, json_rpc: false }
            sinks:
              s: { file: { path: /s, rotate: { size: 100 MiB, age: 1d, keep: 3 } } }
              t: { file: { path: /t, rotate: { size: 64KiB } } }
            journal: { keep: 2h, size: 2 GiB }
            """)
        let (p, q) = (try #require(settings.portals.first), try #require(settings.portals.last))
        #expect(p.start == .retained && q.start == .now)
        #expect(p.audit == AuditSettings(interval: .seconds(60), lag: .seconds(120)) && q.audit == nil)
        #expect(p.maximumBackoff == .seconds(30) && q.maximumBackoff == .seconds(600))
        #expect(p.webSocketTrial == .seconds(300) && q.webSocketTrial == .seconds(600))
        #expect(p.requestLimit == .bucket(burst: 250, perSecond: 5) && q.requestLimit == .off)
        #expect(p.allowsJSONRPC && !q.allowsJSONRPC)
        #expect(
            settings.sinks.map(\.kind) == [
                .file(path: "/s", rotation: RotationSettings(size: 100 << 20, age: .seconds(86_400), keep: 3)),
                .file(path: "/t", rotation: RotationSettings(size: 64 << 10)),
            ])
        #expect(settings.journal == JournalSettings(keep: .seconds(7200), size: 2 << 30))
    }

    @Test("an anchor saves writing the same twice")
    func anchors() throws {
        let settings = try parse(
            """
            portals:
              a: { url: "https://a.example", webhook: { env: A }, tls: &tls { ca_file: /ca.pem } }
              b: { url: "https://b.example", webhook: { env: B }, tls: *tls }
            sinks: { s: { stdout: {} } }
            """)
        #expect(settings.portals.map(\.caFile) == ["/ca.pem", "/ca.pem"])
    }

    @Test(
        "durations are whole numbers with a unit",
        arguments: [
            ("10s", Duration.seconds(10)), ("10000ms", .seconds(10)), ("2m", .seconds(120)), ("3h", .seconds(10_800)),
            ("1d", .seconds(86_400)),
        ])
    func durations(_ text: String, _ duration: Duration) throws {
        let settings = try parse(
            "portals: {p: {url: 'https://p.example', webhook: {env: W}, refresh_margin: \(text)}}\n"
                + "sinks: {s: {stdout: {}}}\n")
        #expect(settings.portals.first?.refreshMargin == duration)
    }

    @Test(
        "what is no duration is refused",
        arguments: ["-1m", "1.5h", "10", "10 m", "m", "10M", "0x10s", "1m30s", "~", "٣s"])
    func noDurations(_ text: String) {
        #expect(throws: SettingsError.self) {
            try parse(
                "portals: {p: {url: 'https://p.example', webhook: {env: W}, refresh_margin: \(text)}}\n"
                    + "sinks: {s: {stdout: {}}}\n")
        }
    }

    @Test("a file that is not there is a problem of the file")
    func missingFile() {
        let error = #expect(throws: SettingsError.self) { try Settings.load(path: "/nowhere/pulld.yaml") }
        #expect(
            error?.description
                == "/nowhere/pulld.yaml: cannot be read: No such file or directory; check the path and its permissions")
    }

    @Test("a file larger than 1 MiB is refused before it is read whole")
    func largeFile() {
        let error = #expect(throws: SettingsError.self) { try Settings.load(path: "/dev/zero") }
        #expect(error?.problems.first?.message == "larger than 1048576 bytes")
    }

    @Test(
        "the state directory comes from the file, else from systemd, else from the home directory",
        arguments: [
            ("/s", ["STATE_DIRECTORY": "/var/lib/pulld"], "/s"),
            (nil, ["STATE_DIRECTORY": "/var/lib/pulld:/other", "HOME": "/home/u"], "/var/lib/pulld"),
            (nil, ["XDG_STATE_HOME": "/x", "HOME": "/home/u"], "/x/pulld"),
            (nil, ["XDG_STATE_HOME": "relative", "HOME": "/home/u"], "/home/u/.local/state/pulld"),
            (nil, [:], nil),
        ] as [(String?, [String: String], String?)])
    func stateDirectory(_ state: String?, _ environment: [String: String], _ expected: String?) {
        let settings = Settings(state: state, portals: [], sinks: [])
        #expect(settings.stateDirectory { environment[$0] } == expected)
    }
}

import Settings
import Testing

/// As `faultyFiles`, of webhooks.
let faultyWebhooks: [FaultyFile] = [
    webhook(
        "to another machine", "url: 'http://10.0.0.5:8080/'", ["4:21 .url: the webhook is not on this machine"],
        cure: "allow_remote: true"),
    webhook(
        "to another machine, explicitly not allowed", "url: 'https://a.example/', allow_remote: false",
        ["4:21 .url: the webhook is not on this machine"]),
    webhook(
        "to a metadata service, whatever is allowed",
        "url: 'http://169.254.169.254/latest/meta-data', allow_remote: true",
        ["4:21 .url: nobody's webhook is at a link-local, metadata, multicast or unspecified address"]),
    webhook(
        "of another kind", "url: 'ftp://127.0.0.1/'", ["4:21 .url: a webhook is http, https or unix"],
        cure: "unix:/run/app.sock"),
    webhook(
        "with a password in its address", "url: 'https://me:hunter2@a.example/', allow_remote: true",
        ["4:21 .url: an address here cannot hold a user or password"]),
    webhook(
        "to a socket by a relative path", "url: 'unix:app.sock'", ["4:21 .url: not the path of a socket"],
        cure: "unix:/run/app.sock:/PATH"),
    webhook(
        "to a socket whose path the system has no room for", "url: 'unix:/\(String(repeating: "a", count: 107))'",
        ["4:21 .url: not the path of a socket"], cure: "107 bytes"),
    webhook(
        "to a socket and a path with a fragment", "url: 'unix:/a.sock:/x#y'",
        ["4:21 .url: not the path of a socket"]),
    webhook("without address", "secret: { env: S }", ["4:5 .url: missing"]),
    webhook("with a misspelt key", "url: 'http://[::1]/', concurency: 3", ["4:38 .concurency: unknown key"]),
    webhook(
        "with its secret in the file", "url: 'http://[::1]/', secret: whsec_abc",
        ["4:46 .secret: a secret does not belong into this file"]),
    webhook(
        "with three secrets", "url: 'http://[::1]/', secret: [{ env: A }, { env: B }, { env: C }]",
        ["4:46 .secret: 3 secrets are of no use"], cure: "[NEW, OLD]"),
    webhook("with no secret of a list", "url: 'http://[::1]/', secret: []", ["4:46 .secret: 0 secrets are of no use"]),
    webhook(
        "with one secret of two in the file", "url: 'http://[::1]/', secret: [{ env: A }, hunter2]",
        ["4:59 .secret[1]: a secret does not belong into this file"]),
    webhook(
        "with a header of the specification's", "url: 'http://[::1]/', headers: { Webhook-Id: x }",
        ["4:49 .headers.Webhook-Id: webhook-id is set by pulld itself"]),
    webhook(
        "with the length of the body", "url: 'http://[::1]/', headers: { content-length: '5' }",
        ["4:49 .headers.content-length: content-length is set by pulld itself"]),
    webhook(
        "with another host", "url: 'http://[::1]/', headers: { Host: a.example }",
        ["4:49 .headers.Host: host is set by pulld itself"]),
    webhook(
        "that claims to be a replay", "url: 'http://[::1]/', headers: { pulld-replay: '1' }",
        ["4:49 .headers.pulld-replay: pulld-replay is set by pulld itself"]),
    webhook(
        "with a header that is no name", "url: 'http://[::1]/', headers: { 'x y': z }",
        ["4:49 .headers.x y: “x y” is not the name of a header"]),
    webhook(
        "with the same header twice", "url: 'http://[::1]/', headers: { x-a: b, X-A: c }",
        ["4:57 .headers.X-A: x-a is there twice"]),
    webhook(
        "with a header's value over two lines", "url: 'http://[::1]/', headers: { x-a: \"b\\nc: d\" }",
        ["4:54 .headers.x-a: not the value of a header"]),
    webhook(
        "with a number as a header's value", "url: 'http://[::1]/', headers: { x-a: 5 }",
        ["4:54 .headers.x-a: expected a text, found a number"], cure: "quotes"),
    webhook(
        "with an authorisation in the file", "url: 'http://[::1]/', headers: { Authorization: Bearer hunter2 }",
        ["4:64 .headers.Authorization: a secret does not belong into this file"], cure: "{ credential: NAME }"),
    webhook(
        "with a time that is too long", "url: 'http://[::1]/', timeout: 6m", ["4:47 .timeout: 6m is out of bounds"],
        cure: "1s to 5m"),
    webhook(
        "of an unknown format", "url: 'http://[::1]/', format: xml", ["4:46 .format: “xml” is not known here"],
        cure: "json, cloudevents"),
    webhook(
        "with too many requests at a time", "url: 'http://[::1]/', concurrency: 65",
        ["4:51 .concurrency: 65 is out of bounds"], cure: "1 to 64"),
    webhook(
        "with no request at a time", "url: 'http://[::1]/', concurrency: 0",
        ["4:51 .concurrency: 0 is out of bounds"]),
    webhook(
        "with batches without size", "url: 'http://[::1]/', batch: { wait: 1s }", ["4:38 .batch.size: missing"],
        cure: "size: 100"),
    webhook(
        "with batches that are too large", "url: 'http://[::1]/', batch: { size: 1001 }",
        ["4:53 .batch.size: 1001 is out of bounds"]),
    webhook(
        "with batches that wait too long", "url: 'http://[::1]/', batch: { size: 10, wait: 61s }",
        ["4:63 .batch.wait: 61s is out of bounds"], cure: "0s to 1m"),
    webhook(
        "with batches and no order", "url: 'http://[::1]/', batch: { size: 10 }, ordered: false",
        ["4:45 .batch: a batch holds events in their order, and ordered: false has none"]),
    webhook(
        "with a quoted truth", "url: 'http://[::1]/', ordered: 'no'",
        ["4:47 .ordered: expected true or false, found a text"]),
    webhook(
        "that gives up before it began", "url: 'http://[::1]/', retry: { attempts: 0 }",
        ["4:57 .retry.attempts: 0 is out of bounds"], cure: "1 to 100"),
    webhook(
        "whose repeated attempts do not wait", "url: 'http://[::1]/', retry: { max_delay: 0s }",
        ["4:58 .retry.max_delay: 0s is out of bounds"], cure: "1s to 1h"),
]

private func webhook(_ rule: String, _ fields: String, _ problems: [String], cure: String = "") -> FaultyFile {
    FaultyFile(
        "a webhook \(rule)",
        """
        portals: {acme: {url: 'https://acme.bitrix24.com', oauth: {access_token: {env: T}}}}
        sinks:
          app:
            webhook: { \(fields) }
        """,
        problems.map { problem in
            let parts = problem.split(separator: " ", maxSplits: 1)
            return "\(parts[0]) sinks.app.webhook\(parts[1])"
        }, cure: cure)
}

@Suite("Webhooks in configuration files")
struct WebhookSettingsTests {
    private func parse(_ fields: String) throws -> WebhookSettings? {
        let text = """
            portals: {acme: {url: 'https://acme.bitrix24.com', oauth: {access_token: {env: T}}}}
            sinks: { app: { webhook: { \(fields) } } }
            """
        let kind = try Settings.parse(Array(text.utf8), file: "pulld.yaml").sinks.first?.kind
        guard case .webhook(let webhook) = kind else { return nil }
        return webhook
    }

    @Test("an address alone is enough")
    func defaults() throws {
        let webhook = try #require(try parse("url: 'http://localhost:3000/hook'"))
        #expect(webhook == WebhookSettings(address: .url("http://localhost:3000/hook")))
        #expect(webhook.isOrdered && webhook.concurrency == 1 && webhook.timeout == .seconds(30))
        #expect(webhook.retry == WebhookRetrySettings(attempts: 6, maximumDelay: .seconds(60)))
        #expect(!webhook.allowsRemote && webhook.batch == nil && webhook.format == .json)
    }

    @Test("every key has its effect")
    func everything() throws {
        let webhook = try parse(
            """
            url: 'https://hooks.example/bitrix?tenant=5', allow_remote: true, secret: [{ env: NEW }, { file: /old }],
            headers: { X-Tenant: acme one, authorization: { credential: token } }, timeout: 5s, format: cloudevents,
            batch: { size: 100, wait: 250ms }, ordered: true, concurrency: 8, retry: { attempts: 3, max_delay: 5m }
            """)
        #expect(
            webhook
                == WebhookSettings(
                    address: .url("https://hooks.example/bitrix?tenant=5"),
                    secrets: [.environment("NEW"), .file("/old")],
                    headers: [
                        WebhookHeader(name: "X-Tenant", value: .text("acme one")),
                        WebhookHeader(name: "authorization", value: .secret(.credential("token"))),
                    ],
                    allowsRemote: true, timeout: .seconds(5), format: .cloudevents,
                    batch: WebhookBatchSettings(size: 100, wait: .milliseconds(250)), isOrdered: true, concurrency: 8,
                    retry: WebhookRetrySettings(attempts: 3, maximumDelay: .seconds(300))))
        #expect(try parse("url: 'http://[::1]/', ordered: false, concurrency: 64")?.isOrdered == false)
    }

    @Test(
        "a socket is written with or without the path of the requests",
        arguments: [
            ("unix:/run/app.sock", WebhookAddress.unix(socket: "/run/app.sock", path: "/")),
            ("unix:/run/app.sock:/hook?x=y", .unix(socket: "/run/app.sock", path: "/hook?x=y")),
            ("unix:/run/a:b.sock", .unix(socket: "/run/a:b.sock", path: "/")),
        ])
    func sockets(_ text: String, _ address: WebhookAddress) throws {
        #expect(try parse("url: '\(text)'")?.address == address)
        #expect(try WebhookAddress.check(text, allowsRemote: false) == address)
    }
}

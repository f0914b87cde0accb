import Settings
import Testing

/// A faulty file and the problems that are to be found in it, as `LINE:COLUMN KEY: MESSAGE`. Lines and columns are
/// counted from 1, as editors do.
struct FaultyFile: Sendable, CustomTestStringConvertible {
    var rule: String
    var text: String
    var problems: [String]
    /// In the cure of the first problem.
    var cure: String

    init(_ rule: String, _ text: String, _ problems: [String], cure: String = "") {
        self.rule = rule
        self.text = text
        self.problems = problems
        self.cure = cure
    }

    var testDescription: String { rule }
}

/// A right portal and a right sink, to be put round a wrong other thing.
private let portals = "portals: {acme: {url: 'https://acme.bitrix24.com', oauth: {access_token: {env: T}}}}\n"
private let sinks = "sinks: {terminal: {stdout: {}}}\n"

private func portal(_ lines: String) -> String {
    sinks + "portals:\n  acme:\n    url: https://acme.bitrix24.com\n" + lines
}

private func oauth(_ line: String) -> String {
    portal("    oauth:\n      access_token: { env: T }\n" + line)
}

private func access(_ line: String) -> String {
    portal("    oauth: { access_token: { env: T } }\n" + line)
}

private func sink(_ lines: String) -> String {
    portals + "sinks:\n  app:\n" + lines
}

let faultyFiles: [FaultyFile] = [
    // Rotation of files.
    FaultyFile(
        "a rotation without when", sink("    file: { path: /f, rotate: { keep: 3 } }\n"),
        ["4:31 sinks.app.file.rotate: nothing says when"], cure: "size:"),
    FaultyFile(
        "a rotation that keeps nothing", sink("    file: { path: /f, rotate: { size: 1 MiB, keep: 0 } }\n"),
        ["4:52 sinks.app.file.rotate.keep: 0 is out of bounds"], cure: "1 to 1000"),

    // The admin endpoint, and heartbeats.
    FaultyFile(
        "an admin endpoint for other machines", portals + sinks + "admin: { listen: '0.0.0.0:9187' }\n",
        ["3:18 admin.listen: only this machine's loopback is listened on"], cure: "127.0.0.1:9187"),
    FaultyFile(
        "an admin endpoint that is nothing", portals + sinks + "admin: { listen: run/admin.sock }\n",
        ["3:18 admin.listen: neither the path of a socket nor an address with a port"]),
    FaultyFile(
        "an admin endpoint without a place", portals + sinks + "admin: {}\n", ["3:1 admin.listen: missing"],
        cure: "or off"),
    FaultyFile(
        "an admin endpoint with port 0", portals + sinks + "admin: { listen: 'localhost:0' }\n",
        ["3:18 admin.listen: not a port"], cure: "1 to 65535"),
    FaultyFile(
        "a heartbeat that is too fast", access("    heartbeat: 1s\n"),
        ["6:16 portals.acme.heartbeat: 1s is out of bounds"], cure: "10s to 1h"),
    FaultyFile(
        "a heartbeat that would never be heard", access("    channels: [shared]\n    heartbeat: 5m\n"),
        ["7:16 portals.acme.heartbeat: heartbeats come through the private channel"], cure: "private"),
    FaultyFile(
        "a heartbeat where nobody may publish", portal("    webhook: { env: W }\n    heartbeat: 5m\n"),
        ["6:16 portals.acme.heartbeat: an incoming webhook cannot publish events"], cure: "oauth:"),

    // The file as a whole.
    FaultyFile("an empty file says nothing", "", ["1:1 : the file is empty"], cure: "portals: and sinks:"),
    FaultyFile("a file of comments says nothing", "# portals:\n", ["1:1 : the file is empty"]),
    FaultyFile("the file is a map", "- portals\n", ["1:1 : expected a map, found a list"]),
    FaultyFile("portals are missing", sinks, ["1:1 portals: missing"], cure: "write portals:"),
    FaultyFile("sinks are missing", portals, ["1:1 sinks: missing"], cure: "stdout"),
    FaultyFile(
        "an unknown key at the top", portals + sinks + "sink: {}\n", ["3:1 sink: unknown key"],
        cure: "did you mean sinks? allowed here: state, portals, sinks, journal, admin, log"),
    FaultyFile("a key of another version", portals + sinks + "tracing: {}\n", ["3:1 tracing: unknown key"]),
    FaultyFile(
        "the same key twice", portals + sinks + "log: {}\nlog: {}\n",
        ["3:1 log: this key is there twice in the same map; here is the first"], cure: "keep one"),
    FaultyFile(
        "the same portal twice", sinks + "portals:\n  acme: {}\n  acme: {}\n",
        ["3:3 acme: this key is there twice in the same map; here is the first"]),
    FaultyFile(
        "a tab as indentation", "sinks:\n\tx: 1\n",
        ["2:1 : not YAML: found character that cannot start any token"]),
    FaultyFile("a bracket that is not closed", "sinks: [a\n", ["2:1 : not YAML: did not find expected ',' or ']'"]),
    FaultyFile(
        "a second document", portals + sinks + "---\nlog: {}\n", ["3:1 : not YAML: but found another document"]),
    FaultyFile("an alias of nothing", "sinks: *nothing\n", ["1:8 : not YAML: found undefined alias"]),
    FaultyFile(
        "a control character", "sinks:\n  a\u{1}: {}\n", ["2:4 : not YAML: control characters are not allowed"],
        cure: "remove the control character"),

    // State and log.
    FaultyFile(
        "a state directory that is not absolute", portals + sinks + "state: var/lib/pulld\n",
        ["3:8 state: the path is not absolute"], cure: "begin it with /"),
    FaultyFile("a number for a path", portals + sinks + "state: 12\n", ["3:8 state: expected a text, found a number"]),
    FaultyFile(
        "a key without value", portals + sinks + "state:\n", ["3:7 state: expected a text, found nothing"]),
    FaultyFile("an empty text", portals + sinks + "state: ''\n", ["3:8 state: the text is empty"]),
    FaultyFile(
        "an unknown level", portals + sinks + "log: { level: warn }\n", ["3:15 log.level: “warn” is not known here"],
        cure: "allowed: trace, debug, info, notice, warning"),
    FaultyFile(
        "a misspelt format", portals + sinks + "log: { format: jsno }\n",
        ["3:16 log.format: “jsno” is not known here"], cure: "did you mean json?"),
    FaultyFile(
        "a truth value for a word", portals + sinks + "log: { level: true }\n",
        ["3:15 log.level: expected a text, found true or false"]),
    FaultyFile("a list for a map", portals + sinks + "log: [info]\n", ["3:6 log: expected a map, found a list"]),

    FaultyFile(
        "a size without unit", portals + sinks + "journal: { size: 100 }\n", ["3:18 journal.size: not a size"],
        cure: "100 MiB"),
    FaultyFile(
        "a journal that is too small", portals + sinks + "journal: { size: 4 KiB }\n",
        ["3:18 journal.size: 4 KiB is out of bounds"], cure: "1 MiB to 1 TiB"),

    // Portals.
    FaultyFile(
        "an unknown start", access("    start: latest\n"), ["6:12 portals.acme.start: “latest” is not known here"],
        cure: "now, retained"),
    FaultyFile(
        "audits too often", access("    audit: { interval: 1s }\n"),
        ["6:24 portals.acme.audit.interval: 1s is out of bounds"], cure: "10s to 1h"),
    FaultyFile(
        "a word for audits", access("    audit: often\n"), ["6:12 portals.acme.audit: expected a map, found a text"],
        cure: "off"),
    FaultyFile(
        "quotes round true", access("    json_rpc: 'true'\n"),
        ["6:15 portals.acme.json_rpc: expected true or false, found a text"]),
    FaultyFile(
        "half a request limit", access("    request_limit: { burst: 5 }\n"),
        ["6:5 portals.acme.request_limit.per_second: missing"]),
    FaultyFile("no portal at all", sinks + "portals: {}\n", ["2:10 portals: there is no portal"]),
    FaultyFile("a list of portals", sinks + "portals: [acme]\n", ["2:10 portals: expected a map, found a list"]),
    FaultyFile(
        "a portal without anything", sinks + "portals:\n  acme:\n", ["3:8 portals.acme: expected a map, found nothing"]),
    FaultyFile(
        "a portal's name with a blank",
        sinks + "portals:\n  my acme: { url: https://a.example, oauth: { access_token: { env: T } } }\n",
        ["3:3 portals.my acme: “my acme” cannot be the name of a portal"]),
    FaultyFile(
        "a portal's name that begins with a dash",
        sinks + "portals:\n  -acme: { url: https://a.example, oauth: { access_token: { env: T } } }\n",
        ["3:3 portals.-acme: “-acme” cannot be the name of a portal"]),
    FaultyFile(
        "a portal without address", sinks + "portals:\n  acme:\n    oauth: { access_token: { env: T } }\n",
        ["3:3 portals.acme.url: missing"], cure: "url: https://"),
    FaultyFile(
        "a portal without access", sinks + "portals:\n  acme:\n    url: https://a.example\n",
        ["3:3 portals.acme: nothing says how to get in"], cure: "oauth:"),
    FaultyFile(
        "a portal with two kinds of access", access("    webhook: { env: W }\n"),
        ["6:14 portals.acme.webhook: a portal has oauth or webhook, not both"]),
    FaultyFile(
        "a misspelt key of a portal", access("    chanels: [shared]\n"), ["6:5 portals.acme.chanels: unknown key"],
        cure: "did you mean channels?"),
    FaultyFile(
        "a portal by plain http", sinks + "portals: {acme: {url: 'http://acme.example', webhook: {env: W}}}\n",
        ["2:23 portals.acme.url: a portal is reached by https; http is allowed for a loopback host only"]),
    FaultyFile(
        "a host that only looks like loopback",
        sinks + "portals: {acme: {url: 'http://127.0.0.1.example', webhook: {env: W}}}\n",
        ["2:23 portals.acme.url: a portal is reached by https; http is allowed for a loopback host only"]),
    FaultyFile(
        "a portal's address with a path",
        sinks + "portals: {acme: {url: 'https://acme.example/rest/', webhook: {env: W}}}\n",
        ["2:23 portals.acme.url: only the address is wanted here, without path or query"]),
    FaultyFile(
        "a portal's address without scheme", sinks + "portals: {acme: {url: acme.example, webhook: {env: W}}}\n",
        ["2:23 portals.acme.url: not an address"]),
    FaultyFile(
        "a password in an address",
        sinks + "portals: {acme: {url: 'https://me:hunter2@acme.example', webhook: {env: W}}}\n",
        ["2:23 portals.acme.url: an address here cannot hold a user or password"]),
    FaultyFile(
        "a port out of range", sinks + "portals: {acme: {url: 'https://a.example:70000', webhook: {env: W}}}\n",
        ["2:23 portals.acme.url: not an address"]),
    FaultyFile(
        "an unknown channel", access("    channels: [shared, public]\n"),
        ["6:24 portals.acme.channels[1]: “public” is not known here"], cure: "allowed: shared, private"),
    FaultyFile(
        "the same channel twice", access("    channels: [shared, shared]\n"),
        ["6:24 portals.acme.channels[1]: shared is there twice"]),
    FaultyFile("no channel", access("    channels: []\n"), ["6:15 portals.acme.channels: no channel"]),
    FaultyFile(
        "a text for a list", access("    channels: shared\n"),
        ["6:15 portals.acme.channels: expected a list, found a text"], cure: "[a, b]"),
    FaultyFile(
        "an unknown transport", access("    transport: websockets\n"),
        ["6:16 portals.acme.transport: “websockets” is not known here"], cure: "did you mean websocket?"),
    FaultyFile(
        "authorities by a relative path", access("    tls: { ca_file: ca.pem }\n"),
        ["6:21 portals.acme.tls.ca_file: the path is not absolute"]),
    FaultyFile(
        "tls without anything", access("    tls: {}\n"), ["6:5 portals.acme.tls.ca_file: missing"]),
    FaultyFile(
        "a proxy without scheme", access("    proxy: proxy:3128\n"),
        ["6:12 portals.acme.proxy: not the address of a proxy"]),
    FaultyFile(
        "a proxy with a password", access("    proxy: http://me:hunter2@proxy:3128\n"),
        ["6:12 portals.acme.proxy: a proxy's password does not belong into this file"], cure: "{ credential: NAME }"),
    FaultyFile(
        "a duration without unit", access("    refresh_margin: 600\n"),
        ["6:21 portals.acme.refresh_margin: “600” is not a duration"], cure: "such as 10m"),
    FaultyFile(
        "a duration out of bounds", access("    refresh_margin: 1s\n"),
        ["6:21 portals.acme.refresh_margin: 1s is out of bounds"], cure: "10s to 24h"),
    FaultyFile(
        "a duration beyond all numbers", access("    refresh_margin: 9223372036854775807d\n"),
        ["6:21 portals.acme.refresh_margin: “9223372036854775807d” is not a duration"]),

    // Authorisation and secrets.
    FaultyFile(
        "an authorisation without secrets", portal("    oauth: { client_id: local.1 }\n"),
        ["5:5 portals.acme.oauth.client_secret: missing"]),
    FaultyFile(
        "a refresh token without application", oauth("      refresh_token: { env: R }\n"),
        ["5:5 portals.acme.oauth.client_id: missing", "5:5 portals.acme.oauth.client_secret: missing"]),
    FaultyFile(
        "a client id that reads as a number", oauth("      client_id: 12345\n"),
        ["7:18 portals.acme.oauth.client_id: expected a text, found a number"], cure: "put quotes round it"),
    FaultyFile(
        "a secret in the file", oauth("      client_secret: hunter2\n"),
        ["7:22 portals.acme.oauth.client_secret: a secret does not belong into this file"],
        cure: "write { credential: NAME }, { file: /PATH } or { env: NAME }"),
    FaultyFile(
        "an unknown place of a secret", oauth("      client_secret: { vault: x }\n"),
        ["7:24 portals.acme.oauth.client_secret.vault: unknown key"], cure: "credential, file, env"),
    FaultyFile(
        "a secret from two places", oauth("      client_secret: { env: A, file: /b }\n"),
        ["7:22 portals.acme.oauth.client_secret: a secret comes from one place"]),
    FaultyFile(
        "a secret from nowhere", oauth("      client_secret: {}\n"),
        ["7:22 portals.acme.oauth.client_secret: names no place"]),
    FaultyFile(
        "a credential with a path", oauth("      client_secret: { credential: ../x }\n"),
        ["7:36 portals.acme.oauth.client_secret.credential: not such a name"]),
    FaultyFile(
        "a secret's file by a relative path", oauth("      client_secret: { file: x }\n"),
        ["7:30 portals.acme.oauth.client_secret.file: the path is not absolute"]),
    FaultyFile(
        "an environment variable with a dollar", oauth("      client_secret: { env: $X }\n"),
        ["7:29 portals.acme.oauth.client_secret.env: not such a name"]),
    FaultyFile(
        "an authorisation server by http", oauth("      server: http://oauth.example\n"),
        [
            "7:15 portals.acme.oauth.server: an authorisation server is reached by https; "
                + "http is allowed for a loopback host only"
        ]),

    // Sinks.
    FaultyFile("no sink at all", portals + "sinks: {}\n", ["2:8 sinks: there is no sink"]),
    FaultyFile(
        "a sink without target", sink("    include: ['*']\n"), ["3:3 sinks.app: nothing says where to"],
        cure: "file:, webhook: or stdout:"),
    FaultyFile(
        "a sink with two targets", sink("    stdout: {}\n    file: { path: /x }\n"),
        ["4:13 sinks.app.stdout: a sink has one of file, webhook and stdout"]),
    FaultyFile(
        "a key under stdout", sink("    stdout: { path: /x }\n"), ["4:15 sinks.app.stdout.path: unknown key"]),
    FaultyFile(
        "stdout without value", sink("    stdout:\n"), ["4:12 sinks.app.stdout: expected a map, found nothing"],
        cure: "stdout: {}"),
    FaultyFile(
        "a file without path", sink("    file: {}\n"), ["4:5 sinks.app.file.path: missing"], cure: "path: /PATH"),
    FaultyFile(
        "a key of a later version", sink("    file: { path: /x, fsync: true }\n"),
        ["4:23 sinks.app.file.fsync: unknown key"]),
    FaultyFile(
        "a portal that is not there", sink("    stdout: {}\n    portals: [acne]\n"),
        ["5:15 sinks.app.portals[0]: “acne” is no portal of this file"], cure: "did you mean acme?"),
    FaultyFile(
        "a pattern without slash", sink("    stdout: {}\n    include: [application]\n"),
        ["5:15 sinks.app.include[0]: “application” can match nothing"], cure: "application/*"),
    FaultyFile(
        "a pattern with a blank", sink("    stdout: {}\n    exclude: ['im/ *']\n"),
        ["5:15 sinks.app.exclude[0]: a pattern has no blanks"]),
    FaultyFile(
        "two sinks into one file",
        portals + "sinks:\n  a: { file: { path: /x } }\n  b: { file: { path: /x } }\n",
        ["4:3 sinks.b: writes to the same place as the sink a"]),
    FaultyFile(
        "two sinks on standard output", portals + "sinks:\n  a: { stdout: {} }\n  b: { stdout: {} }\n",
        ["4:3 sinks.b: writes to the same place as the sink a"]),

    // Several at once.
    FaultyFile(
        "all problems of a file are found, in its order",
        "log: { level: loud }\nsinks:\n  app: { stdou: {} }\nstat: x\nportals:\n  acme: { url: 1 }\n",
        [
            "1:15 log.level: “loud” is not known here", "3:3 sinks.app: nothing says where to",
            "3:10 sinks.app.stdou: unknown key", "4:1 stat: unknown key",
            "6:3 portals.acme: nothing says how to get in", "6:16 portals.acme.url: expected a text, found a number",
        ]),
]

@Suite("Faulty configuration files")
struct FaultyFilesTests {
    @Test("each fault is reported at its line and column, with its key", arguments: faultyFiles + faultyWebhooks)
    func fault(_ file: FaultyFile) {
        let error = #expect(throws: SettingsError.self) {
            try Settings.parse(Array(file.text.utf8), file: "pulld.yaml")
        }
        let problems = (error?.problems ?? []).map { "\($0.line):\($0.column) \($0.key): \($0.message)" }
        #expect(problems == file.problems)
        #expect(error?.problems.first?.cure.contains(file.cure) == true || file.cure.isEmpty)
        #expect(error?.problems.allSatisfy { $0.file == "pulld.yaml" && !$0.cure.isEmpty } == true)
    }

    @Test("no problem repeats a secret that was written into the file", arguments: faultyFiles + faultyWebhooks)
    func noSecret(_ file: FaultyFile) {
        let error = #expect(throws: SettingsError.self) {
            try Settings.parse(Array(file.text.utf8), file: "pulld.yaml")
        }
        #expect(error?.description.contains("hunter2") == false)
        #expect(error?.description.contains("whsec_") == false)
    }

    @Test("a description has one problem a line, as compilers write it")
    func description() {
        let problems = [
            SettingsProblem(
                file: "a.yaml", line: 3, column: 5, key: "sinks.app", message: "wrong", cure: "write it right"),
            SettingsProblem(file: "a.yaml", line: 0, column: 0, key: "", message: "cannot be read", cure: ""),
        ]
        let expected = "a.yaml:3:5: sinks.app: wrong; write it right\na.yaml: cannot be read"
        #expect(SettingsError(problems: problems).description == expected)
    }

    @Test("bytes that are no UTF-8 are refused")
    func notText() {
        let error = #expect(throws: SettingsError.self) { try Settings.parse([0x61, 0xFF], file: "a.yaml") }
        #expect(error?.problems.map(\.message) == ["not text in UTF-8"])
    }

    @Test("nesting without end is a problem and no crash")
    func deepNesting() {
        let text = "portals: " + String(repeating: "[", count: 200_000)
        #expect(throws: SettingsError.self) { try Settings.parse(Array(text.utf8), file: "a.yaml") }
    }
}

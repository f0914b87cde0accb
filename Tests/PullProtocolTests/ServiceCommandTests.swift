import Events
import PullProtocol
import Secrets
import Testing

struct ServiceCommandTests {
    static let expired = """
        {"action":"reconnect","channel":{"id":"\(Vectors.privateHex).\(Vectors.privateSignature)",\
        "type":"local.0123456789abcd.01234567"}}
        """

    private func parse(
        _ module: String, _ command: String, _ params: String = "{}", extra: String = "",
        sender: Sender.Kind = .unknown
    ) -> ServiceCommand? {
        var event = Event()
        var bytes = Array("{".utf8)
        event.shape = .object
        let parts = [
            (\Event.module, module), (\Event.command, command), (\Event.params, params), (\Event.extra, extra),
        ]
        for (path, text) in parts {
            event[keyPath: path] = ByteRange(bytes.count..<(bytes.count + text.utf8.count))
            bytes += Array(text.utf8)
        }
        if sender != .unknown { event.sender = Sender(kind: sender) }
        return bytes.withUnsafeBytes { ServiceCommand.parse(event: event, in: $0) }
    }

    @Test(
        "A channel that expires is known by its first 32 digits, in any case of the words (V1, V2)",
        arguments: [("pull", "channel_expire"), ("PULL", "CHANNEL_EXPIRE"), ("Pull", "Channel_Expire")])
    func channelExpire(module: String, command: String) throws {
        for sender in [Sender.Kind.unknown, .backend] {
            let found = try #require(parse(module, command, Self.expired, sender: sender))
            #expect(found == .channelExpire(id: Secret(Vectors.privateHex)))
            let effect = found.effect(current: Vectors.ids(Vectors.privateID, Vectors.sharedID))
            #expect(effect == .refetch(after: 0.5...3, isLimited: false))
        }
    }

    @Test(
        "When a channel was replaced is read from what the portal adds to each message",
        arguments: [
            (#"{"server_time_unix":1700000000.123}"#, 1_700_000_000),
            (#"{"server_time_unix":"1700000001"}"#, 1_700_000_001),
            (#"{"server_time":"2023-11-14T22:13:22+00:00"}"#, 1_700_000_002), (#"{"server_time_unix":1e30}"#, nil),
            (#"{"server_time_unix":[]}"#, nil), ("[", nil), ("", nil),
        ] as [(String, Int64?)])
    func sentAt(extra: String, time: Int64?) throws {
        let found = try #require(parse("pull", "channel_expire", Self.expired, extra: extra))
        #expect(found == .channelExpire(id: Secret(Vectors.privateHex), sentAt: time))
    }

    @Test(
        "Clients cannot give service commands (V3)",
        arguments: ["channel_expire", "config_expire", "server_restart", "open"])
    func clients(command: String) {
        #expect(parse("pull", command, Self.expired, sender: .client) == nil)
    }

    @Test("An unknown channel brings about one limited request, one of the overlap none (V4)")
    func unknownChannel() throws {
        let found = try #require(parse("pull", "channel_expire", Self.expired))
        let shared = Vectors.ids(Vectors.sharedID)
        #expect(found.effect(current: shared) == .refetch(after: 0.5...3, isLimited: true))
        #expect(found.effect(current: shared, former: Vectors.ids(Vectors.privateID)) == .nothing)
    }

    @Test(
        "Expired configurations and restarts: after 10 to 120 s (V5, V6, V10)",
        arguments: [("config_expire", "[]"), ("server_restart", "{}"), ("CONFIG_EXPIRE", ""), ("config_expire", "\"x")])
    func later(command: String, params: String) throws {
        let found = try #require(parse("pull", command, params))
        #expect(found.effect(current: []) == .refetch(after: 10...120, isLimited: false))
    }

    @Test("Commands for the oldest servers do nothing (V7)", arguments: ["reopen", "open", "open_exists", "OPEN"])
    func noOperation(command: String) {
        #expect(parse("pull", command, "[]") == .noOperation)
        #expect(ServiceCommand.noOperation.effect(current: []) == .nothing)
    }

    @Test(
        "Everything else is an ordinary message (V8)",
        arguments: [
            ("application", "channel_expire"), ("pul", "channel_expire"), ("pulll", "channel_expire"),
            ("", "channel_expire"),
            ("pull", ""), ("pull", "channel_expired"), ("pull", "channel-expire"), ("online", "user_status"),
            ("pull", "user_counter"), ("pu\u{130}l", "open"), ("p\\u0075", "open"), ("pull", "\u{212A}onfig_expire"),
        ])
    func ordinary(module: String, command: String) {
        #expect(parse(module, command, Self.expired) == nil)
    }

    @Test(
        "Without a readable id there is still one limited request (V9)",
        arguments: [
            "\"x\"", "", "[]", "{}", "{\"channel\":[]}", "{\"channel\":{\"id\":7}}", "{\"channel\":{\"id\":\"\"}}",
            "{\"channel\":{\"id\":\".x\"}}", "{\"channel\":{\"id\":\"a/b\"}}", "{\"channel\":",
            "{\"channel\":{\"id\":null}}",
            "{\"x\":\"" + String(repeating: "y", count: 70_000) + "\"}",
        ])
    func unreadable(params: String) throws {
        let found = try #require(parse("pull", "channel_expire", params))
        #expect(found == .channelExpire(id: nil))
        #expect(found.effect(current: Vectors.ids(Vectors.privateID)) == .refetch(after: 0.5...3, isLimited: true))
    }

    @Test("Only objects are looked at, and ranges outside the bytes are nothing")
    func badEvents() {
        var event = Event()
        event.module = ByteRange(start: 0, end: 4)
        event.command = ByteRange(start: 4, end: 8)
        let bytes = Array("pullopen".utf8)
        #expect(bytes.withUnsafeBytes { ServiceCommand.parse(event: event, in: $0) } == nil)
        event.shape = .object
        #expect(bytes.withUnsafeBytes { ServiceCommand.parse(event: event, in: $0) } == .noOperation)
        event.command = ByteRange(start: 4, end: 900)
        #expect(bytes.withUnsafeBytes { ServiceCommand.parse(event: event, in: $0) } == nil)
        event.module = ByteRange(start: .max - 4, end: .max)
        #expect(bytes.withUnsafeBytes { ServiceCommand.parse(event: event, in: $0) } == nil)
        event.module = ByteRange(start: 9, end: 5)
        #expect(bytes.withUnsafeBytes { ServiceCommand.parse(event: event, in: $0) } == nil)
    }

    @Test("A command never prints the channel's id")
    func silence() throws {
        let found = try #require(parse("pull", "channel_expire", Self.expired))
        #expect(!"\(found)".contains("0011"))
    }
}

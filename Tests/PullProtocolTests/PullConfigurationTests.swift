import Events
import PullProtocol
import Secrets
import Testing

/// One reading of an answer: what it must give.
struct Reading: Sendable, CustomTestStringConvertible {
    var id: String
    var body: String
    var version = 4
    var mode = PullConfiguration.Mode.personal
    var webSocket: String? = "wss://h.test/s/"
    var longPolling: String? = "https://h.test/s/"
    var kinds: [ChannelKind] = [.private, .shared]
    var end: Int64 = 1_709_276_405

    var testDescription: String { id }
}

struct PullConfigurationTests {
    static let now = 1_709_270_000.5
    static let server = """
        "server":{"version":4,"server_enabled":true,"websocket_secure":"wss://h.test/s/",\
        "long_pooling_secure":"https://h.test/s/"}
        """
    static let channels = """
        "channels":{"shared":{"id":"x.y","end":1709276405},\
        "private":{"id":"a:b.c","public_id":"b.d","end":"1709276405"}}
        """

    static func decode(_ body: String) throws(ConfigurationError) -> PullConfiguration {
        try .decode(Array(body.utf8), portalHost: "portal.test", now: now)
    }

    static func error(_ body: String) -> ConfigurationError? {
        do {
            _ = try decode(body)
            return nil
        } catch {
            return error
        }
    }

    static func result(_ members: String...) -> String {
        "{\"result\":{\(members.joined(separator: ","))}}"
    }

    static let documented = """
        {"result":{"server":{"version":4,"server_enabled":true,"long_polling":"http://rt.bitrix24.com/sub/",
        "long_polling_secure":"https://rt.bitrix24.com/sub/","websocket_enabled":true,
        "websocket":"ws://rt.bitrix24.com/sub/",
        "websocket_secure":"wss://rt.bitrix24.com/sub/","publish_enabled":true,"publish":"http://rt.bitrix24.com/rest/",
        "publish_secure":"https://rt.bitrix24.com/rest/"},"channels":{"shared":{
        "id":"1b4b9e4a9a3c6bcb1d4e8b2e9d9e0d4f.5b1c6b8a3c1ee0ff0d2c5bd63a5c44f8e2d1a0b9",
        "start":"2017-06-28T12:04:00+02:00",        "end":"2017-06-29T00:04:00+02:00","type":"shared"},"private":{
        "id":"f1e2d3c4b5a69788796a5b4c3d2e1f0:ffeeddccbbaa99887766554433221100.1183164a0f0b588992d4c83dc49e68ec008b18",
        "start":"2017-06-28T09:57:48+02:00","end":"2017-06-28T21:57:48+02:00","type":"private"}}},
        "time":{"start":1498644240.5,"date_start":"2017-06-28T12:04:00+02:00"}}
        """

    static let readings: [Reading] = [
        Reading(
            id: "C1: the documentation's example; a private id with 31 digits is no error", body: documented,
            webSocket: "wss://rt.bitrix24.com/sub/", longPolling: "https://rt.bitrix24.com/sub/", end: 1_498_679_868),
        Reading(
            id: "C2: numbers as strings and strings as numbers",
            body: """
                {"result":{"server":{"version":"4","server_enabled":"Y","websocket_enabled":1,\
                "websocket_secure":"wss://h.test/s/","long_pooling_secure":"https://h.test/s/"},"channels":\
                {"shared":{"id":"x.y","start":"1709276400","end":1709276405,"type":"shared"}}}}
                """, kinds: [.shared]),
        Reading(
            id: "C3: of both spellings the one that is not empty",
            body: result(
                """
                "server":{"version":4,"websocket_secure":"wss://h.test/s/","long_pooling_secure":"",\
                "long_polling_secure":"https://h.test/s/"}
                """, channels)),
        Reading(
            id: "C5: an empty list for a missing channel",
            body: result(server, "\"channels\":{\"shared\":[],\"private\":{\"id\":\"a:b.c\",\"end\":1709276405}}"),
            kinds: [.private]),
        Reading(id: "C6: public channels false", body: result(server, channels, "\"publicChannels\":false")),
        Reading(id: "C6: public channels []", body: result(server, channels, "\"publicChannels\":[]")),
        Reading(id: "C6: public channels {}", body: result(server, channels, "\"publicChannels\":{}")),
        Reading(id: "C6: no public channels", body: result(server, channels)),
        Reading(
            id: "C11: an end that cannot be read is 12 hours ahead",
            body: result(server, "\"channels\":{\"shared\":{\"id\":\"x.y\",\"end\":\"soon\"}}"), kinds: [.shared],
            end: 1_709_313_200),
        Reading(
            id: "C12: the earliest of all ends counts",
            body: result(
                server, "\"exp\":1775052318",
                "\"channels\":{\"shared\":{\"id\":\"x.y\",\"end\":\"2026-04-01T05:05:23+02:00\"}}"),
            kinds: [.shared], end: 1_775_012_723),
        Reading(
            id: "C12: the configuration's own end if it is earlier",
            body: result(server, channels, "\"exp\":\"1709276000\""),
            end: 1_709_276_000),
        Reading(
            id: "C14: version 5 with a token alone",
            body: result(
                "\"server\":{\"version\":5,\"websocket_secure\":\"wss://h.test/s/\"}", "\"jwt\":\"a.b.c\"",
                "\"channels\":[]"),
            version: 5, longPolling: nil, kinds: [], end: 1_709_313_200),
        Reading(
            id: "WebSocket switched off",
            body: result(
                server.replacing("\"version\":4", with: "\"version\":3,\"websocket_enabled\":\"N\""), channels),
            version: 3, webSocket: nil),
        Reading(
            id: "no version, ids with a public half: 4",
            body: result(server.replacing("\"version\":4,", with: ""), channels)),
        Reading(
            id: "no version, plain ids: 3",
            body: result(
                server.replacing("\"version\":4,", with: ""),
                "\"channels\":{\"shared\":{\"id\":\"x\",\"end\":1709276405}}"),
            version: 3, kinds: [.shared]),
        Reading(
            id: "the portal's own host is put in",
            body: result(server.replacing("h.test", with: "#DOMAIN#"), channels),
            webSocket: "wss://portal.test/s/", longPolling: "https://portal.test/s/"),
        Reading(
            id: "a secure address goes before a plain one on loopback",
            body: result(server.replacing("{\"v", with: "{\"websocket\":\"ws://localhost/\",\"v"), channels)),
    ]

    @Test("An answer is read as it is meant", arguments: readings)
    func reads(_ reading: Reading) throws {
        let configuration = try Self.decode(reading.body)
        #expect(configuration.version == reading.version)
        #expect(configuration.mode == reading.mode)
        #expect(configuration.isEnabled)
        #expect(configuration.webSocketURL == reading.webSocket)
        #expect(configuration.longPollingURL == reading.longPolling)
        #expect(configuration.channels.map(\.kind) == reading.kinds)
        #expect(configuration.earliestEnd == reading.end)
    }

    @Test("Plain addresses are taken on loopback only, and only of a portal that is on loopback itself")
    func plainAddresses() throws {
        let server =
            "\"server\":{\"version\":4,\"websocket\":\"ws://127.0.0.1/s/\",\"long_polling\":\"http://h.test/s/\"}"
        let body = "{\"result\":{\(server),\(Self.channels)}}"
        let local = try PullConfiguration.decode(Array(body.utf8), portalHost: "127.0.0.1", now: Self.now)
        #expect(local.webSocketURL == "ws://127.0.0.1/s/")
        #expect(local.longPollingURL == nil)
        #expect(Self.error(body)?.code == .insecureURL)
    }

    @Test("The other members of an answer")
    func details() throws {
        let documented = try Self.decode(Self.documented)
        #expect(documented.portalTime == 1_498_644_240)
        #expect(documented.payloadMode == .binary)
        let channels = try Self.decode(Self.result(Self.server, Self.channels)).channels
        #expect(channels.first?.publicID?.exposed == "b.d")
        let shared = try Self.decode(
            Self.result(
                Self.server.replacing(
                    "\"version\"", with: "\"mode\":\"shared\",\"config_timestamp\":\"7\",\"version\""),
                Self.channels, "\"clientId\":12345"))
        #expect(shared.mode == .shared)
        #expect(shared.clientID?.exposed == "12345", "C10")
        #expect(shared.timestamp == 7)
        // {"exp":1709273600}: the token wants to be renewed five minutes before its end.
        let token = "\"jwt\":\"e30.eyJleHAiOjE3MDkyNzM2MDB9.x\""
        let withToken = try Self.decode(Self.result(Self.server, Self.channels, token))
        #expect(withToken.jwtExpiry == 1_709_273_600)
        #expect(withToken.earliestEnd == 1_709_273_300)
    }

    @Test(
        "The payload mode follows the version",
        arguments: [(1, PayloadMode.text), (2, .text), (3, .text), (4, .binary), (5, .jsonRPC), (6, .jsonRPC)])
    func payloadMode(version: Int, mode: PayloadMode) {
        #expect(PullConfiguration(version: version, earliestEnd: 0).payloadMode == mode)
    }

    @Test(
        "Real time switched off: no connection, and another look in ten minutes (C7)",
        arguments: ["false", "\"N\"", "0", "\"0\""])
    func disabled(value: String) throws {
        let off = Self.server.replacing("true", with: value)
        let configuration = try Self.decode(Self.result(off, "\"channels\":[]"))
        #expect(!configuration.isEnabled)
        #expect(TransportChoice.automatic.transport(for: configuration) == nil)
        #expect(throws: ConfigurationError.self) {
            try ConnectionURL.make(configuration, transport: .webSocket, position: .none)
        }
    }

    @Test(
        "What cannot be used is refused with its reason",
        arguments: [
            ("C4", result(server, "\"channels\":[]"), ConfigurationError.Code.noChannels),
            ("no channels at all", result(server), .noChannels),
            ("no id", result(server, "\"channels\":{\"shared\":{\"id\":\"\"}}"), .noChannels),
            ("a bad id", result(server, "\"channels\":{\"shared\":{\"id\":\"a/b\"}}"), .badChannelID),
            ("C10", result(server.replacing("{", with: "{\"mode\":\"shared\","), channels), .missingClientID),
            ("C13", "{\"result\":[]}", .unexpectedShape), ("C13", "{\"result\":false}", .unexpectedShape),
            ("C13", "{\"result\":null}", .unexpectedShape), ("C13", "<html>502</html>", .notJSON),
            ("C13", "", .notJSON),
            ("C13", "{\"result\":{\"server\":[]}}", .unexpectedShape), ("no object", "[1]", .unexpectedShape),
            (
                "only plain addresses",
                result("\"server\":{\"websocket\":\"ws://h.test/\",\"long_polling\":\"http://h.test/\"}", channels),
                .insecureURL
            ),
            (
                "a plain address under the secure name",
                result("\"server\":{\"websocket_secure\":\"ws://h.test/\"}", channels),
                .insecureURL
            ),
            ("no address", result("\"server\":{\"version\":4}", channels), .noURL),
            (
                "an address that could mean two hosts",
                result("\"server\":{\"websocket_secure\":\"wss://a@h.test/\"}", channels), .noURL
            ),
            (
                "C8",
                "{\"error\":\"SERVER_ERROR\",\"error_description\":\"Push & Pull server is not configured\"}",
                .rest(
                    RESTError(code: "server_error", explanation: "Push & Pull server is not configured", status: 200))
            ),
        ])
    func refused(id: String, body: String, code: ConfigurationError.Code) throws {
        let error = try #require(Self.error(body), "\(id)")
        #expect(error.code == code, "\(id)")
        #expect(!error.message.isEmpty && !error.cure.isEmpty)
    }

    @Test("Two configurations make the same connections if all that goes into them is the same")
    func comparison() throws {
        let one = try Self.decode(Self.result(Self.server, Self.channels))
        var other = one
        other.earliestEnd += 100
        other.portalTime = 5
        #expect(one.makesSameConnections(as: other))
        other.channels.removeLast()
        #expect(!one.makesSameConnections(as: other))
        other = one
        other.webSocketURL = "wss://other.test/"
        #expect(!one.makesSameConnections(as: other))
    }

    @Test("No answer cut at any byte makes it trap, and no secret of it is printed")
    func cuts() throws {
        let body = Array(Self.documented.utf8)
        for length in 0..<body.count {
            #expect(throws: ConfigurationError.self) {
                try PullConfiguration.decode(Array(body[..<length]), portalHost: "p.test", now: .nan)
            }
        }
        let configuration = try Self.decode(Self.documented)
        var dumped = "\(configuration)"
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("5b1c6b8a") && !dumped.contains("1183164a"))
    }
}

import Events
import Secrets
import Testing

@testable import PullProtocol

@Suite struct StoredConfigurationTests {
    private static func channel(_ kind: ChannelKind, _ id: String, publicID: Secret? = nil) -> Channel? {
        ChannelID(id).map { Channel(kind: kind, id: $0, publicID: publicID, end: 1_700_043_205) }
    }

    private static var full: PullConfiguration {
        PullConfiguration(
            version: 4, mode: .shared, webSocketURL: "wss://rt.example.test/subws/?x=1",
            longPollingURL: "https://rt.example.test/sub/",
            channels: [
                channel(.private, "aa:bb.\"cc\\é", publicID: "dd.ee"), channel(.shared, "ff.00"),
                channel(.unknown, "11.22"),
            ].compactMap { $0 },
            clientID: "client", jwt: "h.p.s", jwtExpiry: 1_700_000_001, expiry: 1_700_000_002, timestamp: -7,
            portalTime: 1_700_000_000.25, earliestEnd: .min)
    }

    /// With all that is known of its channels.
    private static var known: PullConfiguration {
        var configuration = full
        configuration.channels[0].start = 1_700_000_000
        configuration.channels[0].replacedAt = .min
        configuration.channels[1].pause = ChannelPause(nextStart: 1_700_100_000, nextEnd: .max)
        return configuration
    }

    private static var plain: PullConfiguration {
        PullConfiguration(
            version: 1, longPollingURL: "http://127.0.0.1:8080/sub/",
            channels: [channel(.private, "aa.bb")].compactMap { $0 }, earliestEnd: .max)
    }

    @Test("Every member comes back as it was", arguments: [full, known, plain])
    func roundTrip(configuration: PullConfiguration) {
        #expect(StoredConfiguration.decode(StoredConfiguration.encode(configuration)) == configuration)
    }

    @Test("Doubts are kept beside their channels, and are no part of the configuration")
    func doubts() throws {
        let id = try #require(MessageID("17000000000000000000000042"))
        let bytes = StoredConfiguration.encode(Self.full) { $0.kind == .shared ? id : nil }
        #expect(StoredConfiguration.decode(bytes) == Self.full)
        #expect(StoredConfiguration.doubts(bytes).values.map(\.self) == [id])
        #expect(StoredConfiguration.doubts(StoredConfiguration.encode(Self.full)).isEmpty)
        #expect(StoredConfiguration.doubts(Array("[".utf8)).isEmpty)
    }

    @Test("A configuration that is switched off, and one with a token in place of channels, come back too")
    func withoutChannels() {
        let off = PullConfiguration(version: 3, isEnabled: false, earliestEnd: 5)
        let token = PullConfiguration(version: 4, webSocketURL: "wss://a.test/", jwt: "t", earliestEnd: 5)
        for configuration in [off, token] {
            #expect(StoredConfiguration.decode(StoredConfiguration.encode(configuration)) == configuration)
        }
    }

    @Test("Cut or changed anywhere it is either nothing or a whole configuration, and never a trap")
    func damage() {
        let bytes = StoredConfiguration.encode(Self.known)
        for length in bytes.indices { #expect(StoredConfiguration.decode(Array(bytes.prefix(length))) == nil) }
        for index in bytes.indices {
            for change: UInt8 in [0x01, 0x20, 0x80] {
                var damaged = bytes
                damaged[index] ^= change
                let decoded = StoredConfiguration.decode(damaged)
                #expect(decoded?.channels.count ?? 3 == 3)
            }
        }
    }

    @Test("What is not known is ignored")
    func tolerant() {
        let text = String(decoding: StoredConfiguration.encode(Self.plain), as: UTF8.self)
        let longer = text.replacing(#"{"format":1"#, with: #"{"new":[{}],"format":1"#)
        #expect(StoredConfiguration.decode(Array(longer.utf8)) == Self.plain)
    }

    @Test("Files of before, without what is known of channels by now, are read")
    func older() throws {
        let text = """
            {"format":1,"version":4,"mode":"personal","enabled":true,"websocket":"wss://rt.example.test/subws/",
            "channels":[{"kind":"private","id":"aa.bb","end":1700043205}],"timestamp":0,"earliest_end":1700043205}
            """
        let channel = try #require(StoredConfiguration.decode(Array(text.utf8))?.channels.first)
        #expect(channel == Self.channel(.private, "aa.bb"))
    }

    @Test("A pause that cannot be is none, and costs nothing else")
    func impossiblePause() {
        let text = String(decoding: StoredConfiguration.encode(Self.known), as: UTF8.self)
        let part = #""pause":{"start":1700100000,"end":9223372036854775807}"#
        #expect(text.contains(part))
        for other in [#"{"start":2,"end":1}"#, #"{"start":2}"#, #"{"start":"1","end":2}"#, "[1]", "null"] {
            let decoded = StoredConfiguration.decode(Array(text.replacing(part, with: #""pause":\#(other)"#).utf8))
            #expect(decoded?.channels.count == 3 && decoded?.channels[1].pause == nil, "\(other)")
        }
    }

    @Test(
        "What no connection may be made from is nothing",
        arguments: [
            (#""format":1"#, #""format":2"#), (#""version":1"#, #""version":0"#),
            (#""version":1"#, #""version":99999999"#),
            (#""version":1"#, #""version":"1""#), (#""kind":"private""#, #""kind":"other""#), ("aa.bb", "aa/bb"),
            ("http://127.0.0.1:8080/sub/", "http://example.test/sub/"),
            ("http://127.0.0.1:8080/sub/", "ftp://127.0.0.1/"),
            ("http://127.0.0.1:8080/sub/", "https://u:p@example.test/"),
            (#""earliest_end":9223372036854775807"#, #""earliest_end":9223372036854775808"#),
            (#""mode":"personal""#, #""mode":"none""#), (#""enabled":true"#, #""enabled":1"#),
            (#"{"kind":"private","id":"aa.bb","end":1700043205}"#, ""),
        ])
    func refused(part: String, other: String) {
        let text = String(decoding: StoredConfiguration.encode(Self.plain), as: UTF8.self)
        #expect(text.contains(part))
        #expect(StoredConfiguration.decode(Array(text.replacing(part, with: other).utf8)) == nil)
    }

    @Test(
        "The push server's name is its host, with the port where that is not the usual one",
        arguments: [
            ("wss://RT.example.test/subws/", "https://other.test/", "rt.example.test"),
            ("wss://rt.example.test:443/", nil, "rt.example.test"),
            (nil, "https://rt.example.test/sub/", "rt.example.test"),
            (nil, "http://127.0.0.1:8080/sub/", "127.0.0.1:8080"), ("ws://127.0.0.1:443/", nil, "127.0.0.1:443"),
            ("wss://rt.example.test:8894/", nil, "rt.example.test:8894"), (nil, nil, ""), ("nonsense", nil, ""),
        ] as [(String?, String?, String)])
    func pushServer(webSocket: String?, longPolling: String?, expected: String) {
        let configuration = PullConfiguration(
            version: 4, webSocketURL: webSocket, longPollingURL: longPolling, earliestEnd: 0)
        #expect(configuration.pushServer == expected)
    }
}

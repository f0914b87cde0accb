import Events
import Foundation
import PullProtocol
import Secrets
import Testing

struct ConnectionURLTests {
    static let bothEncoded =
        "00112233445566778899aabbccddeeff%3Affeeddccbbaa99887766554433221100.030f4b5ca318adba16b7a49ba051da2f1b53574e"
        + "%2F0f1e2d3c4b5a69788796a5b4c3d2e1f0.1183164a0f0b588992d4c83dc49e68ec008b181b"

    static func configuration(
        version: Int = 4, mode: PullConfiguration.Mode = .personal, webSocketURL: String? = nil,
        longPollingURL: String? = nil, channels: [Channel] = Vectors.both, clientID: Secret? = nil, jwt: Secret? = nil
    ) -> PullConfiguration {
        PullConfiguration(
            version: version, mode: mode, webSocketURL: webSocketURL, longPollingURL: longPollingURL,
            channels: channels, clientID: clientID, jwt: jwt, earliestEnd: 1_700_043_205)
    }

    private func code(_ body: () throws -> ConnectionURL) -> ConfigurationError.Code? {
        do {
            _ = try body()
            return nil
        } catch {
            return (error as? ConfigurationError)?.code
        }
    }

    @Test("Version 4 without a position (U1)")
    func u1() throws {
        let configuration = Self.configuration(webSocketURL: "wss://rt.example.test/bitrix/subws/")
        let made = try ConnectionURL.make(configuration, transport: .webSocket, position: .none)
        let expected =
            "wss://rt.example.test/bitrix/subws/?CHANNEL_ID=\(Self.bothEncoded)&binaryMode=true&revision=19"
        #expect(made.url.exposed == expected)
        #expect(made.headers.isEmpty)
    }

    @Test("A shared server wants the client id, encoded, and the position (U2); logs see neither id (U9)")
    func u2() throws {
        let configuration = Self.configuration(
            mode: .shared, webSocketURL: "wss://rtc.example.test/subws/", clientID: "abc/+=1")
        let made = try ConnectionURL.make(configuration, transport: .webSocket, position: .message(Vectors.b))
        let expected =
            "wss://rtc.example.test/subws/?CHANNEL_ID=\(Self.bothEncoded)"
            + "&binaryMode=true&clientId=abc%2F%2B%3D1&mid=17000000000000000000000042&revision=19"
        #expect(made.url.exposed == expected)
        let redacted =
            "wss://rtc.example.test/subws/?CHANNEL_ID=***&binaryMode=true&clientId=***"
            + "&mid=17000000000000000000000042&revision=19"
        #expect(made.redacted == redacted)
        #expect(!"\(made)".contains("0011"))
    }

    @Test("Version 2 resumes by tag and time, in the query and in headers (U3)")
    func u3() throws {
        let configuration = Self.configuration(
            version: 2, longPollingURL: "https://rt.example.test/bitrix/sub/",
            channels: Vectors.channels(private: Vectors.privateHex, shared: Vectors.sharedHex))
        let time = "Tue, 14 Nov 2023 22:13:21 GMT"
        let position = try #require(Position(tag: "7", time: time))
        let made = try ConnectionURL.make(configuration, transport: .longPolling, position: position)
        let expected =
            "https://rt.example.test/bitrix/sub/?CHANNEL_ID=00112233445566778899aabbccddeeff"
            + "%2F0f1e2d3c4b5a69788796a5b4c3d2e1f0&tag=7&time=Tue%2C%2014%20Nov%202023%2022%3A13%3A21%20GMT&revision=19"
        #expect(made.url.exposed == expected)
        let headers = made.headers.map { [$0.name, $0.value] }
        #expect(headers == [["Cache-Control", "no-cache"], ["If-Modified-Since", time], ["If-None-Match", "7"]])
    }

    @Test("A token stands in for the channels (U4)")
    func u4() throws {
        let configuration = Self.configuration(
            version: 5, webSocketURL: "wss://rt5.example.test/ws/", jwt: "aaa.bbb.ccc")
        let made = try ConnectionURL.make(configuration, transport: .webSocket, position: .none)
        #expect(made.url.exposed == "wss://rt5.example.test/ws/?token=aaa.bbb.ccc&jsonRpc=true&revision=19")
        #expect(made.redacted == "wss://rt5.example.test/ws/?token=***&jsonRpc=true&revision=19")
    }

    @Test("Version 5 without a token sends the channels (C14)")
    func versionFiveWithoutToken() throws {
        let configuration = Self.configuration(version: 5, webSocketURL: "wss://h.test/")
        let made = try ConnectionURL.make(configuration, transport: .webSocket, position: .message(Vectors.a))
        let expected = "wss://h.test/?CHANNEL_ID=\(Self.bothEncoded)&jsonRpc=true&mid=\(Vectors.a)&revision=19"
        #expect(made.url.exposed == expected)
    }

    @Test("Version 3 knows no modes, and one channel stands alone (U5)")
    func u5() throws {
        let configuration = Self.configuration(
            version: 3, webSocketURL: "wss://rt.example.test/subws/",
            channels: Vectors.channels(shared: Vectors.sharedID))
        let made = try ConnectionURL.make(configuration, transport: .webSocket, position: .none)
        let expected = "wss://rt.example.test/subws/?CHANNEL_ID=\(Vectors.sharedID)&revision=19"
        #expect(made.url.exposed == expected)
    }

    @Test("Without client id, channels, address or permission there is no URL (U6, U8, C7)")
    func refusals() {
        let address = "wss://h.test/"
        let shared = Self.configuration(mode: .shared, webSocketURL: address)
        #expect(code { try .make(shared, transport: .webSocket, position: .none) } == .missingClientID)
        let empty = Self.configuration(webSocketURL: address, channels: [])
        #expect(code { try .make(empty, transport: .webSocket, position: .none) } == .noChannels)
        let plain = Self.configuration(webSocketURL: address)
        #expect(code { try .make(plain, transport: .longPolling, position: .none) } == .noURL)
        #expect(code { try .make(plain, transport: .webSocket, channels: [], position: .none) } == .noChannels)
        var disabled = plain
        disabled.isEnabled = false
        #expect(code { try .make(disabled, transport: .webSocket, position: .none) } == .disabled)
        #expect(ConfigurationError(code: .disabled, of: disabled)?.retryAfter == 600)
    }

    @Test(
        "A stored text that is no position is left out and reported (U7)",
        arguments: [
            "1700000000000000000000004f", "1700000000000000000000004", "170000000000000000000000421", "x", ";", "7;",
        ])
    func u7(text: String) throws {
        let (position, isUsable) = Position.stored(text)
        #expect(!isUsable)
        #expect(position == .none)
    }

    @Test("Positions survive being stored")
    func storedPositions() throws {
        let legacy = try #require(Position(tag: "7", time: "Tue, 14 Nov 2023 22:13:21 GMT"))
        for position in [Position.none, .message(Vectors.a), .retained, legacy] {
            #expect(Position.stored(position.stored) == (position, true))
        }
        #expect(Position(tag: "x", time: "t") == nil)
        #expect(Position(tag: "1", time: "a\r\nb") == nil)
        #expect(Position(tag: "1", time: "a;b") == nil)
        #expect(Position.retained.stored == "00000000000000000000000000", "M5")
    }

    @Test("A base with a query is gone on with (U10)")
    func u10() throws {
        for (base, start) in [
            ("https://rt.example.test/sub/?x=1", "https://rt.example.test/sub/?x=1&CHANNEL_ID="),
            ("https://rt.example.test/sub/?", "https://rt.example.test/sub/?CHANNEL_ID="),
            ("https://rt.example.test/sub/?x=1&", "https://rt.example.test/sub/?x=1&CHANNEL_ID="),
            ("https://rt.example.test/sub", "https://rt.example.test/sub?CHANNEL_ID="),
        ] {
            let configuration = Self.configuration(longPollingURL: base)
            let made = try ConnectionURL.make(configuration, transport: .longPolling, position: .none)
            #expect(made.url.exposed.hasPrefix(start))
            #expect(made.redacted.hasPrefix(start + "***"))
        }
    }

    @Test("The private channel comes first and no channel comes twice; a subset can be asked for; text mode too")
    func channels() throws {
        let shuffled = Array(Vectors.both.reversed()) + Vectors.both
        let configuration = Self.configuration(webSocketURL: "wss://h.test/", channels: shuffled)
        let all = try ConnectionURL.make(configuration, transport: .webSocket, position: .none, requestsBinary: false)
        #expect(all.url.exposed == "wss://h.test/?CHANNEL_ID=\(Self.bothEncoded)&revision=19")
        let subset = Vectors.channels(shared: Vectors.sharedID)
        let one = try ConnectionURL.make(configuration, transport: .webSocket, channels: subset, position: .none)
        #expect(one.url.exposed.contains("?CHANNEL_ID=\(Vectors.sharedID)&"))
    }

    @Test("A position of another kind of server is left out")
    func foreignPositions() throws {
        let legacy = try #require(Position(tag: "7", time: "t"))
        let four = Self.configuration(webSocketURL: "wss://h.test/")
        let made = try ConnectionURL.make(four, transport: .webSocket, position: legacy)
        #expect(!made.url.exposed.contains("tag="))
        let two = Self.configuration(version: 2, webSocketURL: "wss://h.test/")
        let other = try ConnectionURL.make(two, transport: .webSocket, position: .message(Vectors.a))
        #expect(!other.url.exposed.contains("mid="))
    }

    @Test("The encoder agrees with Foundation's over the same set of bare characters")
    func encoder() {
        var bare = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        bare.insert(charactersIn: "-_.!~*'()")
        var generator = SystemRandomNumberGenerator()
        for value in 0..<128 {
            let text = String(UnicodeScalar(UInt8(value)))
            #expect(ConnectionURL.encode(text) == text.addingPercentEncoding(withAllowedCharacters: bare))
        }
        for _ in 0..<2000 {
            let scalars = (0..<Int.random(in: 0...20, using: &generator)).compactMap { _ in
                Unicode.Scalar(
                    UInt32.random(in: 0...0x10FFFF, using: &generator) >> UInt32.random(in: 0...14, using: &generator))
            }
            let text = String(String.UnicodeScalarView(scalars))
            #expect(ConnectionURL.encode(text) == text.addingPercentEncoding(withAllowedCharacters: bare))
        }
    }
}

extension ConfigurationError {
    /// The error that a configuration brings about, if it is the expected one.
    fileprivate init?(code: Code, of configuration: PullConfiguration) {
        do {
            _ = try ConnectionURL.make(configuration, transport: .webSocket, position: .none)
            return nil
        } catch {
            guard error.code == code else { return nil }
            self = error
        }
    }
}

import Addresses
import Testing

@Suite struct LoopbackTests {
    @Test(
        "Loopback is this machine and nothing that looks like it",
        arguments: [
            ("localhost", true), ("LOCALHOST", true), ("127.0.0.1", true), ("127.255.0.3", true), ("::1", true),
            ("[::1]", true), ("0:0:0:0:0:0:0:1", true), ("128.0.0.1", false), ("::2", false),
            ("127.0.0.1.nip.io", false), ("127.example", false), ("localhost.test", false), ("evil.localhost", false),
            ("localhost.", false), ("127.1", false), ("2130706433", false), ("0.0.0.0", false), ("::", false),
            ("", false), ("[]", false), ("[", false), ("[::1", false), ("[127.0.0.1]", false), ("[localhost]", false),
            ("::ffff:10.0.0.1", false), ("::ffff:127.0.0.1", false),
        ])
    func hosts(host: String, expected: Bool) {
        #expect(isLoopback(host: host) == expected)
    }

    @Test(
        "An address is this machine's by its host alone",
        arguments: [
            "http://localhost/", "http://LOCALHOST:80", "http://127.0.0.1", "http://127.255.0.9:1/x?y",
            "http://[::1]:8080/", "http://[0:0:0:0:0:0:0:1]/",
        ])
    func loopback(text: String) throws {
        let address = try #require(WebAddress(text))
        #expect(address.isLoopback)
    }

    @Test(
        "No other address is this machine's",
        arguments: [
            "http://127.0.0.1.example", "http://localhost.example", "http://10.0.0.1", "http://[::2]", "http://0.0.0.0",
            "http://127.1", "http://2130706433", "http://[::ffff:127.0.0.1]", "http://localhost@evil.example/",
            "http://127.0.0.1:80@evil.example/", "http://evil.localhost", "http://evil.example/@localhost",
            "http://evil.example?@localhost", "http://evil.example#@localhost",
        ])
    func notLoopback(text: String) throws {
        let address = try #require(WebAddress(text))
        #expect(!address.isLoopback)
    }
}

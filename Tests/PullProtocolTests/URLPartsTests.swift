import PullProtocol
import Testing

struct URLPartsTests {
    @Test("A URL is taken apart as it is written")
    func parts() throws {
        let one = try #require(URLParts("WSS://Rt.Example.test:8894/bitrix/subws/?x=1?2"))
        #expect(one.scheme == "wss" && one.host == "Rt.Example.test" && one.port == 8894)
        #expect(one.path == "/bitrix/subws/" && one.query == "x=1?2")
        #expect(one.isSecure && one.effectivePort == 8894)
        let two = try #require(URLParts("http://[::1]"))
        #expect(two.host == "::1" && two.port == nil && two.path.isEmpty && two.query == nil)
        #expect(!two.isSecure && two.effectivePort == 80)
        #expect(URLParts("https://[2001:db8::1]:8443/x")?.port == 8443)
        #expect(URLParts("https://h?q")?.query == "q")
        #expect(URLParts("https://h.test/")?.effectivePort == 443)
    }

    @Test(
        "What could mean two different hosts is refused",
        arguments: [
            "", "h.test", "//h.test", "https:/h.test", "https://", "https:///x", "https://user@h.test/",
            "https://user:pw@h.test/", "https://h.test#x", "https://h.test\\@evil.test/", "https://h test/",
            "https://h.test/\n", "https://hé.test/", "https://h..test/", "https://h.test./", "https://.h/",
            "https://h.test:/", "https://h.test:0/", "https://h.test:65536/", "https://h.test:-1/",
            "https://h.test:8a/",
            "https://[::1/", "https://[::1]x/", "https://[fe80::1%25eth0]/", "https://[1.2.3.4]/", "https://::1/",
            "1https://h.test/", "://h.test", "https://h%41.test/",
            "https://" + String(repeating: "a", count: 64) + ".test/",
            "https://h.test/" + String(repeating: "a", count: 8192),
        ])
    func refused(text: String) {
        #expect(URLParts(text) == nil)
    }

    @Test(
        "Loopback is this machine and nothing that looks like it",
        arguments: [
            ("localhost", true), ("LOCALHOST", true), ("127.0.0.1", true), ("127.255.0.3", true), ("::1", true),
            ("[::1]", true), ("0:0:0:0:0:0:0:1", true), ("::ffff:127.0.0.1", true), ("128.0.0.1", false),
            ("::2", false),
            ("127.0.0.1.nip.io", false), ("localhost.test", false), ("127.1", false), ("2130706433", false),
            ("0.0.0.0", false), ("::", false), ("", false), ("::ffff:10.0.0.1", false), ("[127.0.0.1]", false),
        ])
    func loopback(host: String, expected: Bool) {
        #expect(URLParts.isLoopback(host) == expected)
    }
}

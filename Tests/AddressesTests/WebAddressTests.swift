import Addresses
import Testing

@Suite struct WebAddressTests {
    @Test("An address is taken apart; scheme and host are in lower case, the rest is as it is written")
    func parts() throws {
        let full = try #require(WebAddress("HTTPS://u:P@Acme.Example:8443/A/b?c=d?e#f"))
        #expect(full.scheme == "https")
        #expect(full.userInfo == "u:P")
        #expect(full.host == "acme.example")
        #expect(full.port == 8443)
        #expect(full.path == "/A/b")
        #expect(full.query == "c=d?e")
        #expect(full.fragment == "f")
        #expect(full.origin == "https://acme.example:8443")

        let server = try #require(WebAddress("WSS://Rt.Example.test:8894/bitrix/subws/?x=1?2"))
        #expect(server.scheme == "wss" && server.host == "rt.example.test" && server.port == 8894)
        #expect(server.path == "/bitrix/subws/" && server.query == "x=1?2")
        #expect(server.userInfo == nil && server.fragment == nil)

        let short = try #require(WebAddress("http://[::1]"))
        #expect(short.host == "[::1]" && short.port == nil && short.path.isEmpty && short.query == nil)
        #expect(short.origin == "http://[::1]")
        #expect(WebAddress("https://[2001:DB8::1]:8443/x")?.origin == "https://[2001:db8::1]:8443")
        #expect(WebAddress("https://h?q")?.query == "q")
        #expect(WebAddress("https://h?q/r")?.path == "")
    }

    @Test(
        "What could mean two different hosts, or none, is refused",
        arguments: [
            "", "h.test", "acme", "//h.test", "https:/h.test", "https://", "https:///x", "https://a b",
            "https://a\u{0}",
            "https://h.test\\@evil.test/", "http://127.0.0.1\\@evil.example", "https://h test/", "https://h.test/\n",
            "https://a\r\nHost: b", "https://hé.test/", "https://münchen.example", "https://h..test/",
            "https://h.test./", "https://.h/", "https://-a", "https://a-", "https://h.test:", "https://h.test:/",
            "https://h.test:0/", "https://h.test:65536/", "https://h.test:-1/", "https://a:+1", "https://h.test:8a/",
            "https://h.test:000080/", "https://a:80:80", "https://[::1", "https://[::1/", "https://[::1]x/",
            "https://[]/", "https://[/", "https://[x]", "https://[fe80::1%25eth0]/", "https://[1.2.3.4]/",
            "https://::1/", "1https://h.test", "://h.test", "https://h%41.test/", "https://u@", "https://u@:80/",
            "https://h.test/{x}", "https://h.test/?\"", "https://h.test/#<",
            "https://" + String(repeating: "a", count: 64) + ".test/",
            "https://" + String(repeating: "a.", count: 127) + "test/",
            "https://h.test/" + String(repeating: "a", count: 8192),
        ])
    func refused(text: String) {
        #expect(WebAddress(text) == nil)
    }

    @Test("The limits themselves are allowed")
    func limits() {
        #expect(WebAddress("https://" + String(repeating: "a", count: 63) + ".test:65535/")?.port == 65535)
        #expect(WebAddress("https://" + String(repeating: "a.", count: 126) + "b")?.host.utf8.count == 253)
        let start = "https://h.test/"
        #expect(WebAddress(start + String(repeating: "a", count: 8192 - start.utf8.count)) != nil)
    }

    @Test(
        "A user or password is seen, wherever the text tries to hide it",
        arguments: [
            ("https://user@h.test/", "user"), ("https://user:pw@h.test/", "user:pw"), ("https://@h.test", ""),
            ("https://a@b@h.test/", "a@b"), ("https://h.test:80@evil.test/", "h.test:80"),
        ])
    func userInfo(text: String, expected: String) {
        #expect(WebAddress(text)?.userInfo == expected)
        #expect(WebAddress(bare: text) == nil)
    }

    @Test("A bare address has no fragment either, and its parts are the same")
    func bare() {
        #expect(WebAddress(bare: "https://h.test#x") == nil)
        #expect(WebAddress(bare: "https://h.test#") == nil)
        #expect(WebAddress(bare: "https://h.test/?a=b@c") == WebAddress("https://h.test/?a=b@c"))
        #expect(WebAddress(bare: "https://h.test/?a=b@c")?.userInfo == nil)
        #expect(WebAddress(bare: "h.test") == nil)
    }
}

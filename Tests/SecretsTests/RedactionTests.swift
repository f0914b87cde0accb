import Foundation
import Secrets
import Testing

struct RedactionTests {
    @Test(
        "A URL keeps what identifies it and loses what opens it (U9)",
        arguments: [
            (
                "wss://rtc.example.test/subws/?CHANNEL_ID=0011%3Aff.03%2F0f.11&binaryMode=true&clientId=abc%2F%2B%3D1"
                    + "&mid=17000000000000000000000042&revision=19",
                "wss://rtc.example.test/subws/?CHANNEL_ID=***&binaryMode=true&clientId=***"
                    + "&mid=17000000000000000000000042&revision=19"
            ),
            (
                "https://p.test/rest/1/qwertyuiop123456/pull.config.get.json",
                "https://p.test/rest/1/***/pull.config.get.json"
            ),
            ("https://p.test/box/REST/67/abc/", "https://p.test/box/REST/67/***/"),
            ("https://p.test/rest/1/abc", "https://p.test/rest/1/***"),
            ("https://p.test/rest/pull.config.get.json", "https://p.test/rest/pull.config.get.json"),
            (
                "https://p.test/rest/x/?auth=abc&AUTH[access_token]=d&x=1",
                "https://p.test/rest/x/?auth=***&AUTH[access_token]=***&x=1"
            ),
            ("https://p.test/?CHANNEL%5FID=abc", "https://p.test/?CHANNEL%5FID=***"),
            (
                "https://o.test/oauth/token/?grant_type=x&client_id=local.1&client_secret=s&refresh_token=t",
                "https://o.test/oauth/token/?grant_type=x&client_id=local.1&client_secret=***&refresh_token=***"
            ),
            ("https://user:pass@h.test:8080/x", "https://***@h.test:8080/x"),
            ("https://h.test/x#token", "https://h.test/x#***"),
            ("https://h.test/x?0f1e2d3c4b5a69788796a5b4c3d2e1f0", "https://h.test/x?***"),
            ("wss://h.test/?token=aaa.bbb.ccc&jsonRpc=true", "wss://h.test/?token=***&jsonRpc=true"),
            ("https://[::1]:8443/sub/?mid=1", "https://[::1]:8443/sub/?mid=1"),
            ("https://h.test", "https://h.test"),
            ("no url at all", "***"),
            ("://x", "***"),
            ("", "***"),
        ])
    func urls(url: String, redacted: String) {
        #expect(Redaction.url(url) == redacted)
    }

    @Test(
        "A library's message keeps its words",
        arguments: [
            "Could not resolve host: rt.example.test",
            "SSL certificate problem: unable to get local issuer certificate",
            "error setting certificate verify locations:  CAfile: /etc/ssl/certs/ca-certificates.crt",
            "Connection timed out after 15001 milliseconds",
            "Failed to connect to 127.0.0.1 port 8443 after 0 ms: Couldn't connect to server",
            "Push & Pull server is not configured",
            "The request requires higher privileges than provided by the access token",
            "mid 17000000000000000000000042", "wrong password for user, no token given: bad code 7",
            "certificate_verification_failed_for_host",
        ])
    func plainWords(text: String) {
        #expect(Redaction.text(text) == text)
    }

    @Test(
        "A library's message loses what opens anything",
        arguments: [
            ("GET https://p.test/rest/1/abcd/x?auth=zz failed", "GET https://p.test/rest/1/***/x?auth=*** failed"),
            ("url=\"https://p.test/?token=zz\" (7)", "url=\"https://p.test/?token=***\" (7)"),
            ("no route for /subws/?CHANNEL_ID=zz&x=1", "no route for /subws/?CHANNEL_ID=***&x=1"),
            ("path /rest/1/abcd/x.json", "path /rest/1/***/x.json"),
            ("rest/1/abcd/x.json", "rest/1/***/x.json"),
            ("grant_type=a&refresh_token=zz", "grant_type=a&refresh_token=***"),
            ("access_token=zz, done", "access_token=***, done"),
            ("{\"access_token\":\"zz\",\"x\":\"y\"}", "{\"access_token\":\"***\",\"x\":\"y\"}"),
            ("{\"auth\":\"zz\",\"code\" : \"yy\"}", "{\"auth\":\"***\",\"code\" : \"***\"}"),
            ("token: zz and key = yy", "token: *** and key = ***"),
            ("Authorization: Bearer zz.yy", "Authorization: Bearer ***"),
            (
                "bad id 00112233445566778899aabbccddeeff:ffeeddccbbaa99887766554433221100"
                    + ".030f4b5ca318adba16b7a49ba051da2f1b53574e!",
                "bad id ***!"
            ),
            ("jwt eyJhbGciOiJIUzI1NiJ9.x", "jwt ***"),
            ("line one\nline two\u{1B}[31m", "line one line two [31m"),
        ])
    func secrets(text: String, redacted: String) {
        #expect(Redaction.text(text) == redacted)
    }

    @Test("A message is cut at its limit, whatever its length")
    func limit() {
        let long = String(repeating: "word ", count: 10_000)
        #expect(Redaction.text(long, limit: 20) == "word word word word …")
        #expect(Redaction.text(long, limit: 0) == "…" || Redaction.text(long, limit: 0).isEmpty)
        #expect(Redaction.text("").isEmpty)
    }

    @Test("No random token survives in any surrounding")
    func randomTokens() {
        var generator = SystemRandomNumberGenerator()
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        let frames: [(String) -> String] = [
            { "failed: \($0)" }, { "'\($0)'" }, { "https://h.test/x?q=\($0)" }, { "id=\($0);" }, { "\($0).\($0)" },
            { "{\"token\":\"\($0)\"}" }, { "https://h.test/x?y=1#\($0)" },
        ]
        for round in 0..<700 {
            let length = Int.random(in: 32...80, using: &generator)
            let token = String((0..<length).map { _ in letters.randomElement(using: &generator) ?? "a" })
            let text = frames[round % frames.count](token)
            #expect(!Redaction.text(text).contains(token), "\(text)")
        }
    }
}

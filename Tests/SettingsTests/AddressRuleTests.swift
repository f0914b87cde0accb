import Settings
import Testing

@Suite("Rules for addresses")
struct AddressRuleTests {
    @Test(
        "what follows the rule is taken",
        arguments: [
            (AddressRule.origin, "https://acme.example"), (.origin, "https://Acme.example:8443/"),
            (.origin, "http://localhost:8080"), (.origin, "http://[::1]/"), (.program, "http://127.0.0.1:80/x?y=z"),
            (.program, "https://localhost"), (.proxy, "http://proxy:3128"), (.proxy, "socks5h://10.0.0.1:1080"),
        ])
    func right(rule: AddressRule, text: String) throws {
        _ = try rule.check(text)
    }

    @Test(
        "what does not is refused for its first fault, the exposed secret before the scheme's safety",
        arguments: [
            (AddressRule.origin, "acme.example", AddressFault.notAnAddress), (.origin, "ftp://acme.example", .scheme),
            (.origin, "https://me:pw@acme.example", .userInfo), (.origin, "https://acme.example#x", .fragment),
            (.origin, "https://acme.example/rest/1/code/", .pathOrQuery),
            (.origin, "http://acme.example/rest/1/code/", .pathOrQuery),
            (.origin, "https://acme.example?auth=x", .pathOrQuery), (.origin, "http://acme.example", .plainHTTP),
            (.origin, "http://localhost@acme.example", .userInfo), (.program, "localhost:3000", .notAnAddress),
            (.program, "ws://localhost/", .scheme), (.program, "http://me@localhost/", .userInfo),
            (.program, "http://localhost/#x", .fragment), (.program, "https://acme.example/", .otherMachine),
            (.program, "http://[::ffff:127.0.0.1]/", .otherMachine), (.proxy, "proxy:3128", .notAnAddress),
            (.proxy, "ftp://proxy", .scheme), (.proxy, "http://me:pw@proxy", .userInfo),
        ])
    func wrong(rule: AddressRule, text: String, fault: AddressFault) {
        #expect(throws: fault) { try rule.check(text) }
    }
}

import Settings
import Testing

@Suite("Rules for addresses")
struct AddressRuleTests {
    @Test(
        "what follows the rule is taken",
        arguments: [
            (AddressRule.origin, "https://acme.example"), (.origin, "https://Acme.example:8443/"),
            (.origin, "http://localhost:8080"), (.origin, "http://[::1]/"), (.program, "http://127.0.0.1:80/x?y=z"),
            (.program, "https://localhost"), (.target, "https://hooks.example/x?y=z"),
            (.target, "http://10.0.0.5:8080"),
            (.target, "http://[fd00::5]/"), (.target, "http://1password.example/"), (.target, "http://127.0.0.1/"),
            (.proxy, "http://proxy:3128"), (.proxy, "socks5h://10.0.0.1:1080"),
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
            (.program, "http://[::ffff:127.0.0.1]/", .otherMachine),
            (.program, "http://169.254.1.1/", .reservedAddress),
            (.target, "ftp://hooks.example/", .scheme), (.target, "https://me:pw@hooks.example/", .userInfo),
            (.target, "https://hooks.example/#x", .fragment), (.target, "http://2852039166/", .notAnAddress),
            (.target, "http://0xa9fea9fe/", .notAnAddress), (.target, "http://169.254.43518/", .notAnAddress),
            (.target, "http://256.1.1.1/", .notAnAddress), (.target, "http://169.254.169.254/latest", .reservedAddress),
            (.target, "http://0.0.0.0/", .reservedAddress), (.target, "http://224.0.0.1/", .reservedAddress),
            (.target, "http://255.255.255.255/", .reservedAddress), (.target, "http://[::]/", .reservedAddress),
            (.target, "http://100.100.100.200/", .reservedAddress), (.target, "http://[fe80::1]/", .reservedAddress),
            (.target, "http://[febf::1]/", .reservedAddress), (.target, "http://[ff02::1]/", .reservedAddress),
            (.target, "http://[fd00:ec2::254]/", .reservedAddress),
            (.target, "http://[::ffff:169.254.169.254]/", .reservedAddress),
            (.target, "http://[64:ff9b::169.254.169.254]/", .reservedAddress), (.proxy, "proxy:3128", .notAnAddress),
            (.proxy, "ftp://proxy", .scheme), (.proxy, "http://me:pw@proxy", .userInfo),
        ])
    func wrong(rule: AddressRule, text: String, fault: AddressFault) {
        #expect(throws: fault) { try rule.check(text) }
    }
}

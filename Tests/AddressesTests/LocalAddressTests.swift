import Addresses
import Testing

@Suite struct LocalAddressTests {
    @Test(
        "A path is a socket, a loopback host with a port is an address",
        arguments: [
            ("/run/pulld/admin.sock", LocalAddress.socket(path: "/run/pulld/admin.sock")),
            ("127.0.0.1:9187", .loopback(host: "127.0.0.1", port: 9187)),
            ("127.9.8.7:1", .loopback(host: "127.9.8.7", port: 1)),
            ("localhost:65535", .loopback(host: "127.0.0.1", port: 65535)),
            ("[::1]:9187", .loopback(host: "::1", port: 9187)),
        ])
    func valid(text: String, address: LocalAddress) throws {
        #expect(try LocalAddress(text) == address)
        #expect(try LocalAddress("\(address)") == address)
    }

    @Test(
        "Whatever leads to another machine, or nowhere, is refused",
        arguments: [
            ("0.0.0.0:9187", LocalAddress.Fault.otherMachine), ("192.168.1.5:9187", .otherMachine),
            ("[::]:9187", .otherMachine), ("[fe80::1]:9187", .otherMachine), ("metrics.example:9187", .otherMachine),
            ("127.1:80", .otherMachine), ("::1:9187", .neither), ("9187", .neither), (":9187", .neither),
            ("", .neither), ("run/admin.sock", .neither), ("/run/a\u{1}", .neither), ("127.0.0.1:0", .port),
            ("127.0.0.1:65536", .port), ("127.0.0.1:", .port), ("127.0.0.1:+1", .port), ("127.0.0.1:http", .port),
        ])
    func invalid(text: String, fault: LocalAddress.Fault) {
        #expect(throws: fault) { try LocalAddress(text) }
    }

    @Test("A path of 107 bytes fits, one more does not")
    func length() throws {
        let path = "/" + String(repeating: "a", count: 106)
        #expect(try LocalAddress(path) == .socket(path: path))
        #expect(throws: LocalAddress.Fault.pathTooLong) { try LocalAddress(path + "a") }
    }
}

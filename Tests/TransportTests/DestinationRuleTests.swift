import Glibc
import Testing

@testable import Transport

extension TransportTests {
    /// The rule alone: the bytes of an address in, yes or no out.
    @Suite("Destination rules")
    struct DestinationRuleTests {
        /// The bytes that the kernel would get for an address as people and programs spell it.
        static func bytes(_ spelling: String) throws -> [UInt8] {
            var hints = addrinfo()
            hints.ai_flags = AI_NUMERICHOST
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
            var found: UnsafeMutablePointer<addrinfo>?
            try #require(getaddrinfo(spelling, "80", &hints, &found) == 0, "\(spelling)")
            defer { freeaddrinfo(found) }
            let entry = try #require(found?.pointee)
            return [UInt8](UnsafeRawBufferPointer(start: entry.ai_addr, count: Int(entry.ai_addrlen)))
        }

        static func obstacle(_ rule: DestinationRule, _ bytes: [UInt8]) -> DestinationObstacle? {
            bytes.withUnsafeBytes { rule.obstacle(to: SocketAddress($0)) }
        }

        @Test(
            "this machine's loopback addresses are within both rules",
            arguments: [
                "127.0.0.1", "127.255.255.255", "127.1", "0x7f000001", "017700000001", "2130706433", "::1", "0::1",
            ])
        func loopback(spelling: String) throws {
            let bytes = try Self.bytes(spelling)
            for rule in [DestinationRule.any, .loopback, .remote] { #expect(Self.obstacle(rule, bytes) == nil) }
        }

        @Test(
            "other machines, private networks among them, are within the rule for remote ones alone",
            arguments: [
                "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "100.100.100.199", "168.63.129.15", "1.0.0.0",
                "126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.0", "223.255.255.255", "93.184.215.14",
                "192.0.2.2", "0xa.1", "012.0.0.1", "2001:db8::1", "fd00::1", "fd00:ec1::254", "fd00:ec3::254",
                "fe00::1",
                "fec0::1", "fd20:ce::253", "2606:4700::1111", "2002:a00:1::1", "64:ff9b::10.0.0.1",
                "64:ff9b::93.184.215.14", "::ffff:192.168.1.1", "::ffff:127.0.0.1", "::127.0.0.1", "::2:0:0:1",
                "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::5efe:10.0.0.1",
            ])
        func remote(spelling: String) throws {
            let bytes = try Self.bytes(spelling)
            #expect(Self.obstacle(.any, bytes) == nil)
            #expect(Self.obstacle(.loopback, bytes) == .otherMachine)
            #expect(Self.obstacle(.remote, bytes) == nil)
        }

        @Test(
            "what no delivery may ever reach is outside of both rules, however it is spelled or packed",
            arguments: [
                ("169.254.169.254", DestinationObstacle.metadata), ("0xa9fea9fe", .metadata), ("2852039166", .metadata),
                ("0251.0376.0251.0376", .metadata), ("169.254.43518", .metadata), ("169.16689662", .metadata),
                ("::ffff:169.254.169.254", .metadata), ("::ffff:a9fe:a9fe", .metadata),
                ("::169.254.169.254", .metadata),
                ("::ffff:0:169.254.169.254", .metadata), ("64:ff9b::169.254.169.254", .metadata),
                ("2002:a9fe:a9fe::1", .metadata), ("2002:a9fe:a9fe:1:2:3:4:5", .metadata),
                ("2001:0:1:2:3:4:5601:5601", .metadata), ("2001:db8::5efe:169.254.169.254", .metadata),
                ("2001:db8::200:5efe:169.254.169.254", .metadata), ("fd00:ec2::254", .metadata),
                ("fd00:ec2::23", .metadata), ("fd20:ce::254", .metadata), ("fd00:c1::a9fe:a9fe", .metadata),
                ("fd00:42::42", .metadata), ("100.100.100.200", .metadata), ("::ffff:100.100.100.200", .metadata),
                ("168.63.129.16", .metadata), ("169.254.170.2", .metadata), ("192.0.0.192", .metadata),
                ("169.254.0.0", .linkLocal), ("169.254.255.255", .linkLocal), ("::ffff:169.254.1.1", .linkLocal),
                ("fe80::1", .linkLocal), ("fe80::a9fe:a9fe", .linkLocal), ("febf:ffff::1", .linkLocal),
                ("0.0.0.0", .unspecified), ("0", .unspecified), ("0x0", .unspecified), ("0.255.255.255", .unspecified),
                ("::", .unspecified), ("::ffff:0.0.0.0", .unspecified), ("::ffff:0:0.0.0.0", .unspecified),
                ("64:ff9b::0.0.0.0", .unspecified), ("2002::1", .unspecified), ("::2", .unspecified),
                ("224.0.0.1", .multicast), ("239.255.255.255", .multicast), ("::ffff:224.0.0.1", .multicast),
                ("ff02::1", .multicast), ("ffff::", .multicast), ("255.255.255.255", .broadcast),
                ("::ffff:255.255.255.255", .broadcast), ("64:ff9b:1::10.0.0.1", .localTranslation),
                ("64:ff9b:1:a9fe:a9:fe00::", .localTranslation),
            ])
        func never(spelling: String, obstacle: DestinationObstacle) throws {
            let bytes = try Self.bytes(spelling)
            #expect(Self.obstacle(.any, bytes) == nil)
            #expect(Self.obstacle(.loopback, bytes) == obstacle)
            #expect(Self.obstacle(.remote, bytes) == obstacle)
        }

        @Test("what is no address of the internet, or not all there, is outside of both rules")
        func otherBytes() throws {
            let four = try Self.bytes("127.0.0.1")
            let six = try Self.bytes("::1")
            let unix = [UInt8(AF_UNIX), 0] + Array("/run/app.sock\0".utf8)
            let netlink = [UInt8(AF_NETLINK), 0] + four.dropFirst(2)
            let cases: [[UInt8]] = [
                [], [2], Array(four.prefix(7)), Array(six.prefix(23)), unix, netlink, [0, 0] + four.dropFirst(2),
            ]
            for bytes in cases {
                #expect(Self.obstacle(.loopback, bytes) == .otherFamily, "\(bytes)")
                #expect(Self.obstacle(.remote, bytes) == .otherFamily, "\(bytes)")
            }
        }

        @Test("only 127.0.0.0/8 and ::1 are loopback, of all prefixes and of addresses of random bytes")
        func onlyLoopback() throws {
            for prefix in UInt8.min ... .max {
                let bytes = try Self.bytes("\(prefix).1.2.3")
                #expect((Self.obstacle(.loopback, bytes) == nil) == (prefix == 127))
            }
            var six = try Self.bytes("::1")
            for index in 8..<24 {
                for bit in 0..<8 {
                    six[index] ^= 1 << bit
                    #expect(Self.obstacle(.loopback, six) != nil)
                    six[index] ^= 1 << bit
                }
            }
            #expect(Self.obstacle(.loopback, six) == nil)
        }

        @Test(
            "an address reads as people write it, and back",
            arguments: ["127.0.0.1", "169.254.169.254", "::1", "fd00:ec2::254", "::ffff:10.0.0.1"])
        func text(spelling: String) throws {
            let address = try Self.bytes(spelling).withUnsafeBytes { SocketAddress($0) }
            #expect("\(address)" == spelling)
            #expect(SocketAddress(text: spelling) == address)
        }

        @Test(
            "a zone does not change an address read from text, and other text is none",
            arguments: ["", "x", "127.1", "/run/app"])
        func noAddress(text: String) {
            #expect(SocketAddress(text: text) == .unknown)
            #expect(SocketAddress(text: "fe80::1%eth0") == SocketAddress(text: "fe80::1"))
        }
    }
}

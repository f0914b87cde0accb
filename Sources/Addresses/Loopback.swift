import Glibc

/// Whether `host`, with or without the brackets of an IPv6 address, is this machine itself whatever a name server says:
/// `localhost`, 127.0.0.0/8 or `::1` (RFC 6761, 6890). Plain http is allowed for such a host only, so nothing that is
/// merely likely to lead here counts: no names below `localhost`, no short or numeric forms of IPv4, no IPv4 inside
/// of IPv6.
public func isLoopback(host: String) -> Bool {
    if host.lowercased() == "localhost" { return true }
    var four = in_addr()
    if inet_pton(AF_INET, host, &four) == 1 { return UInt32(bigEndian: four.s_addr) >> 24 == 127 }
    let plain = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
    var six = in6_addr()
    guard inet_pton(AF_INET6, plain, &six) == 1 else { return false }
    return withUnsafeBytes(of: six) { $0.dropLast().allSatisfy { $0 == 0 } && $0.last == 1 }
}

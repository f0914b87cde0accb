import Glibc

/// A place on this machine where a program of the operator's listens: a socket in the file system, or a loopback address
/// with its port. Written `/run/pulld/admin.sock`, `127.0.0.1:9187`, `localhost:9187` or `[::1]:9187`.
public enum LocalAddress: Hashable, Sendable {
    /// Absolute, at most `maximumPath` bytes.
    case socket(path: String)
    /// `host`: an address of 127.0.0.0/8, or `::1` without brackets.
    case loopback(host: String, port: UInt16)

    /// Bytes that the system has for the path of a socket, without the zero at its end (unix(7)).
    public static let maximumPath = 107

    /// What is wrong with a text.
    public enum Fault: Error, Hashable, Sendable {
        case neither
        case pathTooLong
        /// A name or an address that is not this machine's loopback.
        case otherMachine
        case port
    }

    public init(_ text: String) throws(Fault) {
        if text.hasPrefix("/") {
            guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw .neither }
            guard text.utf8.count <= Self.maximumPath else { throw .pathTooLong }
            self = .socket(path: text)
            return
        }
        guard let colon = text.lastIndex(of: ":"), !text[..<colon].isEmpty else { throw .neither }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            throw .neither
        }
        guard isLoopback(host: host) else { throw .otherMachine }
        let digits = text[colon...].dropFirst()
        guard 1...5 ~= digits.utf8.count, digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let port = UInt16(digits),
            port > 0
        else { throw .port }
        self = .loopback(host: host.lowercased() == "localhost" ? "127.0.0.1" : host, port: port)
    }
}

extension LocalAddress: CustomStringConvertible {
    public var description: String {
        switch self {
        case .socket(let path): path
        case .loopback(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }
}

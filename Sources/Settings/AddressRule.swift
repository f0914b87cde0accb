public import Addresses

/// What is wrong with an address that an operator wrote. It does not hold the text: somebody may have put a secret there.
public enum AddressFault: Error, Hashable, Sendable {
    /// No absolute address at all.
    case notAnAddress
    /// An address of another kind than is wanted here.
    case scheme
    /// A user or password: then the address is a secret, and does not belong where others can read it.
    case userInfo
    case fragment
    /// More than scheme, host and port. In a portal's address it may be the code of an incoming webhook.
    case pathOrQuery
    /// http to another machine.
    case plainHTTP
    case otherMachine
}

/// The rules for addresses that an operator writes: the same for the file and for arguments.
public enum AddressRule: Hashable, Sendable {
    /// A portal or an authorisation server: scheme, host and perhaps port. https, or http to a loopback host.
    case origin
    /// A program on this machine, by http or https.
    case program
    /// A proxy without password, by http, https or one of the kinds of SOCKS.
    case proxy

    /// The address, if it follows the rule. What may be a secret is found before what is merely not allowed.
    public func check(_ text: String) throws(AddressFault) -> WebAddress {
        guard let address = WebAddress(text) else { throw .notAnAddress }
        guard schemes.contains(address.scheme) else { throw .scheme }
        guard address.userInfo == nil else { throw .userInfo }
        switch self {
        case .proxy:
            break
        case .origin:
            guard address.fragment == nil else { throw .fragment }
            guard address.path.isEmpty || address.path == "/", address.query == nil else { throw .pathOrQuery }
            guard address.scheme == "https" || address.isLoopback else { throw .plainHTTP }
        case .program:
            guard address.fragment == nil else { throw .fragment }
            guard address.isLoopback else { throw .otherMachine }
        }
        return address
    }

    private var schemes: Set<String> {
        switch self {
        case .origin, .program: ["http", "https"]
        case .proxy: ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]
        }
    }
}

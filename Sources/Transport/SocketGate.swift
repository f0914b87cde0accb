import CCurl
import Glibc

/// Stands where libcurl opens a socket, and again before it sends a request (CURLOPT_PREREQFUNCTION), and lets pass what the
/// settings allow.
///
/// The first look is at the very address that libcurl is about to connect to, so that no look-up is trusted. The second one
/// is for connections kept open: libcurl picks them by scheme, host and port, and one of them may have been opened under
/// a laxer rule. Confined to the loop's thread.
final class SocketGate {
    private let rule: DestinationRule
    /// The bytes of the path, if a socket of the file system is asked for.
    private let path: [UInt8]?
    /// The last address that was kept from being connected to.
    private var refused: Refusal?
    private var hasOpened = false
    /// Called when a request is about to go out, over a connection that has just been made, TLS included, or was kept open.
    var requestGoesOut: (() -> Void)?

    struct Refusal: Hashable {
        var address: SocketAddress
        var obstacle: DestinationObstacle
    }

    init(rule: DestinationRule, unixSocket: String?) {
        self.rule = rule
        path = unixSocket.map { Array($0.utf8) }
    }

    /// Why nothing was connected to. Nil when one of several addresses was allowed: then its fate decides.
    var refusal: Refusal? { hasOpened ? nil : refused }

    func install(in easy: UnsafeMutableRawPointer) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = ccurl_easy_set_pointer(easy, CURLOPT_PREREQDATA, context)
        _ = ccurl_easy_set_prerequest_callback(easy) { context, peer, _, _, _ in
            guard let context, let peer else { return CURL_PREREQFUNC_ABORT }
            let gate = Unmanaged<SocketGate>.fromOpaque(context).takeUnretainedValue()
            guard gate.passes(peer) else { return CURL_PREREQFUNC_ABORT }
            gate.requestGoesOut?()
            return CURL_PREREQFUNC_OK
        }
        if rule == .any, path == nil { return }
        _ = ccurl_easy_set_pointer(easy, CURLOPT_OPENSOCKETDATA, context)
        _ = ccurl_easy_set_open_socket_callback(easy) { context, _, address in
            guard let context, let address else { return CURL_SOCKET_BAD }
            return Unmanaged<SocketGate>.fromOpaque(context).takeUnretainedValue().open(address)
        }
    }

    private func open(_ address: UnsafeMutablePointer<curl_sockaddr>) -> Int32 {
        let bytes = UnsafeRawBufferPointer(
            start: ccurl_socket_address(address), count: Int(address.pointee.addrlen))
        guard allows(SocketAddress(bytes)) else { return CURL_SOCKET_BAD }
        hasOpened = true
        return socket(
            address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
    }

    private func passes(_ peer: UnsafePointer<CChar>) -> Bool {
        // libcurl shares a socket of the file system only with requests for the same path.
        if rule == .any || path != nil { return true }
        if allows(SocketAddress(text: String(cString: peer))) { return true }
        hasOpened = false
        return false
    }

    private func allows(_ address: SocketAddress) -> Bool {
        let obstacle: DestinationObstacle?
        if let path {
            // The path as the kernel gets it, which ends at the first NUL, has to be the whole path asked for.
            obstacle = address == .unix(path) && !path.isEmpty ? nil : .otherFamily
        } else {
            obstacle = rule.obstacle(to: address)
        }
        if let obstacle { refused = Refusal(address: address, obstacle: obstacle) }
        return obstacle == nil
    }
}

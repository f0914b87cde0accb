import EndToEndSupport
import Foundation

/// A small HTTP proxy that does CONNECT, to 127.0.0.1 whatever the host, and nothing else.
enum ConnectProxy {
    /// - Parameters:
    ///   - authorization: what `Proxy-Authorization` has to be; without it the answer is 407.
    ///   - seen: gets the head of every CONNECT.
    static func server(
        authorization: String? = nil, seen: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> LoopbackServer {
        try LoopbackServer { peer, _ in
            guard let head = peer.readHead() else { return }
            seen(head)
            if let authorization, !head.contains("Proxy-Authorization: \(authorization)\r\n") {
                peer.write(
                    "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n")
                return
            }
            let target = head.split(separator: " ").dropFirst().first ?? ""
            let port = target.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
            guard head.hasPrefix("CONNECT "), let descriptor = try? LoopbackPort.connection(to: port) else {
                peer.write("HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n")
                return
            }
            let server = LoopbackPeer(descriptor)
            peer.write("HTTP/1.1 200 OK\r\n\r\n")
            Thread.detachNewThread {
                relay(from: server, to: peer)
                peer.interrupt()
            }
            relay(from: peer, to: server)
            server.interrupt()
        }
    }

    private static func relay(from source: LoopbackPeer, to target: LoopbackPeer) {
        while true {
            let bytes = source.read()
            if bytes.isEmpty || !target.write(bytes) { return }
        }
    }
}

import EndToEndSupport
import Foundation
import Synchronization

/// A server on a socket of the file system: each connection is a thread that does what the test wrote.
final class UnixServer: Sendable {
    let path: String
    private let listener: Int32
    private let count: Counter

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    init(path: String, _ serve: @escaping @Sendable (LoopbackPeer) -> Void) throws {
        self.path = path
        let count = Counter()
        self.count = count
        let listener = try Self.bound(path)
        self.listener = listener
        guard listen(listener, 16) == 0 else { throw SystemFailure("listen") }
        Thread.detachNewThread {
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else {
                    close(listener)
                    return
                }
                count.value.add(1, ordering: .relaxed)
                let peer = LoopbackPeer(descriptor)
                Thread.detachNewThread {
                    serve(peer)
                    peer.close()
                }
            }
        }
    }

    deinit {
        // Wakes the thread in accept.
        shutdown(listener, Int32(SHUT_RDWR))
    }

    var connectionCount: Int { count.value.load(ordering: .relaxed) }

    /// A socket file that nobody listens at, yet. The caller closes it.
    static func bound(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes.prefix($0.count - 1)) }
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        guard isBound else {
            close(descriptor)
            throw SystemFailure("bind \(path)")
        }
        return descriptor
    }
}

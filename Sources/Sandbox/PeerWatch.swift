import Foundation
import Synchronization

/// Notices that a client hangs up while its request waits for an answer: the server library reads from a socket only
/// when it expects the next request, and a real push server takes a poll down as soon as its client is gone.
///
/// The library does not hand out its sockets, so the client's is found by its address among the process's descriptors.
final class PeerWatch: Sendable {
    /// A client whose connection is looked at. It keeps a descriptor of its own, until `close()`.
    final class Peer: Sendable {
        private let descriptor: Mutex<Int32>

        fileprivate init(_ descriptor: Int32) { self.descriptor = Mutex(descriptor) }

        deinit { close() }

        /// The client has closed or reset its side.
        var isGone: Bool {
            descriptor.withLock { descriptor in
                guard descriptor >= 0 else { return true }
                var entry = pollfd(fd: descriptor, events: Int16(POLLIN) | PeerWatch.hangUp, revents: 0)
                guard poll(&entry, 1, 0) > 0 else { return false }
                return entry.revents & (PeerWatch.hangUp | Int16(POLLHUP) | Int16(POLLERR)) != 0
            }
        }

        func close() {
            descriptor.withLock { descriptor in
                if descriptor >= 0 { _ = Glibc.close(descriptor) }
                descriptor = -1
            }
        }
    }

    /// POLLRDHUP of poll(2), which the C header hides behind a feature macro.
    fileprivate static let hangUp: Int16 = 0x2000
    /// Between two looks at a waiting client.
    private static let interval = Duration.milliseconds(50)

    /// The descriptor on which a client of this port was last seen.
    private let known = Mutex<[UInt16: Int32]>([:])

    /// Returns when the client is gone, or the task is cancelled.
    func waitUntilGone(_ peer: Peer) async {
        while !peer.isGone, !Task.isCancelled { try? await Task.sleep(for: Self.interval) }
    }

    /// The connection of the client with this port to the server with that one. Nil if there is none. The client's port
    /// alone does not do: it may have the same one for connections to several servers.
    func peer(port: UInt16, server: UInt16) -> Peer? {
        let guess = known.withLock { $0[port] }
        if let guess, let peer = Self.peer(on: guess, port: port, server: server) { return peer }
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        var misses = 0
        // Descriptors are given lowest first, so a long row of closed ones is the end.
        for descriptor in 3..<Int32(clamping: limit.rlim_cur) {
            if fcntl(descriptor, F_GETFD) < 0 {
                misses += 1
                if misses > 4_096 { break }
                continue
            }
            misses = 0
            if let peer = Self.peer(on: descriptor, port: port, server: server) {
                known.withLock { $0[port] = descriptor }
                return peer
            }
        }
        return nil
    }

    private static func peer(on descriptor: Int32, port: UInt16, server: UInt16) -> Peer? {
        guard ports(of: descriptor) == [server, port] else { return nil }
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { return nil }
        let peer = Peer(copy)
        // The number may have become another connection's in between.
        return ports(of: copy) == [server, port] ? peer : nil
    }

    /// Own port and the peer's. Empty for anything but a connection of IPv4.
    private static func ports(of descriptor: Int32) -> [UInt16] {
        [port(of: descriptor, getsockname), port(of: descriptor, getpeername)].compactMap { $0 }
    }

    private static func port(
        of descriptor: Int32, _ name: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> UInt16? {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { name(descriptor, $0, &length) }
        }
        return result == 0 && address.sin_family == UInt16(AF_INET) ? UInt16(bigEndian: address.sin_port) : nil
    }
}

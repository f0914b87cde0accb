import Foundation
import Synchronization

/// The other end of sd_notify(3): a unix datagram socket that keeps what a daemon says to its service manager.
public final class NotifySocket: Sendable {
    /// For the environment variable `NOTIFY_SOCKET`.
    public let path: String
    private let directory: ScratchDirectory
    private let store = Store()

    /// What the receiving thread shares with the test; it outlives the socket value by one turn at most.
    private final class Store: Sendable {
        let messages = Mutex<[String]>([])
        let closed = Atomic<Bool>(false)
    }

    public init() throws {
        directory = try ScratchDirectory()
        path = directory.file("notify")
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemFailure("socket") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8).prefix(107)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else {
            let failure = SystemFailure("bind \(path)")
            close(descriptor)
            throw failure
        }
        let store = store
        Thread.detachNewThread { Self.receive(from: descriptor, into: store) }
    }

    deinit {
        store.closed.store(true, ordering: .releasing)
    }

    /// Every assignment received until now, in order: `READY=1`, `STATUS=…`.
    public var messages: [String] { store.messages.withLock { $0 } }

    public func has(_ message: String) -> Bool { messages.contains(message) }

    /// The newest value of a variable: `value(of: "STATUS")`.
    public func value(of name: String) -> String? {
        messages.last { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }

    private static func receive(from descriptor: Int32, into store: Store) {
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 8192)
        while !store.closed.load(ordering: .acquiring) {
            var interest = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&interest, 1, 50) > 0 else { continue }
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { continue }
            let text = String(decoding: buffer[..<count], as: UTF8.self)
            store.messages.withLock { $0 += text.split(separator: "\n").map(String.init) }
        }
    }
}

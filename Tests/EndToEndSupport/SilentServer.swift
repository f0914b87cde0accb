import Foundation
import Synchronization

/// A server that accepts connections, takes a little of what is sent, and never answers.
public final class SilentServer: Sendable {
    private final class Store: Sendable {
        let accepted = Mutex<[Int32]>([])
        let isOver = Atomic<Bool>(false)
    }

    public let port: UInt16
    private let store = Store()

    public init() throws {
        let (listener, port) = try LoopbackPort.listener(backlog: 64)
        self.port = port
        let store = store
        Thread.detachNewThread {
            while !store.isOver.load(ordering: .relaxed) {
                var interest = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
                guard poll(&interest, 1, 50) > 0 else { continue }
                let connection = accept(listener, nil, nil)
                if connection >= 0 { store.accepted.withLock { $0.append(connection) } }
            }
            close(listener)
            for connection in store.accepted.withLock({ $0 }) { close(connection) }
        }
    }

    deinit { store.isOver.store(true, ordering: .relaxed) }

    public var connectionCount: Int { store.accepted.withLock { $0.count } }
}

/// A named pipe with a reader that does not read: what writes into it stands still when the pipe's 64 KiB are full.
public final class StuckPipe: Sendable {
    public let path: String
    private let directory: ScratchDirectory
    private let descriptor: Int32

    public init() throws {
        directory = try ScratchDirectory()
        path = directory.file("pipe")
        guard mkfifo(path, 0o600) == 0 else { throw SystemFailure("mkfifo") }
        // Open for both, so that neither side waits for the other.
        descriptor = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemFailure("open the pipe") }
    }

    deinit { close(descriptor) }

    /// Bytes that wait in it.
    public var waitingBytes: Int {
        var count: Int32 = 0
        _ = ioctl(descriptor, UInt(FIONREAD), &count)
        return Int(count)
    }
}

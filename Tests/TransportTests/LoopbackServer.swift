import EndToEndSupport
import Foundation
import Synchronization

/// A server on 127.0.0.1 with raw sockets: each connection is a thread that does what the test wrote, byte by byte.
final class LoopbackServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let peers = Mutex<[LoopbackPeer]>([])

    /// `serve` gets every connection with its number from 0; the connection is closed when it returns.
    init(_ serve: @escaping @Sendable (LoopbackPeer, Int) -> Void) throws {
        (listener, port) = try LoopbackPort.listener(backlog: 1024)
        let listener = listener
        let accepted: @Sendable (LoopbackPeer) -> Int = { [weak self] peer in
            self?.peers.withLock { peers in
                peers.append(peer)
                return peers.count - 1
            } ?? 0
        }
        Thread.detachNewThread {
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else {
                    // Here and nowhere else: closed under this thread, its number could be another listener's.
                    close(listener)
                    return
                }
                let peer = LoopbackPeer(descriptor)
                let number = accepted(peer)
                Thread.detachNewThread {
                    serve(peer, number)
                    peer.close()
                }
            }
        }
    }

    deinit {
        // Wakes the thread in accept.
        shutdown(listener, Int32(SHUT_RDWR))
        for peer in peers.withLock({ $0 }) { peer.interrupt() }
    }

    var url: String { "http://127.0.0.1:\(port)" }
    var webSocketURL: String { "ws://127.0.0.1:\(port)" }
    /// Connections accepted so far.
    var connectionCount: Int { peers.withLock { $0.count } }
    /// Connections whose other end is still there, as far as the server's threads know.
    var openCount: Int { peers.withLock { peers in peers.count { !$0.isClosed } } }
}

/// The server's end of a connection. Calls block; every wait ends after 30 s.
final class LoopbackPeer: Sendable {
    private struct State {
        var descriptor: Int32
        var isClosed = false
    }

    private let state: Mutex<State>
    private let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        state = Mutex(State(descriptor: descriptor))
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }

    /// What is there, at most `limit` bytes; empty at the end of the stream.
    func read(atMost limit: Int = 65536) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            count = max(0, recv(descriptor, buffer.baseAddress, limit, 0))
        }
    }

    /// Exactly so many bytes, or nil at the end of the stream.
    func read(exactly count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let part = read(atMost: count - bytes.count)
            if part.isEmpty { return nil }
            bytes += part
        }
        return bytes
    }

    /// A request's or an answer's head with its empty line, or nil at the end of the stream.
    func readHead() -> String? {
        var bytes: [UInt8] = []
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard let byte = read(exactly: 1) else { return nil }
            bytes += byte
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// False when the other end is gone, or took nothing for 30 s.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    @discardableResult
    func write(_ text: String) -> Bool { write(Array(text.utf8)) }

    /// From now on a write gives up after so long.
    func limitWriting(milliseconds: Int) {
        var limit = timeval(tv_sec: 0, tv_usec: milliseconds * 1000)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Waits until the other end's kernel has all that was written, for at most 5 s.
    func waitUntilTaken() {
        var left: Int32 = 0
        for _ in 0..<50_000 {
            guard ioctl(descriptor, UInt(TIOCOUTQ), &left) == 0, left > 0 else { return }
            usleep(100)
        }
    }

    /// Waits for the end of the stream.
    func drain() {
        while !read().isEmpty {}
    }

    /// With FIN.
    func close() {
        state.withLock { state in
            guard !state.isClosed else { return }
            state.isClosed = true
            Glibc.close(state.descriptor)
        }
    }

    /// With RST.
    func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    /// Ends what waits on it in another thread.
    func interrupt() {
        state.withLock { state in
            if !state.isClosed { _ = shutdown(state.descriptor, Int32(SHUT_RDWR)) }
        }
    }
}

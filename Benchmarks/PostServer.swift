import EndToEndSupport
import Foundation
import Synchronization

/// What stands behind a webhook, without any work of its own: each POST gets its 200 at once. One thread and one poll(2)
/// over all connections.
final class PostServer: Sendable {
    struct Seen: Sendable {
        var connections = 0
        /// Head and body of the longest request, byte for byte.
        var longest: [UInt8] = []
    }

    static let answer = Array("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".utf8)

    let port: UInt16
    private let seen = Mutex(Seen())

    init() throws {
        let (listener, port) = try LoopbackPort.listener(backlog: 64)
        self.port = port
        Thread.detachNewThread { self.serve(listener) }
    }

    /// All since the call before.
    func takeSeen() -> Seen {
        seen.withLock { seen in
            defer { seen = Seen() }
            return seen
        }
    }

    private func serve(_ listener: Int32) {
        var interests = [pollfd(fd: listener, events: Int16(POLLIN), revents: 0)]
        var connections: [PostConnection] = []
        while poll(&interests, nfds_t(interests.count), -1) >= 0 {
            for index in connections.indices.reversed() where interests[index + 1].revents != 0 {
                if connections[index].receive(seen) { continue }
                close(connections[index].descriptor)
                connections.remove(at: index)
                interests.remove(at: index + 1)
            }
            guard interests[0].revents != 0 else { continue }
            let client = accept(listener, nil, nil)
            guard client >= 0 else { continue }
            BlastConnection.sendAtOnce(client)
            seen.withLock { $0.connections += 1 }
            connections.append(PostConnection(descriptor: client))
            interests.append(pollfd(fd: client, events: Int16(POLLIN), revents: 0))
        }
    }
}

/// One connection to the server, whose client waits for each answer before it goes on.
private final class PostConnection {
    let descriptor: Int32
    private var buffer = [UInt8](repeating: 0, count: 1 << 20)
    private var have = 0
    /// Bytes of the request that is coming, once its head is here.
    private var wanted: Int?

    init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// Reads what there is, and answers when the request is whole. False when the connection is over.
    func receive(_ seen: borrowing Mutex<PostServer.Seen>) -> Bool {
        let count = buffer.withUnsafeMutableBytes {
            recv(descriptor, $0.baseAddress?.advanced(by: have), $0.count - 1 - have, 0)
        }
        guard count > 0 else { return false }
        have += count
        // For functions that look at text to its end.
        buffer[have] = 0
        wanted = wanted ?? requestLength()
        guard let wanted, have >= wanted else { return true }
        seen.withLock { seen in
            if wanted > seen.longest.count { seen.longest = Array(buffer[..<wanted]) }
        }
        have = 0
        self.wanted = nil
        return PostServer.answer.withUnsafeBytes { BlastConnection.sendAll($0, to: descriptor) }
    }

    /// Head and body, once the head is here. Header names are looked for as libcurl writes them.
    private func requestLength() -> Int? {
        buffer.withUnsafeBytes { bytes in
            guard let text = bytes.assumingMemoryBound(to: CChar.self).baseAddress, let end = strstr(text, "\r\n\r\n")
            else { return nil }
            let name = "Content-Length: "
            let length = strstr(text, name).map { strtol($0 + name.utf8.count, nil, 10) } ?? 0
            return UnsafePointer(end) - text + 4 + length
        }
    }
}

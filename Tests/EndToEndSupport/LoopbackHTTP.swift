import Foundation

/// One HTTP request to a server of the test's own on 127.0.0.1, past every proxy and every pool of connections.
public enum LoopbackHTTP {
    public struct Answer: Sendable {
        public var status: Int
        public var body: Data
        /// Names in lower case.
        public var headers: [String: String] = [:]
    }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Sends a request on a connection of its own and returns the answer, whatever its status.
    ///
    /// - Parameters:
    ///   - path: with the query, if there is one.
    ///   - limit: on each wait for a part of the answer.
    public static func request(
        _ method: String, port: UInt16, path: String, body: Data? = nil, limit: Duration = .seconds(20)
    ) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            // Blocking calls have no place on the threads of the test's own tasks.
            Thread.detachNewThread {
                continuation.resume(
                    with: Result { try exchange(method, port: port, path: path, body: body, limit: limit) })
            }
        }
    }

    private static func exchange(
        _ method: String, port: UInt16, path: String, body: Data?, limit: Duration
    ) throws -> Answer {
        let descriptor = try LoopbackPort.connection(to: port)
        defer { close(descriptor) }
        var wait = timeval(tv_sec: Int(limit.components.seconds), tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
        var head = "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nConnection: close\r\n"
        if let body { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
        let request = Data((head + "\r\n").utf8) + (body ?? Data())
        guard SocketBytes.write(request, to: descriptor) else { throw SystemFailure("send to port \(port)") }
        guard let answer = HTTPPart(reading: descriptor) else {
            throw Failure(description: "\(method) \(path) at port \(port): no answer")
        }
        guard let status = answer.firstLine.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Failure(description: "\(method) \(path) at port \(port): \(answer.firstLine)")
        }
        return Answer(status: status, body: answer.body, headers: answer.headers)
    }
}

/// A request or an answer as it came: one with a `Content-Length`, or without a body.
struct HTTPPart {
    var firstLine: String
    /// Names in lower case.
    var headers: [String: String] = [:]
    var body = Data()

    /// Reads from a blocking socket. Nil when it ends, or when a wait takes longer than the socket allows.
    init?(reading descriptor: Int32) {
        var bytes = Data()
        while bytes.range(of: Data("\r\n\r\n".utf8)) == nil {
            guard bytes.count < 1 << 20, let more = SocketBytes.read(descriptor) else { return nil }
            bytes += more
        }
        guard let end = bytes.range(of: Data("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        firstLine = lines[0]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] =
                line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        body = Data(bytes[end.upperBound...])
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while body.count < length {
            guard let more = SocketBytes.read(descriptor) else { return nil }
            body += more
        }
    }
}

/// Whole reads and writes on a blocking socket.
enum SocketBytes {
    static func read(_ descriptor: Int32) -> Data? {
        var buffer = [UInt8](repeating: 0, count: 256 * 1024)
        var count: Int
        repeat { count = recv(descriptor, &buffer, buffer.count, 0) } while count == -1 && errno == EINTR
        return count > 0 ? Data(buffer[..<count]) : nil
    }

    /// False when the peer is gone.
    static func write(_ bytes: Data, to descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                send(descriptor, buffer.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}

import Foundation

/// Clients that send just what they are told, and take what comes until the end of the connection.
public enum RawExchange {
    public static func connect(_ path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemFailure("socket") }
        guard withAddress(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            let failure = SystemFailure("connect")
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    /// The file of a socket that nobody listens on any more.
    public static func leaveStale(_ path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        guard withAddress(path, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 1) == 0 else {
            throw SystemFailure("bind")
        }
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    /// - Parameter pause: between two reads, for a client that is slow.
    public static func exchange(_ path: String, _ request: String, pause: Duration = .zero) async throws -> String {
        try await exchange(request, pause) { try connect(path) }
    }

    public static func exchange(port: UInt16, _ request: String) async throws -> String {
        try await exchange(request, .zero) { try LoopbackPort.connection(to: port) }
    }

    public struct Answer: Sendable {
        public var status: Int
        public var body: String
    }

    /// An HTTP GET over a socket in the file system.
    public static func get(_ path: String, socket: String) async throws -> Answer {
        let answer = try await exchange(socket, "GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        guard let end = answer.range(of: "\r\n\r\n"), let status = Int(answer.dropFirst("HTTP/1.1 ".count).prefix(3))
        else {
            throw LoopbackHTTP.Failure(description: "no HTTP answer: \(answer.prefix(100))")
        }
        return Answer(status: status, body: String(answer[end.upperBound...]))
    }

    private static func exchange(
        _ request: String, _ pause: Duration, connect: @escaping @Sendable () throws -> Int32
    ) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        let descriptor = try connect()
                        defer { close(descriptor) }
                        var limit = timeval(tv_sec: 10, tv_usec: 0)
                        setsockopt(
                            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
                        let bytes = Array(request.utf8)
                        guard send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
                            throw SystemFailure("send")
                        }
                        var answer: [UInt8] = []
                        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
                        while true {
                            let count = recv(descriptor, &buffer, buffer.count, 0)
                            guard count >= 0 else { throw SystemFailure("recv") }
                            if count == 0 { return String(decoding: answer, as: UTF8.self) }
                            answer += buffer[..<count]
                            if pause > .zero { usleep(1000) }
                        }
                    })
            }
        }
    }
}

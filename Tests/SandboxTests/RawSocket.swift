import Foundation

/// A blocking TCP connection to this machine. All waiting happens on threads of its own.
final class RawSocket: @unchecked Sendable {
    struct Failure: Error {
        var text: String
    }

    private let descriptor: Int32
    private var buffer: [UInt8] = []

    init(port: UInt16, timeout: Double = 10) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: Int(timeout), tv_usec: Int((timeout - timeout.rounded(.down)) * 1_000_000))
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            Glibc.close(descriptor)
            throw Failure(text: "connect: \(errno)")
        }
    }

    deinit { Glibc.close(descriptor) }

    /// Runs blocking work beside the tasks' threads.
    static func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }

    func disconnect() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(text: "send: \(errno)") }
            sent += count
        }
    }

    /// The next `count` bytes; nil if the connection ends before the first.
    func read(_ count: Int) throws -> [UInt8]? {
        while buffer.count < count {
            if try !fill() {
                if buffer.isEmpty { return nil }
                throw Failure(text: "end of stream after \(buffer.count) of \(count) bytes")
            }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer.prefix(count))
    }

    /// All up to and with `mark`; nil if the connection ends before the first byte.
    func read(through mark: String) throws -> String? {
        let pattern = Array(mark.utf8)
        while true {
            if let place = buffer.indices.first(where: { buffer[$0...].starts(with: pattern) }) {
                return try read(place + pattern.count).map { String(decoding: $0, as: UTF8.self) }
            }
            if try !fill() {
                if buffer.isEmpty { return nil }
                throw Failure(text: "end of stream before \(mark)")
            }
        }
    }

    private func fill() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        if count < 0, errno == ECONNRESET { return false }
        guard count >= 0 else { throw Failure(text: errno == EAGAIN ? "timeout" : "recv: \(errno)") }
        buffer += chunk.prefix(count)
        return count > 0
    }
}

import Foundation
import Synchronization

/// A program that webhooks are sent to, on a socket of this machine: each request is answered as a script says.
final class LocalTarget: Sendable {
    /// What a request gets.
    enum Answer: Sendable {
        /// A status, perhaps with further header lines, each ended by CR LF.
        case status(Int, headers: String = "")
        /// These bytes.
        case bytes(String)
        /// These bytes, and then nothing.
        case stalled(String)
        /// A body without end.
        case endless
        /// The connection is closed.
        case closed
        /// Nothing, ever.
        case silence
    }

    struct Request: Sendable {
        var headers: [String: String]
        var body: String

        /// The first number of the body: of an event line its `seq`.
        var sequence: Int { Int(body.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? 0 }
    }

    private struct State {
        var requests: [Request] = []
        var listener: Int32?
        var connections: Set<Int32> = []
    }

    let port: UInt16
    private let script: @Sendable (_ number: Int, Request) -> Answer
    private let state = Mutex(State())

    /// - Parameters:
    ///   - path: of a Unix domain socket; nil for a port of 127.0.0.1.
    ///   - script: by the number of the request, from 1.
    init(path: String? = nil, _ script: @escaping @Sendable (_ number: Int, Request) -> Answer) throws {
        self.script = script
        (port, _) = try Self.listen(path: path, port: 0, state)
        serve()
    }

    deinit { goDown() }

    var requests: [Request] { state.withLock { $0.requests } }
    var url: String { "http://127.0.0.1:\(port)/hook" }

    /// Accepts no connections any more, and breaks those that stand.
    func goDown() {
        state.withLock { state in
            if let listener = state.listener {
                shutdown(listener, Int32(SHUT_RDWR))
                close(listener)
            }
            state.listener = nil
            for connection in state.connections { shutdown(connection, Int32(SHUT_RDWR)) }
        }
    }

    func comeUp() throws {
        _ = try Self.listen(path: nil, port: port, state)
        serve()
    }

    private static func listen(path: String?, port: UInt16, _ state: borrowing Mutex<State>) throws -> (UInt16, Int32) {
        let listener = socket(path == nil ? AF_INET : AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var one: Int32 = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        var result: Int32
        var bound = port
        if let path {
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            result = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        } else {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            (result, bound) = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    let result = bind(listener, $0, size)
                    getsockname(listener, $0, &size)
                    return (result, UInt16(bigEndian: pointer.pointee.sin_port))
                }
            }
        }
        guard result == 0, Glibc.listen(listener, 64) == 0 else { throw POSIXError(.EADDRINUSE) }
        state.withLock { $0.listener = listener }
        return (bound, listener)
    }

    private func serve() {
        guard let listener = state.withLock({ $0.listener }) else { return }
        Thread.detachNewThread { [weak self] in
            while true {
                let connection = accept(listener, nil, nil)
                guard connection >= 0 else { return }
                self?.state.withLock { _ = $0.connections.insert(connection) }
                Thread.detachNewThread { [weak self] in
                    while let isOpen = self?.answerOne(connection), isOpen {}
                    self?.state.withLock { _ = $0.connections.remove(connection) }
                    close(connection)
                }
            }
        }
    }

    /// False when the connection is to be closed.
    private func answerOne(_ connection: Int32) -> Bool {
        guard let request = Self.read(connection) else { return false }
        let number = state.withLock { state in
            state.requests.append(request)
            return state.requests.count
        }
        switch script(number, request) {
        case .status(let status, let headers):
            return send("HTTP/1.1 \(status) Text\r\n\(headers)Content-Length: 2\r\n\r\nok", connection)
        case .bytes(let text):
            _ = send(text, connection)
            return false
        case .stalled(let text):
            _ = send(text, connection)
            return Self.read(connection) != nil
        case .endless:
            _ = send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n", connection)
            let part = String(repeating: "x", count: 10_000)
            while send(part, connection) {}
            return false
        case .closed: return false
        case .silence: return Self.read(connection) != nil
        }
    }

    private func send(_ text: String, _ connection: Int32) -> Bool {
        let bytes = Array(text.utf8)
        return Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    private static func read(_ connection: Int32) -> Request? {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65_536)
        let end = Array("\r\n\r\n".utf8)
        var head: Range<Int>?
        var length = 0
        while true {
            if head == nil, let range = bytes.firstRange(of: end) { head = range }
            if let head {
                let lines = String(decoding: bytes[..<head.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
                let pairs = lines.dropFirst().compactMap { line -> (String, String)? in
                    let parts = line.split(separator: ":", maxSplits: 1)
                    guard parts.count == 2 else { return nil }
                    return (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces))
                }
                let headers = Dictionary(pairs) { $1 }
                length = Int(headers["content-length"] ?? "") ?? 0
                if bytes.count >= head.upperBound + length {
                    return Request(headers: headers, body: String(decoding: bytes[head.upperBound...], as: UTF8.self))
                }
            }
            let count = recv(connection, &part, part.count, 0)
            guard count > 0 else { return nil }
            bytes += part[..<count]
        }
    }
}

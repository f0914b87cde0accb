import Foundation
import JSONText

/// An answer of the sandbox.
struct Answer: Sendable {
    var status: Int
    /// Names in lower case.
    var headers: [String: String]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    var json: JSONValue { JSONValue.parse(body) ?? .null }
}

/// HTTP, one request a connection.
struct HTTPClient: Sendable {
    var port: UInt16

    /// Nil if the server hangs up without an answer.
    func send(
        _ method: String, _ target: String, headers: [String: String] = [:], body: [UInt8] = []
    ) async throws -> Answer? {
        try await RawSocket.blocking {
            let socket = try RawSocket(port: port)
            var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            for (name, value) in headers { head += "\(name): \(value)\r\n" }
            head += "Content-Length: \(body.count)\r\n\r\n"
            try socket.write(Array(head.utf8) + body)
            return try Self.readAnswer(socket)
        }
    }

    func get(_ target: String) async throws -> Answer {
        guard let answer = try await send("GET", target) else { throw RawSocket.Failure(text: "no answer") }
        return answer
    }

    func post(
        _ target: String, _ body: String, type: String = "application/json", headers: [String: String] = [:]
    ) async throws -> Answer {
        let all = headers.merging(["Content-Type": type]) { $1 }
        guard let answer = try await send("POST", target, headers: all, body: Array(body.utf8)) else {
            throw RawSocket.Failure(text: "no answer")
        }
        return answer
    }

    static func readAnswer(_ socket: RawSocket) throws -> Answer? {
        guard let head = try socket.read(through: "\r\n\r\n") else { return nil }
        var lines = head.components(separatedBy: "\r\n")
        let status = Int(lines.removeFirst().split(separator: " ")[1]) ?? 0
        var headers: [String: String] = [:]
        for line in lines where line.contains(":") {
            let sides = line.split(separator: ":", maxSplits: 1)
            let value = sides.count > 1 ? sides[1].trimmingCharacters(in: .whitespaces) : ""
            headers[sides[0].lowercased()] = value
        }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        let body = status == 304 || status == 101 ? [] : try socket.read(length) ?? []
        return Answer(status: status, headers: headers, body: body)
    }
}

/// A WebSocket client of the few frames that a subscriber needs (RFC 6455, section 5).
final class SocketClient: Sendable {
    struct Frame: Sendable, Equatable {
        var opcode: UInt8
        var payload: [UInt8]

        var text: String { String(decoding: payload, as: UTF8.self) }
        /// Code and reason of a close frame.
        var close: (code: Int, reason: String)? {
            guard opcode == 8, payload.count >= 2 else { return nil }
            return (Int(payload[0]) << 8 | Int(payload[1]), String(decoding: payload.dropFirst(2), as: UTF8.self))
        }
    }

    private let socket: RawSocket
    let answer: Answer

    /// Opens `target`; the handshake's answer is kept, whatever it is.
    init(port: UInt16, target: String, timeout: Double = 10) async throws {
        (socket, answer) = try await RawSocket.blocking {
            let socket = try RawSocket(port: port, timeout: timeout)
            let head =
                "GET \(target) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            try socket.write(Array(head.utf8))
            guard let answer = try HTTPClient.readAnswer(socket) else { throw RawSocket.Failure(text: "no answer") }
            return (socket, answer)
        }
    }

    var isOpen: Bool { answer.status == 101 }

    /// The next frame; nil at the end of the stream.
    func frame() async throws -> Frame? {
        try await RawSocket.blocking { [socket] in
            guard let head = try socket.read(2) else { return nil }
            var length = Int(head[1] & 0x7F)
            if length >= 126 {
                let extended = try socket.read(length == 126 ? 2 : 8) ?? []
                length = extended.reduce(0) { $0 << 8 | Int($1) }
            }
            return Frame(opcode: head[0] & 0x0F, payload: length == 0 ? [] : try socket.read(length) ?? [])
        }
    }

    func send(_ opcode: UInt8, _ payload: [UInt8] = []) async throws {
        let mask: [UInt8] = [1, 2, 3, 4]
        var bytes = [0x80 | opcode]
        if payload.count < 126 {
            bytes.append(0x80 | UInt8(payload.count))
        } else {
            bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        }
        bytes += mask
        bytes += payload.enumerated().map { $1 ^ mask[$0 % 4] }
        let frame = bytes
        try await RawSocket.blocking { [socket] in try socket.write(frame) }
    }

    func disconnect() { socket.disconnect() }
}

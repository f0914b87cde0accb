import Testing
import WebSocket

/// Answers to a handshake whose key is that of RFC 6455 1.3.
enum HandshakeAnswer {
    static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    static let accepting =
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        + "Sec-WebSocket-Accept: \(accept)\r\n\r\n"
    static let chunked =
        "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "b;x=y\r\nWrong Chann\r\n6\r\nel Id.\r\n0\r\n\r\n"
    static let tooManyRequests =
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 120\r\nContent-Length: 9\r\n\r\nslow down"

    static func handshake(
        target: String = "/sub/?clientId=1", headers: [(name: String, value: String)] = []
    ) -> OpeningHandshake {
        OpeningHandshake(
            host: "push.example.com:8443", target: target, headers: headers, key: Array("the sample nonce".utf8))
    }

    /// What comes of an answer in pieces of `size` bytes, then the end of the stream if it is asked for.
    static func outcome(
        _ answer: String, size: Int = .max, endsStream: Bool = false, handshake: OpeningHandshake = handshake()
    ) -> Result {
        var handshake = handshake
        let bytes = Array(answer.utf8)
        var start = 0
        while start < bytes.count {
            let end = start + min(size, bytes.count - start)
            let outcome = bytes[start..<end].withUnsafeBytes { handshake.receive($0) }
            switch outcome {
            case .incomplete: start = end
            case .accepted(let consumed): return .accepted(rest: Array(bytes[(start + consumed)..<bytes.count]))
            default: return Result(outcome)
            }
        }
        return Result(endsStream ? handshake.endOfStream() : .incomplete)
    }

    enum Result: Equatable {
        case incomplete
        case accepted(rest: [UInt8])
        case refused(status: Int, reason: String, headers: [String], body: String)
        case invalid(String)

        init(_ outcome: OpeningHandshake.Outcome) {
            switch outcome {
            case .incomplete: self = .incomplete
            case .accepted: self = .accepted(rest: [])
            case .refused(let status, let reason, let headers, let body):
                self = .refused(
                    status: status, reason: reason, headers: headers.map { "\($0.name)=\($0.value)" },
                    body: String(decoding: body, as: UTF8.self))
            case .invalid(let violation): self = .invalid(violation.message)
            }
        }
    }
}

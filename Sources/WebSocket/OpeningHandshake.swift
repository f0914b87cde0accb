/// The client's side of the opening handshake (RFC 6455 4.1): a request to send, and a judge of the answer. Extensions
/// are never offered.
public struct OpeningHandshake: Sendable {
    public enum Outcome: Sendable {
        /// More bytes are needed.
        case incomplete
        /// The connection is open. `consumed` bytes of the chunk given belonged to the answer; the rest are frames.
        case accepted(consumed: Int)
        /// A whole HTTP answer other than 101. Header names are in lower case; the body is cut at 4 KiB. Never
        /// followed anywhere: what the status means is the caller's matter.
        case refused(status: Int, reason: String, headers: [(name: String, value: String)], body: [UInt8])
        /// Not an answer to this request. Its `closeCode` is 1006: nothing is sent.
        case invalid(ProtocolViolation)
    }

    /// Bytes of status line and header fields, interim answers included.
    public static let maximumHeadSize = 64 * 1024

    /// The request's bytes.
    public let request: [UInt8]

    private let expectedAccept: String
    private let offeredProtocols: [String]
    private var head: [UInt8] = []
    /// Where the answer begins in `head`, behind interim answers (1xx).
    private var answerStart = 0
    private var refusal: (head: AnswerHead, body: AnswerBody)?
    private var decided: Outcome?

    /// - Parameters:
    ///   - host: the `Host` field: `host` or `host:port`.
    ///   - target: path and query. Blanks, control characters, `#` and bytes outside ASCII are sent percent-encoded.
    ///   - headers: further fields. Those whose name is malformed, or is the handshake's own or a body's, are left
    ///     out; line breaks in values become blanks.
    ///   - key: 16 bytes from a strong source of randomness, new for every connection.
    public init(host: String, target: String, headers: [(name: String, value: String)] = [], key: [UInt8]) {
        let nonce = base64(key)
        var text = Array("GET ".utf8) + Self.encoded(target: target) + Array(" HTTP/1.1\r\nHost: ".utf8)
        text += host.utf8.filter { $0 > 0x20 && $0 < 0x7F }
        text += Array(
            """
            \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: \(nonce)\r\nSec-WebSocket-Version: 13\r\n
            """.utf8)
        var protocols: [String] = []
        for (name, value) in headers {
            guard !name.isEmpty, name.utf8.allSatisfy(isTokenCharacter) else { continue }
            let lowercase = name.lowercased()
            if Self.ownFields.contains(lowercase) { continue }
            if lowercase == "sec-websocket-protocol" {
                protocols += value.split { $0 == "," || $0 == " " || $0 == "\t" }.map(String.init)
            }
            text += Array(name.utf8) + [UInt8(ascii: ":"), 0x20]
            text += value.utf8.map { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F ? 0x20 : $0 }
            text += [0x0D, 0x0A]
        }
        request = text + [0x0D, 0x0A]
        expectedAccept = acceptKey(for: nonce)
        offeredProtocols = protocols
    }

    /// Takes the next bytes of the answer, in whatever pieces. Once an outcome is decided it stays.
    public mutating func receive(_ chunk: UnsafeRawBufferPointer) -> Outcome {
        if let decided {
            if case .accepted = decided { return .accepted(consumed: 0) }
            return decided
        }
        let outcome = refusal == nil ? receiveHead(chunk) : receiveBody(chunk)
        if case .incomplete = outcome { return outcome }
        decided = outcome
        return outcome
    }

    /// The stream has ended. A refusal whose body has no other end is complete now.
    public mutating func endOfStream() -> Outcome {
        if let decided { return decided }
        let outcome: Outcome
        if let refusal {
            outcome = Self.refused(refusal.head, refusal.body.content.bytes)
        } else {
            outcome = .invalid(.handshake("connection ended within the handshake"))
        }
        decided = outcome
        return outcome
    }

    private static let ownFields: Set<String> = [
        "host", "upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions",
        "sec-websocket-accept", "content-length", "transfer-encoding",
    ]

    private static func encoded(target: String) -> [UInt8] {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = target.utf8.first == UInt8(ascii: "/") ? [] : [UInt8(ascii: "/")]
        for byte in target.utf8 {
            if byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "#") {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
        }
        return bytes
    }

    private mutating func receiveHead(_ chunk: UnsafeRawBufferPointer) -> Outcome {
        let before = head.count
        head.append(contentsOf: chunk.prefix(Self.maximumHeadSize - before))
        var searchFrom = before
        while let end = AnswerHead.end(in: head, from: searchFrom) {
            let answer: AnswerHead
            do throws(ProtocolViolation) {
                answer = try AnswerHead(head[answerStart..<end])
                if answer.status == 101 { try check(answer) }
            } catch {
                return .invalid(error)
            }
            switch answer.status {
            case 101:
                head = []
                return .accepted(consumed: end - before)
            case 100..<200:
                // Interim answers precede the one that counts (RFC 9110 15.2).
                answerStart = end
                searchFrom = end
            default:
                head = []
                refusal = (answer, AnswerBody(head: answer))
                return receiveBody(UnsafeRawBufferPointer(rebasing: chunk[(end - before)...]))
            }
        }
        if head.count >= Self.maximumHeadSize { return .invalid(.handshake("answer's head is larger than 64 KiB")) }
        return .incomplete
    }

    private mutating func receiveBody(_ chunk: UnsafeRawBufferPointer) -> Outcome {
        refusal?.body.append(chunk)
        guard let refusal else { return .incomplete }
        let (bytes, isComplete) = refusal.body.content
        return isComplete ? Self.refused(refusal.head, bytes) : .incomplete
    }

    private static func refused(_ head: AnswerHead, _ body: [UInt8]) -> Outcome {
        .refused(status: head.status, reason: head.reason, headers: head.headers, body: body)
    }

    /// The client's duties on a 101, in the order of RFC 6455 4.1.
    private func check(_ answer: AnswerHead) throws(ProtocolViolation) {
        guard answer.isHTTP11 else { throw .handshake("101 in a version before HTTP/1.1") }
        guard answer.values("upgrade").map({ $0.lowercased() }) == ["websocket"] else {
            throw .handshake("101 without `Upgrade: websocket`")
        }
        guard answer.tokens("connection").contains(where: { $0.lowercased() == "upgrade" }) else {
            throw .handshake("101 without `Connection: Upgrade`")
        }
        guard answer.values("sec-websocket-accept") == [expectedAccept] else {
            throw .handshake("101 with a wrong or missing Sec-WebSocket-Accept")
        }
        guard answer.tokens("sec-websocket-extensions").isEmpty else {
            throw .handshake("101 with an extension that was not offered")
        }
        let protocols = answer.values("sec-websocket-protocol")
        guard protocols.count <= 1, protocols.allSatisfy({ $0.isEmpty || offeredProtocols.contains($0) }) else {
            throw .handshake("101 with a subprotocol that was not offered")
        }
    }
}

/// The request's target holds signed channel ids, so the handshake does not print itself.
extension OpeningHandshake: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    public var description: String { "OpeningHandshake" }
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

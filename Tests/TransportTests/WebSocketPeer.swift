import Foundation
import Secrets

/// A push server's side of a WebSocket, written anew here so that it shares no error with the product.
extension LoopbackPeer {
    struct Frame: Equatable {
        var opcode: UInt8
        var payload: [UInt8]
    }

    static func accept(for head: String) -> String {
        let key = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("sec-websocket-key:") }
        let value = key?.split(separator: ":")[1].trimmingCharacters(in: .whitespaces) ?? ""
        let digest = Digest.sha1(Array((value + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        return Data(digest).base64EncodedString()
    }

    /// Reads the upgrade and accepts it, with `early` in the same write. The request's head, or nil without one.
    @discardableResult
    func upgrade(early: [UInt8] = []) -> String? {
        guard let head = readHead() else { return nil }
        acceptUpgrade(head, early: early)
        return head
    }

    func acceptUpgrade(_ head: String, early: [UInt8] = []) {
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: \(Self.accept(for: head))\r\n\r\n"
        write(Array(answer.utf8) + early)
    }

    static func frame(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
        var bytes = [0x80 | opcode]
        switch payload.count {
        case ..<126: bytes.append(UInt8(payload.count))
        case ..<65536: bytes += [126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: bytes += [127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        return bytes + payload
    }

    static func text(_ text: String) -> [UInt8] { frame(1, Array(text.utf8)) }

    static func close(_ code: UInt16, _ reason: String = "") -> [UInt8] {
        frame(8, [UInt8(code >> 8), UInt8(code & 0xFF)] + Array(reason.utf8))
    }

    /// A client's frame without its mask, or nil at the end of the stream.
    func readFrame() -> Frame? {
        guard let head = read(exactly: 2), head[1] & 0x80 != 0 else { return nil }
        var length = Int(head[1] & 0x7F)
        if length >= 126 {
            guard let bytes = read(exactly: length == 126 ? 2 : 8) else { return nil }
            length = bytes.reduce(0) { $0 << 8 | Int($1) }
        }
        guard let mask = read(exactly: 4), let payload = read(exactly: length) else { return nil }
        return Frame(opcode: head[0] & 0x0F, payload: payload.enumerated().map { $1 ^ mask[$0 % 4] })
    }

    /// Answers pings with pongs and a Close with a Close, until the end of the stream.
    func serveControlFrames() {
        while let frame = readFrame() {
            switch frame.opcode {
            case 8:
                write(Self.frame(8, frame.payload))
                return
            case 9: write(Self.frame(10, frame.payload))
            default: break
            }
        }
    }
}

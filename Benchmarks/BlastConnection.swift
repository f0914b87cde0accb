import EndToEndSupport
import Foundation
import Secrets

/// One connection to the blast server: as much HTTP and WebSocket as a well-behaved subscriber needs.
struct BlastConnection {
    struct Request {
        var head: String

        /// A header's value, its name in lower case.
        func header(_ name: String) -> String? {
            for line in head.split(separator: "\r\n").dropFirst() {
                guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { continue }
                return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            }
            return nil
        }
    }

    let descriptor: Int32
    private var waiting: [UInt8] = []

    init(descriptor: Int32) {
        self.descriptor = descriptor
        Self.sendAtOnce(descriptor)
    }

    /// What is written goes, however little it is (TCP_NODELAY).
    static func sendAtOnce(_ descriptor: Int32) {
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The next request, its body read and left aside. Nil at the end.
    mutating func request() -> Request? {
        let blank = Array("\r\n\r\n".utf8)
        while true {
            if let range = Data(waiting).range(of: Data(blank)) {
                let request = Request(head: String(decoding: waiting[..<range.lowerBound], as: UTF8.self))
                let length = request.header("content-length").flatMap { Int($0) } ?? 0
                while waiting.count < range.upperBound + length { guard read() else { return nil } }
                waiting.removeFirst(range.upperBound + length)
                return request
            }
            guard read() else { return nil }
        }
    }

    func answer(_ body: String, status: String = "200 OK") {
        send(
            "HTTP/1.1 \(status)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    func upgrade(_ key: String) {
        let proof = Digest.sha1(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
        send(
            """
            HTTP/1.1 101 Switching Protocols\r
            Upgrade: websocket\r
            Connection: Upgrade\r
            Sec-WebSocket-Accept: \(Data(proof).base64EncodedString())\r
            \r\n
            """)
    }

    /// Until the subscriber closes: its pings get their pongs, its Close an answer.
    mutating func answerPings() {
        while true {
            while waiting.count < 6 { guard read() else { return } }
            let length = Int(waiting[1] & 0x7F)
            guard length < 126 else { return }
            while waiting.count < 6 + length { guard read() else { return } }
            let mask = waiting[2..<6].map { $0 }
            let payload = waiting[6..<(6 + length)].enumerated().map { $1 ^ mask[$0 % 4] }
            let opcode = waiting[0] & 0x0F
            waiting.removeFirst(6 + length)
            if opcode == 0x9 || opcode == 0x8 {
                let answer: [UInt8] = [opcode == 0x9 ? 0x8A : 0x88, UInt8(length)] + payload
                _ = answer.withUnsafeBytes { Self.sendAll($0, to: descriptor) }
            }
            if opcode == 0x8 { return }
        }
    }

    /// False when the other side has gone.
    static func sendAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = Glibc.send(
                descriptor, bytes.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private func send(_ text: String) {
        _ = Array(text.utf8).withUnsafeBytes { Self.sendAll($0, to: descriptor) }
    }

    private mutating func read() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return false }
        waiting += buffer[..<count]
        return true
    }
}

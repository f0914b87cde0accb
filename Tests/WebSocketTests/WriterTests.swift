import Testing
import WebSocket

@Suite("What a session sends is what RFC 6455 asks of a client")
struct WriterTests {
    private func session(_ key: UInt32 = 0x3712_FA21) -> WebSocketSession {
        WebSocketSession(maskingKey: { key })
    }

    @Test("a masked text is the RFC's own example (5.7)")
    func rfcExample() {
        var session = session(0x37FA_213D)
        let queued = session.sendText("Hello")
        #expect(queued)
        #expect(
            session.takeOutgoing() == [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58])
        #expect(session.takeOutgoing().isEmpty)
    }

    @Test(
        "a payload is masked with the given key, its length in the shortest form",
        arguments: [
            (0, 1), (1, 1), (7, 1), (8, 1), (9, 1), (125, 1), (126, 3), (127, 3), (65535, 3), (65536, 9), (65543, 9),
        ])
    func lengths(_ size: Int, _ lengthSize: Int) throws {
        var session = session()
        let payload = asciiPayload(size)
        session.sendBinary(payload)
        let sent = session.takeOutgoing()
        #expect(sent.count == 1 + lengthSize + 4 + size)
        let frames = try #require(ClientFrame.parse(sent))
        #expect(
            frames == [
                ClientFrame(opcode: 0x2, key: [0x37, 0x12, 0xFA, 0x21], payload: payload, lengthSize: lengthSize)
            ])
    }

    @Test("every frame has a key of its own")
    func freshKeys() throws {
        let keys = Keys()
        var session = WebSocketSession(maskingKey: { keys.next() })
        session.sendText("a")
        session.ping([1])
        session.close(code: 1000)
        let frames = try #require(ClientFrame.parse(session.takeOutgoing()))
        #expect(frames.map(\.key) == [[0, 0, 0, 1], [0, 0, 0, 2], [0, 0, 0, 3]])
    }

    @Test("a ping carries up to 125 bytes, and no more are sent")
    func pings() throws {
        var session = session()
        let queued = [125, 126].map { session.ping([UInt8](repeating: 7, count: $0)) }
        #expect(queued == [true, false])
        let frames = try #require(ClientFrame.parse(session.takeOutgoing()))
        #expect(frames.map(\.opcode) == [0x9])
        #expect(frames.map(\.payload.count) == [125])
    }

    @Test("a close carries code and reason, once, and nothing is queued after it")
    func close() throws {
        var session = session()
        session.close(code: 3001, reason: "channel expired")
        session.close(code: 1000)
        #expect(session.state == .closing)
        let queued = [session.sendText("late"), session.sendBinary([1]), session.ping()]
        #expect(queued == [false, false, false])
        let frames = try #require(ClientFrame.parse(session.takeOutgoing()))
        #expect(frames.count == 1)
        #expect(frames.first?.payload == [0x0B, 0xB9] + Array("channel expired".utf8))
    }

    @Test(
        "a reason is cut between characters to 123 bytes", arguments: [("é", 122), ("a", 123), ("漢", 123), ("😀", 120)])
    func longReason(_ character: String, _ size: Int) throws {
        var session = session()
        session.close(code: 1000, reason: String(repeating: character, count: 200))
        let frames = try #require(ClientFrame.parse(session.takeOutgoing()))
        let reason = try #require(frames.first).payload.dropFirst(2)
        #expect(reason.count == size)
        #expect(String(validating: reason, as: UTF8.self) != nil)
    }

    @Test(
        "a code that must not be on the wire is left out",
        arguments: [UInt16(0), 999, 1004, 1005, 1006, 1015, 5000, 65535])
    func unsendableCode(_ code: UInt16) throws {
        var session = session()
        session.close(code: code, reason: "why")
        let frames = try #require(ClientFrame.parse(session.takeOutgoing()))
        #expect(frames.map(\.payload) == [[]])
        session.endOfStream()
        #expect(session.ending == .closedByUs(sent: CloseFrame(code: 1005), answer: nil))
    }
}

/// Counts masking keys.
private final class Keys: @unchecked Sendable {
    private var last: UInt32 = 0

    func next() -> UInt32 {
        last += 1
        return last
    }
}

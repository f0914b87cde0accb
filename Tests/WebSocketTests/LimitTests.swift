import Testing
import WebSocket

@Suite("A session is bounded, whatever a server sends")
struct LimitTests {
    private func limits(_ size: Int) -> WebSocketSession.Limits {
        var limits = WebSocketSession.Limits()
        limits.maximumMessageSize = size
        return limits
    }

    @Test("a message of exactly the limit passes, one byte more is 1009", arguments: [125, 126, 65535, 65536, 1 << 20])
    func exactLimit(_ size: Int) {
        for cuts in [[], [1], [5], [size / 2]] {
            let fitting = Reception(Server.binary(asciiPayload(size)), cuts: cuts, limits: limits(size))
            #expect(fitting.messages == [.binary(asciiPayload(size))])
            let larger = Reception(Server.text(asciiPayload(size + 1)), cuts: cuts, limits: limits(size))
            #expect(larger.messages.isEmpty)
            #expect(larger.closes == [1009])
        }
    }

    @Test("fragments count together")
    func fragmentsTogether() {
        let input = Server.fragmented(0x1, asciiPayload(301), size: 100)
        #expect(Reception(input, limits: limits(301)).messages == [.text(asciiPayload(301))])
        #expect(Reception(input, limits: limits(300)).closes == [1009])
    }

    @Test(
        "the header alone decides: 1009 before a byte of payload arrives",
        arguments: [UInt64(64 << 20) + 1, 1 << 40, 1 << 62, UInt64(Int64.max)])
    func headerDecides(_ announced: UInt64) {
        let reception = Reception(Server.frame(0x2, length: announced))
        guard case .violation(let violation) = reception.ending else {
            Issue.record("no violation")
            return
        }
        #expect(violation.closeCode == 1009)
        let second = Server.text("abc", fin: false) + Server.frame(0x0, length: announced)
        #expect(Reception(second).closes == [1009])
    }

    @Test("handed out in fronts, a message counts as a whole all the same")
    func frontsTogether() {
        var limits = limits(301)
        limits.frontSize = 50
        let input = Server.fragmented(0x1, asciiPayload(301), size: 100)
        #expect(Reception(input, cuts: [60, 61], limits: limits).messages == [.text(asciiPayload(301))])
        limits.maximumMessageSize = 300
        #expect(Reception(input, cuts: [60, 61], limits: limits).closes == [1009])
    }

    @Test(
        "a message of which fronts are handed out is never held whole, be it one frame or many", arguments: [0, 1000])
    func fronts(fragment: Int) {
        var limits = WebSocketSession.Limits()
        limits.frontSize = 10_000
        var session = WebSocketSession(limits: limits, maskingKey: { 0 })
        let payload = asciiPayload(100_000)
        let input = fragment == 0 ? Server.text(payload) : Server.fragmented(0x1, payload, size: fragment)
        var received: [UInt8] = []
        var extents: [MessageBatch.Extent] = []
        for start in stride(from: 0, to: input.count, by: 700) {
            var batch = MessageBatch()
            let chunk = Array(input[start..<min(start + 700, input.count)])
            chunk.withUnsafeBytes { session.receive($0, into: &batch) }
            received += batch.bytes
            extents += batch.messages.map(\.extent)
            #expect(start + 700 - received.count < 10_000 + 700 + 2000)
        }
        #expect(received == payload)
        #expect(extents.count >= 9 && extents.last == .rest && extents.dropLast().allSatisfy { $0 == .front })
    }

    @Test("an announced length costs nothing until its bytes arrive")
    func announcedLength() {
        // A thousand sessions that were each promised 64 MiB would not fit into memory otherwise.
        var sessions: [WebSocketSession] = []
        var batch = MessageBatch()
        for _ in 0..<1000 {
            var session = WebSocketSession(maskingKey: { 0 })
            (Server.frame(0x2, length: 64 << 20) + [1, 2, 3]).withUnsafeBytes { session.receive($0, into: &batch) }
            sessions.append(session)
        }
        #expect(sessions.allSatisfy { $0.state == .open })
        #expect(batch.isEmpty)
    }

    @Test("a flood of pings does not grow what waits to be sent, and the latest is answered")
    func pingFlood() throws {
        var session = WebSocketSession(maskingKey: { 0 })
        var batch = MessageBatch()
        let payload = [UInt8](repeating: 1, count: 125)
        let flood = (0..<2000).reduce(into: []) { bytes, _ in bytes += Server.ping(payload) } + Server.ping("latest")
        for _ in 0..<5 { flood.withUnsafeBytes { session.receive($0, into: &batch) } }
        #expect(session.pingsReceived == 10_005)
        let sent = session.takeOutgoing()
        #expect(sent.count < 64 * 1024 + 300)
        let frames = try #require(ClientFrame.parse(sent))
        #expect(frames.last?.payload == Array("latest".utf8))
        #expect(frames.allSatisfy { $0.opcode == 0xA })

        flood.withUnsafeBytes { session.receive($0, into: &batch) }
        Server.close(1000).withUnsafeBytes { session.receive($0, into: &batch) }
        let last = try #require(ClientFrame.parse(session.takeOutgoing())).suffix(2)
        #expect(last.map(\.opcode) == [0xA, 0x8])
    }

    @Test("counters and the last pong tell what came")
    func counters() {
        var session = WebSocketSession(maskingKey: { 0 })
        var batch = MessageBatch()
        let frames = [
            Server.pong("1"), Server.text("a", fin: false), Server.pong("2"), Server.rest("b"), Server.ping(),
            Server.binary([1]),
        ]
        frames.reduce(into: []) { $0 += $1 }.withUnsafeBytes { session.receive($0, into: &batch) }
        #expect(session.pingsReceived == 1)
        #expect(session.pongsReceived == 2)
        #expect(session.lastPong == Array("2".utf8))
    }

    @Test("messages of several chunks and turns stand back to back, and a batch can be used again")
    func batches() {
        var session = WebSocketSession(maskingKey: { 0 })
        var batch = MessageBatch()
        Server.text("one").withUnsafeBytes { session.receive($0, into: &batch) }
        let large = asciiPayload(10_000)
        Server.fragmented(0x2, large, size: 3000).withUnsafeBytes { session.receive($0, into: &batch) }
        #expect(batch.bytes == Array("one".utf8) + large)
        #expect(
            batch.messages == [.init(isBinary: false, start: 0, end: 3), .init(isBinary: true, start: 3, end: 10_003)])
        batch.removeAll()
        #expect(batch.isEmpty && batch.bytes.isEmpty && batch.bytes.capacity >= 10_000)
        Server.text("two").withUnsafeBytes { session.receive($0, into: &batch) }
        #expect(batch.messages == [.init(isBinary: false, start: 0, end: 3)])
        batch.bytes.reserveCapacity(MessageBatch.largestKeptCapacity + 1)
        batch.removeAll()
        #expect(batch.bytes.capacity < MessageBatch.largestKeptCapacity)
    }
}

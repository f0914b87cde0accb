import TestRandom
import Testing
import WebSocket

@Suite("No bytes from a server make the client trap")
struct FuzzTests {
    @Test(
        "random bytes and damaged streams end in order, the same whole and in pieces", arguments: [UInt64(1), 2, 3, 4])
    func session(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for round in 0..<2000 {
            var input: [UInt8]
            if round % 4 == 0 {
                input = random.bytes(Int.random(in: 0...60, using: &random))
            } else {
                input = Array(FrameStream(seed: random.next()).bytes.prefix(3000))
                for _ in 0..<3 where !input.isEmpty {
                    input[Int.random(in: 0..<input.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
                }
            }
            let whole = Reception(input, endsStream: true)
            let size = Int.random(in: 1...40, using: &random)
            let cuts = Array(stride(from: size, to: input.count, by: size))
            var limits = WebSocketSession.Limits()
            if Bool.random(using: &random) { limits.frontSize = Int.random(in: 1...500, using: &random) }
            let pieces = Reception(input, cuts: cuts, limits: limits, endsStream: true)
            if whole != pieces {
                Issue.record("seed \(seed), round \(round): \(whole) in pieces of \(size): \(pieces)")
            }
            if whole.state != .closed || whole.ending == nil {
                Issue.record("seed \(seed), round \(round): not closed")
            }
        }
    }

    @Test("random answers to the handshake are refused or wait for more", arguments: [UInt64(1), 2])
    func handshake(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let answers = [HandshakeAnswer.accepting, HandshakeAnswer.chunked, HandshakeAnswer.tooManyRequests]
        for _ in 0..<2000 {
            var answer = Array((answers.randomElement(using: &random) ?? "").utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                answer[Int.random(in: 0..<answer.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.chance(20) { answer = random.bytes(200) }
            var handshake = HandshakeAnswer.handshake()
            let size = Int.random(in: 1...300, using: &random)
            for start in stride(from: 0, to: answer.count, by: size) {
                let piece = answer[start..<min(start + size, answer.count)]
                let outcome = piece.withUnsafeBytes { handshake.receive($0) }
                if case .accepted(let consumed) = outcome { #expect((0...piece.count).contains(consumed)) }
            }
            if case .incomplete = handshake.endOfStream() { Issue.record("incomplete after the end") }
        }
    }
}

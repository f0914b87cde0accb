import TestRandom
import Testing
import WebSocket

@Suite("UTF-8 is judged as Swift's own decoder judges it")
struct UTF8Tests {
    private func accepts(_ text: [UInt8], cuts: [Int] = []) -> Bool {
        Reception(Server.text(text), cuts: cuts).messages == [.text(text)]
    }

    private func isUTF8(_ text: [UInt8]) -> Bool { String(validating: text, as: UTF8.self) != nil }

    @Test("every lead byte with every second byte, alone and followed by continuation bytes")
    func twoBytes() {
        for first in UInt8(0x80)...0xFF {
            for second in UInt8(0x00)...0xFF where second < 2 || second > 0x7D {
                for tail: [UInt8] in [[], [0x80], [0xBF, 0x80]] {
                    let text = [first, second] + tail
                    if accepts(text) != isUTF8(text) { Issue.record("\(text)") }
                }
            }
        }
    }

    @Test(
        "a character at every place around the edges of blocks of 8, 32 and 64 bytes",
        arguments: ["é", "€", "😀", "\u{FFFE}"])
    func everyPlace(_ character: String) {
        for count in [0, 7, 8, 31, 32, 33, 63, 64, 65, 70, 128, 130] {
            for place in 0...count {
                var text = asciiPayload(count)
                text.insert(contentsOf: Array(character.utf8), at: place)
                if !accepts(text) { Issue.record("refused at \(place) of \(count)") }
                text.remove(at: place)
                if accepts(text) { Issue.record("accepted without its lead at \(place) of \(count)") }
            }
        }
    }

    @Test("random bytes in valid text, cut anywhere", arguments: [UInt64(1), 2, 3])
    func random(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let base = Array(String(repeating: "Приветствие ab 漢字 😀 order.paid ", count: 4).utf8)
        for _ in 0..<3000 {
            var text = Array(base.prefix(Int.random(in: 0...base.count, using: &random)))
            for _ in 0..<Int.random(in: 0...2, using: &random) where !text.isEmpty {
                text[Int.random(in: 0..<text.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
            }
            let cut = Int.random(in: 1...(text.count + 2), using: &random)
            if accepts(text, cuts: [cut]) != isUTF8(text) { Issue.record("seed \(seed): \(text) cut at \(cut)") }
        }
    }
}

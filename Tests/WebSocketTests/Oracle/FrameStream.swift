import TestRandom

/// A random stream of server frames, and random places to cut it.
struct FrameStream {
    /// What the generator put into the stream beside correct frames.
    enum Fault: CaseIterable {
        case masked, reservedBits, reservedOpcode, longLength, wrongUTF8, continuationOfNothing, messageInMessage
        case longControl, fragmentedControl, badCloseCode, wrongReason
    }

    private(set) var bytes: [UInt8] = []
    private(set) var cuts: [Int] = []
    private(set) var fault: Fault?
    /// Where the Close frame begins, if there is one.
    private(set) var closeStart: Int?
    private var random: SeededRandom

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            if random.chance(20) { addControl() }
            addMessage()
        }
        if random.chance(25) {
            let fault = Fault.allCases.randomElement(using: &random)
            self.fault = fault
            fault.map { add($0) }
            addMessage()
        } else if random.chance(40) {
            addClose()
            if random.chance(30) { addMessage() }
        } else if random.chance(20), !bytes.isEmpty {
            bytes.removeLast(Int.random(in: 0..<min(bytes.count, 200), using: &random))
        }
        if random.chance(80), bytes.count > 1 {
            let places = (0..<Int.random(in: 1...12, using: &random)).map { _ in
                Int.random(in: 1..<bytes.count, using: &random)
            }
            cuts = Set(places).sorted()
        }
    }

    /// Cuts for an implementation that cannot read a Close frame in pieces: one before it, none within.
    var cutsAroundClose: [Int] {
        guard let closeStart, closeStart > 0 else { return closeStart == nil ? cuts : [] }
        return cuts.filter { $0 < closeStart } + [closeStart]
    }

    private mutating func payloadSize() -> Int {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<10: 0
        case 10..<60: Int.random(in: 1...60, using: &random)
        case 60..<90: Int.random(in: 100...500, using: &random)
        case 90..<97: [124, 125, 126, 127, 128, 129].randomElement(using: &random) ?? 125
        case 97..<99: Int.random(in: 4000...5000, using: &random)
        default: [65534, 65535, 65536, 65537].randomElement(using: &random) ?? 65536
        }
    }

    private mutating func text(_ size: Int) -> [UInt8] {
        let pieces: [String] = [
            "a", "{\"command\":\"order.paid\"}", "é", "жук", "€", "漢字", "😀", "\u{10FFFF}", "\0", " ",
        ]
        var text: [UInt8] = []
        while text.count < size { text += Array((pieces.randomElement(using: &random) ?? "a").utf8) }
        return text
    }

    private mutating func addMessage() {
        let isText = random.chance(60)
        let size = payloadSize()
        let payload = isText ? text(size) : random.bytes(size)
        var start = 0
        var opcode: UInt8 = isText ? 0x1 : 0x2
        for _ in 0..<(random.chance(40) ? Int.random(in: 1...4, using: &random) : 0) {
            let end = Int.random(in: start...payload.count, using: &random)
            bytes += Server.frame(opcode, Array(payload[start..<end]), fin: false)
            opcode = 0x0
            start = end
            if random.chance(30) { addControl() }
        }
        bytes += Server.frame(opcode, Array(payload[start...]))
    }

    private mutating func addControl() {
        let size = random.chance(10) ? 125 : Int.random(in: 0...20, using: &random)
        bytes += Server.frame(random.chance(60) ? 0x9 : 0xA, random.bytes(size))
    }

    private mutating func addClose() {
        // wslay knows the codes of the RFC itself, so 1012 to 1014 are for other tests.
        let codes: [UInt16] = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4010, 4999]
        closeStart = bytes.count
        guard random.chance(90), let code = codes.randomElement(using: &random) else {
            bytes += Server.close()
            return
        }
        let size = Int.random(in: 0...40, using: &random)
        bytes += Server.close(code, random.chance(50) ? [] : text(size))
    }

    private mutating func add(_ fault: Fault) {
        switch fault {
        case .masked: bytes += Server.frame(0x2, [1, 2, 3], mask: [1, 2, 3, 4])
        case .reservedBits: bytes += Server.frame(0x1, [0x61], rsv: UInt8.random(in: 1...7, using: &random))
        case .reservedOpcode:
            let opcodes: [UInt8] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]
            bytes += Server.frame(opcodes.randomElement(using: &random) ?? 3)
        case .longLength: bytes += Server.frame(0x2, [1, 2, 3], form: random.chance(50) ? .two : .eight)
        case .wrongUTF8:
            var wrong = text(40)
            wrong.insert(contentsOf: [0xED, 0xA0, 0x80], at: Int.random(in: 0...wrong.count, using: &random))
            bytes += Server.text(wrong)
        case .continuationOfNothing: bytes += Server.rest([1, 2], fin: random.chance(50))
        case .messageInMessage: bytes += Server.text("a", fin: false) + Server.text("b")
        case .longControl: bytes += Server.frame(0x9, random.bytes(126))
        case .fragmentedControl: bytes += Server.frame(0x9, [1], fin: false)
        case .badCloseCode:
            closeStart = bytes.count
            bytes += Server.close([0, 999, 1004, 1005, 1006, 2999, 5000].randomElement(using: &random) ?? 0)
        case .wrongReason:
            closeStart = bytes.count
            bytes += Server.close(1000, [0x61, 0xFF])
        }
    }
}

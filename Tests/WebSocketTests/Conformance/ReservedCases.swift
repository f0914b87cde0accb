/// Category 3: reserved bits, and category 4: reserved opcodes. No extension is ever agreed on, so all of them end the
/// connection.
let reservedBitCases: [ConformanceCase] = [
    ConformanceCase("3.1", "text, RSV 1", "5.2", [Server.frame(0x1, hello, rsv: 1)], ending: .violation(1002)),
    ConformanceCase(
        "3.2", "text, then text with RSV 2, then ping", "5.2",
        [Server.text(hello), Server.frame(0x1, hello, rsv: 2), Server.ping()], messages: [.text(hello)],
        ending: .violation(1002)),
    ConformanceCase(
        "3.3", "text, then text with RSV 3, then ping, frame by frame", "5.2",
        [Server.text(hello), Server.frame(0x1, hello, rsv: 3), Server.ping()], messages: [.text(hello)],
        ending: .violation(1002), chop: 15),
    ConformanceCase(
        "3.4", "text, then text with RSV 4, then ping, byte by byte", "5.2",
        [Server.text(hello), Server.frame(0x1, hello, rsv: 4), Server.ping()], messages: [.text(hello)],
        ending: .violation(1002), chop: 1),
    ConformanceCase("3.5", "binary, RSV 5", "5.2", [Server.frame(0x2, hello, rsv: 5)], ending: .violation(1002)),
    ConformanceCase("3.6", "ping, RSV 6", "5.2", [Server.frame(0x9, hello, rsv: 6)], ending: .violation(1002)),
    ConformanceCase("3.7", "close, RSV 7", "5.2", [Server.frame(0x8, rsv: 7)], ending: .violation(1002)),
    ConformanceCase(
        "3+.1", "continuation, RSV 1", "5.2",
        [Server.text("a", fin: false), Server.frame(0x0, hello, rsv: 1)], ending: .violation(1002)),
    ConformanceCase("3+.2", "pong, RSV 4", "5.2", [Server.frame(0xA, rsv: 4)], ending: .violation(1002)),
]

let opcodeCases: [ConformanceCase] = [
    ConformanceCase("4.1.1", "opcode 3", "5.2", [Server.frame(0x3)], ending: .violation(1002)),
    ConformanceCase(
        "4.1.2", "opcode 4 with payload", "5.2", [Server.frame(0x4, hello)], ending: .violation(1002)),
    afterText("4.1.3", 0x5, []),
    afterText("4.1.4", 0x6, hello),
    afterText("4.1.5", 0x7, hello, chop: 1),
    ConformanceCase("4.2.1", "opcode 11", "5.2", [Server.frame(0xB)], ending: .violation(1002)),
    ConformanceCase(
        "4.2.2", "opcode 12 with payload", "5.2", [Server.frame(0xC, hello)], ending: .violation(1002)),
    afterText("4.2.3", 0xD, []),
    afterText("4.2.4", 0xE, hello),
    afterText("4.2.5", 0xF, hello, chop: 1),
    ConformanceCase(
        "4+.1", "opcode 3 within a fragmented message", "5.2",
        [Server.text("a", fin: false), Server.frame(0x3), Server.rest("b")], ending: .violation(1002)),
]

private let hello = Array("Hello, world!".utf8)

private func afterText(_ number: String, _ opcode: UInt8, _ payload: [UInt8], chop: Int? = nil) -> ConformanceCase {
    ConformanceCase(
        number, "text, then opcode \(opcode) with \(payload.count) bytes, then ping", "5.2",
        [Server.text(hello), Server.frame(opcode, payload), Server.ping()], messages: [.text(hello)],
        ending: .violation(1002), chop: chop)
}

/// Category 1: framing. Lengths around every form of the length field.
let framingCases: [ConformanceCase] = {
    var cases: [ConformanceCase] = []
    let sizes = [0, 125, 126, 127, 128, 65535, 65536]
    for (index, size) in sizes.enumerated() {
        let payload = asciiPayload(size)
        cases.append(
            ConformanceCase(
                "1.1.\(index + 1)", "text of \(size) bytes", "5.2", [Server.text(payload)],
                messages: [.text(payload)]))
        let binary = [UInt8](repeating: 0xFE, count: size)
        cases.append(
            ConformanceCase(
                "1.2.\(index + 1)", "binary of \(size) bytes", "5.2", [Server.binary(binary)],
                messages: [.binary(binary)]))
    }
    let long = asciiPayload(65536)
    cases.append(
        ConformanceCase(
            "1.1.8", "text of 65536 bytes in pieces of 997", "5.2", [Server.text(long)], messages: [.text(long)],
            chop: 997))
    cases.append(
        ConformanceCase(
            "1.2.8", "binary of 65536 bytes in pieces of 997", "5.2", [Server.binary(long)],
            messages: [.binary(long)], chop: 997))
    return cases + lengthFormCases + maskedCases
}()

/// The length field must be in its shortest form, and below 2^63.
private let lengthFormCases: [ConformanceCase] = [
    ("0 in 2 bytes", Server.frame(0x1, [], form: .two)),
    ("125 in 2 bytes", Server.frame(0x2, asciiPayload(125), form: .two)),
    ("0 in 8 bytes", Server.frame(0x1, [], form: .eight)),
    ("125 in 8 bytes", Server.frame(0x1, asciiPayload(125), form: .eight)),
    ("126 in 8 bytes", Server.frame(0x2, asciiPayload(126), form: .eight)),
    ("65535 in 8 bytes", Server.frame(0x2, asciiPayload(65535), form: .eight)),
    ("2^63", Server.frame(0x2, [1], form: .eight, length: 1 << 63)),
    ("2^64 - 1", Server.frame(0x2, [1], form: .eight, length: .max)),
].enumerated().map { index, fault in
    ConformanceCase(
        "1+.1.\(index + 1)", "length \(fault.0)", "5.2", [Server.text("before"), fault.1],
        messages: [.text("before")], ending: .violation(1002))
}

private let maskedCases: [ConformanceCase] = [
    ("text", Server.frame(0x1, [0x61], mask: [1, 2, 3, 4])),
    ("empty binary", Server.frame(0x2, mask: [1, 2, 3, 4])),
    ("text with a key of zeros", Server.frame(0x1, [0x61], mask: [0, 0, 0, 0])),
    ("ping", Server.frame(0x9, mask: [1, 2, 3, 4])),
    ("close", Server.frame(0x8, [3, 0xE8], mask: [1, 2, 3, 4])),
    ("binary of 126 bytes", Server.frame(0x2, asciiPayload(126), mask: [1, 2, 3, 4])),
    ("binary of 65536 bytes", Server.frame(0x2, asciiPayload(65536), mask: [1, 2, 3, 4])),
].enumerated().map { index, fault in
    ConformanceCase(
        "1+.2.\(index + 1)", "masked \(fault.0)", "5.1", [Server.text("before"), fault.1],
        messages: [.text("before")], ending: .violation(1002))
}

import WebSocket

/// Category 7: closing.
let closingCases: [ConformanceCase] =
    [
        ConformanceCase(
            "7.1.1", "text, then close", "5.5.1", [Server.text("Hello World!"), Server.close(1000)],
            messages: [.text("Hello World!")], ending: .closed(1000)),
        ConformanceCase(
            "7.1.2", "two closes", "5.5.1", [Server.close(1000), Server.close(1000)], ending: .closed(1000)),
        ConformanceCase(
            "7.1.3", "ping after close", "5.5.2", [Server.close(1000), Server.ping()], ending: .closed(1000)),
        ConformanceCase(
            "7.1.4", "text after close", "5.5.1", [Server.close(1000), Server.text("late")], ending: .closed(1000)),
        ConformanceCase(
            "7.1.5", "close between two fragments", "5.5.1",
            [Server.text("fragment1", fin: false), Server.close(1000), Server.rest("fragment2")],
            ending: .closed(1000)),
        ConformanceCase(
            "7.1.6", "text of 256 KiB, then close, then ping", "5.5.1",
            [Server.text(asciiPayload(262_144)), Server.close(1000), Server.ping()],
            messages: [.text(asciiPayload(262_144))], ending: .closed(1000)),
        ConformanceCase("7.3.1", "close without payload", "7.1.5", [Server.close()], ending: .closed(1005)),
        ConformanceCase(
            "7.3.2", "close with one byte", "5.5.1", [Server.frame(0x8, [3])], ending: .violation(1002)),
        ConformanceCase("7.3.3", "close with a code", "5.5.1", [Server.close(1000)], ending: .closed(1000)),
        ConformanceCase(
            "7.3.4", "close with a code and a reason", "5.5.1", [Server.close(1000, "Hello World!")],
            ending: .closed(1000, "Hello World!")),
        ConformanceCase(
            "7.3.5", "close with a reason of 123 bytes", "5.5.1", [Server.close(1000, reason(123))],
            ending: .closed(1000, reason(123))),
        ConformanceCase(
            "7.3.6", "close with a reason of 124 bytes", "5.5", [Server.close(1000, reason(124))],
            ending: .violation(1002)),
        ConformanceCase(
            "7.5.1", "close with a reason that is not UTF-8", "8.1",
            [Server.close(1000, kosme + [0xED, 0xA0, 0x80] + Array("edited".utf8))], ending: .violation(1007)),
    ] + allowedCodes + forbiddenCodes + furtherCases

private let allowedCodes: [ConformanceCase] = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 1012, 1013, 1014, 4010, 4029,
].enumerated().map { index, code in
    ConformanceCase(
        "7.7.\(index + 1)", "close with \(code)", "7.4", [Server.close(code, "\(code): as usual")],
        ending: .closed(code, "\(code): as usual"))
}

private let forbiddenCodes: [ConformanceCase] =
    [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 1015].enumerated().map { forbidden("7.9.\($0 + 1)", $1) }
    + [5000, 65535].enumerated().map { forbidden("7.13.\($0 + 1)", $1) }

private let furtherCases: [ConformanceCase] = [
    ConformanceCase(
        "7+.1", "our close, answered", "7.1.1", [Server.close(1000, "bye")],
        ending: .closedByUs(sent: 3000, answer: CloseFrame(code: 1000, reason: "bye")),
        before: { $0.close(code: 3000) }),
    ConformanceCase(
        "7+.2", "our close, messages before the answer", "7.1.1",
        [Server.text("a"), Server.binary([1], fin: false), Server.rest([2]), Server.close(3000)],
        messages: [.text("a"), .binary([1, 2])],
        ending: .closedByUs(sent: 3000, answer: CloseFrame(code: 3000)), before: { $0.close(code: 3000) }),
    ConformanceCase(
        "7+.3", "our close, end of the stream instead of an answer", "7.1.1", [Server.text("a")],
        messages: [.text("a")], ending: .closedByUs(sent: 3000, answer: nil), before: { $0.close(code: 3000) },
        endsStream: true),
    ConformanceCase("7+.4", "end of the stream without a close", "7.1.5", [], ending: .unclean, endsStream: true),
    ConformanceCase(
        "7+.5", "end of the stream within a header", "7.1.5", [[0x81]], ending: .unclean, endsStream: true),
    ConformanceCase(
        "7+.6", "end of the stream after a close", "7.1.5", [Server.close(1001)], ending: .closed(1001),
        endsStream: true),
    ConformanceCase(
        "7+.7", "reason that ends within a character", "8.1", [Server.close(1000, [0xE2, 0x82])],
        ending: .violation(1007)),
    ConformanceCase(
        "7+.8", "a violation after a close", "5.5.1", [Server.close(1000), [0xFF, 0xFF]], ending: .closed(1000)),
]

private func forbidden(_ number: String, _ code: UInt16) -> ConformanceCase {
    ConformanceCase(number, "close with \(code)", "7.4", [Server.close(code)], ending: .violation(1002))
}

private func reason(_ size: Int) -> String { String(repeating: "*", count: size) }

/// Category 2: pings and pongs.
let pingCases: [ConformanceCase] = [
    ConformanceCase("2.1", "ping without payload", "5.5.2", [Server.ping()], pongs: [[]]),
    ConformanceCase(
        "2.2", "ping with text payload", "5.5.2", [Server.ping("Hello, world!")], pongs: [Array("Hello, world!".utf8)]),
    ConformanceCase(
        "2.3", "ping with bytes that are not UTF-8", "5.5.2", [Server.ping(notUTF8)], pongs: [notUTF8]),
    ConformanceCase("2.4", "ping with 125 bytes", "5.5.2", [Server.ping(full)], pongs: [full]),
    ConformanceCase(
        "2.5", "ping with 126 bytes", "5.5", [Server.ping(full + [0xFE])], ending: .violation(1002)),
    ConformanceCase("2.6", "ping with 125 bytes, byte by byte", "5.5.2", [Server.ping(full)], pongs: [full], chop: 1),
    ConformanceCase("2.7", "pong that nobody asked for", "5.5.3", [Server.pong()]),
    ConformanceCase("2.8", "pong with payload that nobody asked for", "5.5.3", [Server.pong("unasked")]),
    ConformanceCase(
        "2.9", "pong that nobody asked for, then a ping", "5.5.3", [Server.pong("unasked"), Server.ping("asked")],
        pongs: [Array("asked".utf8)]),
    ConformanceCase("2.10", "ten pings", "5.5.2", tenPings.map(Server.ping), pongs: tenPings),
    ConformanceCase("2.11", "ten pings, byte by byte", "5.5.2", tenPings.map(Server.ping), pongs: tenPings, chop: 1),
    ConformanceCase(
        "2+.1", "pings between messages", "5.5.2",
        [Server.ping("1"), Server.text("a"), Server.ping("2"), Server.binary([7]), Server.ping("3")],
        messages: [.text("a"), .binary([7])], pongs: [[0x31], [0x32], [0x33]]),
    ConformanceCase("2+.2", "pong with 126 bytes", "5.5", [Server.frame(0xA, full + [0])], ending: .violation(1002)),
    ConformanceCase(
        "2+.3", "ping that announces 65536 bytes", "5.5", [Server.frame(0x9, length: 65536)],
        ending: .violation(1002)),
    ConformanceCase(
        "2+.4", "ping while our Close waits for its answer", "5.5.2", [Server.ping("late"), Server.close(1000)],
        pongs: [Array("late".utf8)], ending: .closedByUs(sent: 3004, answer: .init(code: 1000)),
        before: { $0.close(code: 3004) }),
]

private let notUTF8: [UInt8] = [0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF]
private let full = [UInt8](repeating: 0xFE, count: 125)
private let tenPings = (0..<10).map { Array("payload-\($0)".utf8) }

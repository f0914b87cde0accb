/// Category 5: fragmentation, and category 10: a message in automatic fragments.
let fragmentationCases: [ConformanceCase] = [
    ConformanceCase(
        "5.1", "ping in two fragments", "5.5", [Server.frame(0x9, [1], fin: false), Server.rest([2])],
        ending: .violation(1002)),
    ConformanceCase(
        "5.2", "pong in two fragments", "5.5", [Server.frame(0xA, [1], fin: false), Server.rest([2])],
        ending: .violation(1002)),
    inTwo("5.3", "text in two fragments"),
    inTwo("5.4", "text in two fragments, frame by frame", chop: 11),
    inTwo("5.5", "text in two fragments, byte by byte", chop: 1),
    inTwo("5.6", "text in two fragments, a ping between", ping: "ping payload"),
    inTwo("5.7", "text in two fragments, a ping between, frame by frame", ping: "ping payl", chop: 11),
    inTwo("5.8", "text in two fragments, a ping between, byte by byte", ping: "ping payload", chop: 1),
    nothingToContinue("5.9", fin: true),
    nothingToContinue("5.10", fin: true, chop: 18),
    nothingToContinue("5.11", fin: true, chop: 1),
    nothingToContinue("5.12", fin: false),
    nothingToContinue("5.13", fin: false, chop: 18),
    nothingToContinue("5.14", fin: false, chop: 1),
    ConformanceCase(
        "5.15", "text in two fragments, then a continuation of nothing, then text", "5.4",
        [
            Server.text("fragment1", fin: false), Server.rest("fragment2"), Server.rest("fragment3", fin: false),
            Server.text("fragment4"),
        ], messages: [.text("fragment1fragment2")], ending: .violation(1002)),
    continuationFirst("5.16", fin: false),
    continuationFirst("5.17", fin: true),
    ConformanceCase(
        "5.18", "two text frames, the first without FIN", "5.4",
        [Server.text("fragment1", fin: false), Server.text("fragment2")], ending: .violation(1002)),
    inFive("5.19", chop: nil),
    inFive("5.20", chop: 1),
    ConformanceCase(
        "5+.1", "binary frame within a fragmented text", "5.4",
        [Server.text("a", fin: false), Server.binary([1])], ending: .violation(1002)),
    ConformanceCase(
        "5+.2", "close in two fragments", "5.5", [Server.frame(0x8, [3], fin: false), Server.rest([0xE8])],
        ending: .violation(1002)),
    ConformanceCase(
        "5+.3", "empty fragments only", "5.4",
        [Server.binary([], fin: false), Server.rest([], fin: false), Server.rest([UInt8]())],
        messages: [.binary([])]),
    ConformanceCase(
        "5+.4", "two fragmented messages, one after another", "5.4",
        [
            Server.binary([1], fin: false), Server.rest([2]), Server.text("a", fin: false), Server.pong(),
            Server.rest("b"),
        ], messages: [.binary([1, 2]), .text("ab")]),
    ConformanceCase(
        "5+.5", "message without an end, then the end of the stream", "7.1.5",
        [Server.text("a"), Server.text("b", fin: false)], messages: [.text("a")], ending: .unclean, endsStream: true),
]

let automaticFragmentationCases: [ConformanceCase] = [
    ConformanceCase(
        "10.1.1", "text of 65536 bytes in frames of 1300", "5.4",
        [Server.fragmented(0x1, asciiPayload(65536), size: 1300)], messages: [.text(asciiPayload(65536))])
]

private func inTwo(_ number: String, _ title: String, ping: String? = nil, chop: Int? = nil) -> ConformanceCase {
    var frames = [Server.text("fragment1", fin: false), Server.rest("fragment2")]
    if let ping { frames.insert(Server.ping(ping), at: 1) }
    return ConformanceCase(
        number, title, "5.4", frames, messages: [.text("fragment1fragment2")],
        pongs: ping.map { [Array($0.utf8)] } ?? [], chop: chop)
}

private func nothingToContinue(_ number: String, fin: Bool, chop: Int? = nil) -> ConformanceCase {
    ConformanceCase(
        number, "continuation of nothing, FIN \(fin)", "5.4",
        [Server.rest("non-continuation", fin: fin), Server.text("Hello, world!")], ending: .violation(1002),
        chop: chop)
}

private func continuationFirst(_ number: String, fin: Bool) -> ConformanceCase {
    let once = [
        Server.rest("fragment1", fin: fin), Server.text("fragment2", fin: false), Server.rest("fragment3"),
    ]
    return ConformanceCase(
        number, "twice: continuation of nothing with FIN \(fin), text in two fragments", "5.4", once + once,
        ending: .violation(1002))
}

private func inFive(_ number: String, chop: Int?) -> ConformanceCase {
    ConformanceCase(
        number, "text in five fragments, two pings between", "5.4",
        [
            Server.text("fragment1", fin: false), Server.rest("fragment2", fin: false), Server.ping("pongme 1!"),
            Server.rest("fragment3", fin: false), Server.rest("fragment4", fin: false), Server.ping("pongme 2!"),
            Server.rest("fragment5"),
        ], messages: [.text("fragment1fragment2fragment3fragment4fragment5")],
        pongs: [Array("pongme 1!".utf8), Array("pongme 2!".utf8)], chop: chop)
}
